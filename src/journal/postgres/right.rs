//! The right to sign: a lock of the database's that lasts as long as a connection of its own.

use std::{future::Future, io, pin::Pin, time::Duration};

use tokio::time::{sleep, timeout};

use super::{
    PostgresJournal,
    connection::{Connection, Purpose},
};
use crate::journal::{JournalError, NotApplied, RightToSign};

/// Beside it in the lock's name stands the ledger's number: `jsgn`.
const LOCK: i32 = 0x6a73_676e;

/// How often it is made sure that the connection is there.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long the database may take to answer: after that it may have given the lock to another.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// The lock, held by this connection.
struct Locked {
    connection: Connection,
}

/// Takes the right, if nobody has it.
pub(super) async fn take(
    journal: &PostgresJournal,
) -> Result<Option<Box<dyn RightToSign>>, JournalError> {
    let unavailable = |error| JournalError::NotApplied(NotApplied::Unavailable(error));
    // Who is told that another has it comes again, over the same connection.
    let mut candidate = journal.candidate.lock().await;
    let asked = async {
        let connection = match candidate.take().filter(|it| !it.client.is_closed()) {
            Some(connection) => connection,
            None => journal.connector.connect(Purpose::Signing).await.map_err(io::Error::other)?,
        };
        let lock = "SELECT pg_try_advisory_lock($1, $2)";
        let row = connection.client.query_one(lock, &[&LOCK, &journal.ledger]).await;
        let had: bool = row.and_then(|row| row.try_get(0)).map_err(io::Error::other)?;
        if !had {
            *candidate = Some(connection);
            return Ok(None);
        }
        Ok(Some(connection))
    };
    let answered = timeout(ANSWER_MAX, asked).await;
    let connection = match answered {
        Ok(connection) => connection.map_err(unavailable)?,
        Err(_) => return Err(unavailable(super::error::late("the database took too long"))),
    };
    Ok(connection.map(|connection| {
        let right: Box<dyn RightToSign> = Box::new(Locked { connection });
        right
    }))
}

impl RightToSign for Locked {
    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                sleep(ASK_EVERY).await;
                let asked = self.connection.client.simple_query("");
                match timeout(ANSWER_MAX, asked).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        })
    }
}
