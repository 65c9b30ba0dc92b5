//! Why a journal in PostgreSQL cannot be opened or migrated, and what an error of the database means.

use std::{error::Error as _, io, time::Duration};

use tokio_postgres::error::SqlState;
use tokio_rustls::rustls;

use crate::journal::NotApplied;

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error("the address of the database is malformed")]
    Address(#[source] tokio_postgres::Error),
    /// The password cannot be read.
    #[error("{file}: the password of the database cannot be read")]
    Password {
        /// Its file.
        file: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others on the way could read everything, and the password.
    #[error(
        "the database is on another machine, and its address does not ask for TLS: add sslmode=require, or \
         say --journal-insecure"
    )]
    InClear,
    /// TLS cannot be spoken as it was asked for.
    #[error("TLS to the database cannot be spoken: {0}")]
    Tls(String),
    /// Connections cannot be kept for use again: this build is broken.
    #[error("connections cannot be kept for use again")]
    Pool(#[source] deadpool::managed::BuildError),
    /// No connection was made.
    #[error("the database at {place} cannot be used")]
    Connect {
        /// Where it is: its hosts and its name.
        place: String,
        /// Why not.
        #[source]
        source: ConnectError,
    },
    /// The schema is not one that this version works with.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The database refused, or was lost.
    #[error(
        "no connection was made: see that it runs, and that hosts, role and password in its address are right"
    )]
    Refused(#[source] tokio_postgres::Error),
    /// It shows a certificate that is not to be trusted.
    #[error(
        "its certificate is not to be trusted: name the authority that signed it by --journal-ca, and the \
         host in the address as the certificate does"
    )]
    Certificate(#[source] tokio_postgres::Error),
    /// It did not answer in time: it may be frozen.
    #[error("the database did not answer within {0:?}")]
    Late(Duration),
    /// A commit would be lost with the machine that holds it.
    #[error(
        "a commit may be lost with one machine: {what}; name standbys that confirm it \
         (synchronous_standby_names), or accept that with --durability local"
    )]
    NotDurable {
        /// Why.
        what: &'static str,
    },
    /// Its first write was not confirmed by the standbys that it needs.
    #[error("what the connection wrote first may not be on a standby")]
    Barrier,
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            let within = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(rustls::Error::InvalidCertificate(_)) =
                within.and_then(|it| it.downcast_ref())
            {
                return Self::Certificate(error);
            }
            source = cause.source();
        }
        Self::Refused(error)
    }
}

/// Why the schema is not there.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database refused, or was lost.
    #[error("the database refuses")]
    Refused(#[from] tokio_postgres::Error),
    /// It was never made.
    #[error("the database has no schema of ours: make it with `judgement-ledger migrate`")]
    None,
    /// There is no such ledger.
    #[error(
        "the database has no ledger {name}: begin it with `judgement-ledger migrate --begin {name}`"
    )]
    NoLedger {
        /// Its name.
        name: String,
    },
    /// Another version, or another program, made it.
    #[error("migration {number} is not the one of this version: the database is another's")]
    Other {
        /// Which migration.
        number: i32,
    },
    /// It must be migrated.
    #[error(
        "the schema is of version {found}, this version needs {oldest} at least: run \
         `judgement-ledger migrate`"
    )]
    Older {
        /// Of the database.
        found: i32,
        /// Needed.
        oldest: i32,
    },
    /// A newer version made it.
    #[error("the schema is of version {found}, this version knows {newest}: take a newer version")]
    Newer {
        /// Of the database.
        found: i32,
        /// Known.
        newest: i32,
    },
}

/// Why nothing was stored, by an error before the commit was sent.
pub(super) fn not_applied(error: tokio_postgres::Error) -> NotApplied {
    let full = error.code() == Some(&SqlState::DISK_FULL);
    let error = io::Error::other(error);
    if full { NotApplied::Full(error) } else { NotApplied::Unavailable(error) }
}

/// That what is behind a connection is not what its barrier was written to.
pub(super) fn restarted() -> io::Error {
    io::Error::other("the database has started anew behind this connection")
}

/// That something took too long.
pub(super) fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
