-- One row a ledger: what orders its appends. Few columns, all of fixed or small size, and room on the
-- page for newer versions of the row, since each append makes one.
CREATE TABLE ledger (
    ledger_id integer PRIMARY KEY CHECK (ledger_id > 0),
    id uuid NOT NULL,
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    mark bytea
) WITH (fillfactor = 10);

-- What ledgers are called.
CREATE TABLE ledger_name (
    name text PRIMARY KEY,
    ledger_id integer NOT NULL UNIQUE
);

-- The entries, at positions from 1 without a gap.
CREATE TABLE entry (
    ledger_id integer NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    record bytea NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (ledger_id, position)
);
-- Sealed texts and records do not compress: trying costs time.
ALTER TABLE entry ALTER COLUMN record SET STORAGE EXTERNAL, ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Under which keys an entry is filed.
CREATE TABLE filed (
    ledger_id integer NOT NULL,
    key bytea NOT NULL CHECK (octet_length(key) = 12),
    position bigint NOT NULL,
    PRIMARY KEY (ledger_id, key, position)
);

-- The newest checkpoint of each ledger.
CREATE TABLE checkpoint (
    ledger_id integer PRIMARY KEY,
    note bytea NOT NULL
);

-- What a new connection writes before anything is read over it: see the module's barrier.
CREATE TABLE barrier (
    ledger_id integer NOT NULL,
    connection uuid NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ledger_id, connection)
);
