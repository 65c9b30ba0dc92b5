//! A turn: a transaction that holds the ledger's row, and appends one group or nothing.

use std::{io, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use futures_util::future::{try_join, try_join3};
use tokio::time::{Instant, timeout};
use tokio_postgres::{Row, types::ToSql};

use super::{
    Known, PostgresJournal,
    connection::{Pool, Ready, barrier},
    error::{late, not_applied, restarted},
};
use crate::{
    journal::{Answer, Durability, Entry, Group, Head, JournalError, Mark, NotApplied, Turn},
    judgement::Position,
};

/// How many bytes one group may have: as many as the file store takes into one.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// How long a turn may be waited for, with the connection that it needs.
const TURN_MAX: Duration = Duration::from_secs(8);

/// How long an append may take: a commit that waits for standbys longer has an unknown outcome.
const APPEND_MAX: Duration = Duration::from_secs(4);

/// How long the end of a transaction that changed nothing may take.
const ROLLBACK_MAX: Duration = Duration::from_secs(1);

/// A connection out of the pool.
pub(super) type Taken = deadpool::managed::Object<super::connection::Keeper>;

/// The exclusive right to append: the ledger's row is locked.
pub(super) struct PostgresTurn<'j> {
    journal: &'j PostgresJournal,
    /// There until it is given back or given up.
    taken: Option<Taken>,
    head: Head,
}

impl<'j> PostgresTurn<'j> {
    /// Waits for the turn.
    pub(super) async fn take(journal: &'j PostgresJournal) -> Result<Self, JournalError> {
        let taken = timeout(TURN_MAX, locked(journal)).await;
        let taken = taken.unwrap_or_else(|_| Err(late("another holds the ledger")));
        let (taken, head) =
            taken.map_err(|error| JournalError::NotApplied(NotApplied::Unavailable(error)))?;
        Ok(Self { journal, taken: Some(taken), head })
    }

    async fn store(mut self, group: Group) -> Result<Head, JournalError> {
        let group = checked(group).map_err(JournalError::NotApplied)?;
        // Until the commit is sent an error means that nothing is stored: the connection is closed, and
        // the transaction ends with it.
        let Some(taken) = self.taken.take() else {
            let gone = io::Error::other("the turn is over");
            return Err(JournalError::NotApplied(NotApplied::Unavailable(gone)));
        };
        let began = Instant::now();
        let written = timeout(APPEND_MAX, self.write(&taken, &group)).await;
        let written = match written {
            Ok(Ok(head)) => Ok(head),
            Ok(Err(error)) => Err(not_applied(error)),
            Err(_) => Err(NotApplied::Unavailable(late("the database took too long"))),
        };
        let head = match written {
            Ok(head) => head,
            Err(why) => {
                give_up(taken);
                return Err(JournalError::NotApplied(why));
            }
        };
        let warnings = taken.connection.warnings();
        // The commit point. It waits for as many standbys as commits need.
        let left = APPEND_MAX.saturating_sub(began.elapsed());
        // What the standbys are asked for can change while it waits, and then it is let go.
        let client = &taken.connection.client;
        let parameters: [&(dyn ToSql + Sync); 1] = [&self.journal.ledger];
        let committed = try_join(
            client.batch_execute("COMMIT"),
            client.query_one(&taken.ask.confirmed, &parameters),
        );
        let committed = timeout(left, committed).await;
        let unknown = match committed {
            Ok(Ok(((), asked)))
                if taken.connection.warnings() == warnings
                    && is_confirmed(self.journal, &asked) =>
            {
                taken.in_transaction.store(false, Ordering::Release);
                return Ok(head);
            }
            // It is committed on this machine, and its wait for the standbys was ended.
            Ok(Ok(_)) => io::Error::other("the commit may not be on a standby"),
            Ok(Err(error)) => io::Error::other(error),
            Err(_) => late("the commit was not confirmed in time"),
        };
        give_up(taken);
        // Who looks what became of it does so behind a barrier.
        self.journal.begin_anew();
        Err(JournalError::Unknown(unknown))
    }

    /// All but the commit, in one round trip.
    async fn write(&self, taken: &Taken, group: &Group) -> Result<Head, tokio_postgres::Error> {
        let Ready { connection, ask, .. } = &**taken;
        let (client, ledger) = (&connection.client, self.journal.ledger);
        let records: Vec<_> = group.entries.iter().map(|it| it.record.as_ref()).collect();
        let sealed: Vec<_> = group.entries.iter().map(|it| it.sealed.as_ref()).collect();
        let (mut keys, mut filed) = (Vec::new(), Vec::new());
        let mut at = self.head.position;
        for entry in &group.entries {
            at = at.next();
            let mut under = (self.journal.filing)(&entry.record);
            under.sort_unstable();
            under.dedup();
            for key in under {
                keys.push(key.0.to_vec());
                filed.push(signed(at));
            }
        }
        let (before, after) = (signed(self.head.position), signed(at));
        let mark = group.mark.as_ref();
        let (_, _, advanced) = try_join3(
            client.execute(&ask.add, &[&ledger, &before, &records, &sealed]),
            client.execute(&ask.file, &[&ledger, &keys, &filed]),
            client.execute(&ask.advance, &[&ledger, &before, &after, &mark]),
        )
        .await?;
        debug_assert_eq!(advanced, 1, "the row is locked");
        Ok(Head { position: at, mark: Some(Mark { at, bytes: group.mark.clone() }) })
    }
}

/// A group that can be stored.
fn checked(group: Group) -> Result<Group, NotApplied> {
    if group.entries.is_empty() {
        let empty = io::Error::new(io::ErrorKind::InvalidInput, "a group has at least one entry");
        return Err(NotApplied::Unavailable(empty));
    }
    let of_entry = |it: &Entry| it.record.len().saturating_add(it.sealed.len());
    let bytes = group.entries.iter().map(of_entry).fold(group.mark.len(), usize::saturating_add);
    if bytes > GROUP_BYTES_MAX {
        return Err(NotApplied::TooLarge { bytes, bytes_max: GROUP_BYTES_MAX });
    }
    Ok(group)
}

/// Begins a transaction and locks the ledger's row, in one round trip.
async fn locked(journal: &PostgresJournal) -> Result<(Taken, Head), io::Error> {
    let taken = take(&journal.writing).await?;
    let Ready { connection, ask, in_transaction, .. } = &*taken;
    in_transaction.store(true, Ordering::Release);
    let client = &connection.client;
    let parameters: [&(dyn ToSql + Sync); 1] = [&journal.ledger];
    let locked = try_join(client.batch_execute("BEGIN"), client.query_one(&ask.lock, &parameters));
    match timeout(APPEND_MAX, locked).await {
        Ok(Ok(((), row))) => {
            let head = head_of(&row).map_err(io::Error::other)?;
            // What a primary asks of its standbys can be changed while it runs.
            let confirmed: bool = row.try_get(2).map_err(io::Error::other)?;
            if taken.has_restarted(&row, 3).map_err(io::Error::other)? {
                give_up(taken);
                journal.begin_anew();
                return Err(restarted());
            }
            if journal.durability == Durability::Quorum && !confirmed {
                give_up(taken);
                return Err(io::Error::other("no standby confirms a commit any more"));
            }
            Ok((taken, head))
        }
        Ok(Err(error)) => {
            give_up(taken);
            Err(io::Error::other(error))
        }
        Err(_) => {
            give_up(taken);
            Err(late("another holds the ledger, or the database is frozen"))
        }
    }
}

/// A connection.
pub(super) async fn take(pool: &Pool) -> Result<Taken, io::Error> {
    pool.get().await.map_err(io::Error::other)
}

/// Closes a connection, whatever is under way on it: it is not used again.
pub(super) fn give_up(taken: Taken) {
    drop(Taken::take(taken));
}

/// The end of a ledger, of its row.
pub(super) fn head_of(row: &Row) -> Result<Head, tokio_postgres::Error> {
    let size: i64 = row.try_get(0)?;
    let mark: Option<&[u8]> = row.try_get(1)?;
    let position = position(size);
    let mark = mark.map(|bytes| Mark { at: position, bytes: Bytes::copy_from_slice(bytes) });
    Ok(Head { position, mark })
}

/// A position as the database has it. None is beyond: it counts from one.
pub(super) fn signed(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

/// A position that the database has.
pub(super) fn position(signed: i64) -> Position {
    Position::new(u64::try_from(signed).unwrap_or_default())
}

impl Turn for PostgresTurn<'_> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn append<'a>(self: Box<Self>, group: Group) -> Answer<'a, Head>
    where
        Self: 'a,
    {
        Box::pin(self.store(group))
    }
}

impl Drop for PostgresTurn<'_> {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        // Nothing was stored; the connection is good for the next turn once the row is free.
        self.journal.connector.runtime.spawn(async move {
            let ended = timeout(ROLLBACK_MAX, taken.connection.client.batch_execute("ROLLBACK"));
            match ended.await {
                Ok(Ok(())) => taken.in_transaction.store(false, Ordering::Release),
                Ok(Err(_)) | Err(_) => give_up(taken),
            }
        });
    }
}

/// Whether a commit before this answer waited for what the journal promises.
fn is_confirmed(journal: &PostgresJournal, asked: &Row) -> bool {
    journal.durability != Durability::Quorum || asked.try_get(0).unwrap_or(false)
}

/// Waits until all that was seen is on the standbys: whatever was visible lies before a write of its own.
pub(super) async fn confirm(journal: &PostgresJournal) -> Result<(), JournalError> {
    let unavailable = |error| JournalError::NotApplied(NotApplied::Unavailable(error));
    let taken = timeout(TURN_MAX, take(&journal.writing)).await;
    let taken =
        taken.unwrap_or_else(|_| Err(late("no connection is free"))).map_err(unavailable)?;
    let confirmed = async {
        barrier(&taken.connection, journal.ledger).await.map_err(io::Error::other)?;
        let asked =
            taken.connection.client.query_one(&taken.ask.confirmed, &[&journal.ledger]).await;
        Ok::<_, io::Error>(is_confirmed(journal, &asked.map_err(io::Error::other)?))
    };
    let failed = match timeout(APPEND_MAX, confirmed).await {
        Ok(Ok(true)) => return Ok(()),
        Ok(Ok(false)) => io::Error::other("no standby confirms a commit any more"),
        Ok(Err(error)) => error,
        Err(_) => late("what was written is not confirmed in time"),
    };
    give_up(taken);
    Err(unavailable(failed))
}

/// Keeps a checkpoint in place of the one that this process knows of: one that was frozen meanwhile does not
/// put an old one in the place of another's. It stands alone, so that doing it again is harmless.
pub(super) async fn keep_checkpoint(
    journal: &PostgresJournal,
    checkpoint: &[u8],
) -> Result<(), JournalError> {
    let unavailable = |error| JournalError::NotApplied(NotApplied::Unavailable(error));
    let taken = timeout(TURN_MAX, take(&journal.writing)).await;
    let taken =
        taken.unwrap_or_else(|_| Err(late("no connection is free"))).map_err(unavailable)?;
    let (connection, ask) = (&taken.connection, &taken.ask);
    let warnings = connection.warnings();
    let known = journal.known_checkpoint();
    let (before, any) = match &known {
        Known::Nothing => (None, true),
        Known::Newest(note) => (note.as_deref(), false),
    };
    let kept = async {
        let client = &connection.client;
        let parameters: [&(dyn ToSql + Sync); 4] = [&journal.ledger, &checkpoint, &before, &any];
        let kept = client.execute(&ask.keep_checkpoint, &parameters);
        try_join(kept, client.query_one(&ask.confirmed, &parameters[..1])).await
    };
    let unknown = match timeout(APPEND_MAX, kept).await {
        Ok(Ok((0, _))) => return Err(JournalError::NotApplied(NotApplied::Overtaken)),
        Ok(Ok((_, asked)))
            if connection.warnings() == warnings && is_confirmed(journal, &asked) =>
        {
            journal.checkpoint_is(Some(Bytes::copy_from_slice(checkpoint)));
            return Ok(());
        }
        Ok(Ok(_)) => io::Error::other("the commit may not be on a standby"),
        Ok(Err(error)) => io::Error::other(error),
        Err(_) => late("the commit was not confirmed in time"),
    };
    give_up(taken);
    Err(JournalError::Unknown(unknown))
}
