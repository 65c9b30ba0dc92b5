//! The schema: numbered migrations within the binary, applied by its owner and checked at each start.
//!
//! Each is only ever added to: a migration widens what is there, so that servers of the version before go
//! on beside it, and a later one takes away what nobody uses any more (expand, then contract). What was
//! applied is noted with its digest, so that a database whose history is another is refused; and with the
//! oldest schema that a server must know to work with it, so that servers before that refuse it.

use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;

use super::error::SchemaError;

/// The migrations, in their order; the first is number 1. Each with the newest schema that a server must
/// know at least to work with it.
const MIGRATIONS: [(i32, &str); 1] = [(1, include_str!("migrations/0001-ledgers.sql"))];

/// The oldest schema that this version works with.
const OLDEST: i32 = 1;

/// Held while migrations are applied, so that two processes do not at once: `jledgers`.
const LOCK: i64 = 0x6a6c_6564_6765_7273;

/// Where it is noted what was applied.
const NOTED: &str = "CREATE TABLE IF NOT EXISTS migration (
    number integer PRIMARY KEY,
    digest bytea NOT NULL,
    must_know integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)";

/// What the role under which servers run may do: it adds, and moves a ledger's end. It has no right to
/// change or delete an entry.
const GRANTS: &str = "
    GRANT SELECT ON migration, ledger_name TO {role};
    GRANT SELECT, UPDATE (size, mark) ON ledger TO {role};
    GRANT SELECT, INSERT ON entry, filed TO {role};
    GRANT SELECT, INSERT, UPDATE ON checkpoint TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON barrier TO {role};
";

fn digest(sql: &str) -> Vec<u8> {
    Sha256::digest(sql).to_vec()
}

/// A migration.
struct Migration {
    number: i32,
    must_know: i32,
    sql: &'static str,
}

/// One that is noted as applied.
#[derive(Debug, Clone)]
struct Applied {
    number: i32,
    must_know: i32,
    digest: Vec<u8>,
}

fn migrations() -> impl Iterator<Item = Migration> {
    (1..).zip(MIGRATIONS).map(|(number, (must_know, sql))| Migration { number, must_know, sql })
}

/// The newest schema that this version knows.
fn newest() -> i32 {
    migrations().map(|it| it.number).last().unwrap_or_default()
}

/// Applies what is lacking, each migration as a whole. How many were.
///
/// # Errors
/// [`SchemaError`]; what was applied before stays.
pub(super) async fn migrate(owner: &mut Client) -> Result<usize, SchemaError> {
    owner.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    owner.batch_execute(NOTED).await?;
    let applied = applied(owner).await?;
    check(&applied, 0)?;
    let lacking = migrations().skip(applied.len());
    let mut count: usize = 0;
    for Migration { number, must_know, sql } in lacking {
        let transaction = owner.transaction().await?;
        transaction.batch_execute(sql).await?;
        let noted = "INSERT INTO migration (number, digest, must_know) VALUES ($1, $2, $3)";
        transaction.execute(noted, &[&number, &digest(sql), &must_know]).await?;
        transaction.commit().await?;
        count = count.saturating_add(1);
    }
    owner.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    Ok(count)
}

/// Lets a role run servers.
///
/// # Errors
/// [`SchemaError`].
pub(super) async fn grant(owner: &mut Client, role: &str) -> Result<(), SchemaError> {
    let transaction = owner.transaction().await?;
    // Two at once would each find the other's change in the way.
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let quoted = transaction.query_one("SELECT quote_ident($1)", &[&role]).await?;
    let quoted: String = quoted.try_get(0)?;
    transaction.batch_execute(&GRANTS.replace("{role}", &quoted)).await?;
    Ok(transaction.commit().await?)
}

/// Begins a ledger, unless there is one of that name. Whether it was begun.
///
/// # Errors
/// [`SchemaError`].
pub(super) async fn begin_ledger(
    owner: &mut Client,
    name: &str,
    id: Uuid,
) -> Result<bool, SchemaError> {
    let transaction = owner.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let known = "SELECT 1 FROM ledger_name WHERE name = $1";
    if transaction.query_opt(known, &[&name]).await?.is_some() {
        return Ok(false);
    }
    let next = "SELECT coalesce(max(ledger_id), 0) + 1 FROM ledger";
    let number: i32 = transaction.query_one(next, &[]).await?.try_get(0)?;
    let ledger = "INSERT INTO ledger (ledger_id, id) VALUES ($1, $2)";
    transaction.execute(ledger, &[&number, &id]).await?;
    let named = "INSERT INTO ledger_name (name, ledger_id) VALUES ($1, $2)";
    transaction.execute(named, &[&name, &number]).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Which ledger is called so: its number and its id.
///
/// # Errors
/// [`SchemaError`]: the schema is not one that this version works with, or there is no such ledger.
pub(super) async fn ledger(client: &Client, name: &str) -> Result<(i32, Uuid), SchemaError> {
    let there = "SELECT to_regclass('migration') IS NOT NULL";
    if !client.query_one(there, &[]).await?.try_get::<_, bool>(0)? {
        return Err(SchemaError::None);
    }
    check(&applied(client).await?, OLDEST)?;
    let named = "SELECT l.ledger_id, l.id FROM ledger_name n JOIN ledger l USING (ledger_id) WHERE n.name = $1";
    let found = client.query_opt(named, &[&name]).await?;
    let found = found.ok_or_else(|| SchemaError::NoLedger { name: name.to_owned() })?;
    Ok((found.try_get(0)?, found.try_get(1)?))
}

/// What is noted as applied.
async fn applied(client: &Client) -> Result<Vec<Applied>, SchemaError> {
    let all = "SELECT number, must_know, digest FROM migration ORDER BY number";
    let rows = client.query(all, &[]).await?;
    let noted = rows.iter().map(|row| {
        let (number, must_know) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Applied { number, must_know, digest: row.try_get(2)? })
    });
    noted.collect()
}

/// That this history is a beginning of ours, or goes beyond it by what a server of this version need not
/// know.
fn check(applied: &[Applied], oldest: i32) -> Result<(), SchemaError> {
    for (ours, noted) in migrations().zip(applied) {
        if (ours.number, &digest(ours.sql)) != (noted.number, &noted.digest) {
            return Err(SchemaError::Other { number: noted.number });
        }
    }
    let found = applied.last().map_or(0, |it| it.number);
    if found < oldest {
        return Err(SchemaError::Older { found, oldest });
    }
    let must_know = applied.iter().map(|it| it.must_know).max().unwrap_or_default();
    if must_know > newest() {
        return Err(SchemaError::Newer { found, newest: newest() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Vec<Applied> {
        let noted = |it: Migration| Applied {
            number: it.number,
            must_know: it.must_know,
            digest: digest(it.sql),
        };
        migrations().map(noted).collect()
    }

    #[test]
    fn a_history_that_is_not_ours_is_refused() {
        assert!(check(&ours(), OLDEST).is_ok());
        assert!(matches!(check(&[], OLDEST), Err(SchemaError::Older { found: 0, .. })));
        let mut other = ours();
        other[0].digest[0] ^= 1;
        assert!(matches!(check(&other, OLDEST), Err(SchemaError::Other { number: 1 })));
        // A schema that grew by what a server of this version need not know, and one that did not.
        let next = Applied { number: newest() + 1, must_know: newest(), digest: vec![0; 32] };
        let widened: Vec<_> = ours().into_iter().chain([next.clone()]).collect();
        assert!(check(&widened, OLDEST).is_ok());
        let next = Applied { must_know: newest() + 1, ..next };
        let narrowed: Vec<_> = ours().into_iter().chain([next]).collect();
        assert!(matches!(check(&narrowed, OLDEST), Err(SchemaError::Newer { .. })));
    }
}
