//! The operator's service: how the ledger stands, and copies of it to keep elsewhere.
//!
//! It asks for no credential: its socket is opened by the operator alone. What it copies goes out as
//! it lies, page by page as the operator takes it, and waits for nobody who records.

mod handing;

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, stream};
use jiff::Timestamp;
use tonic::{Request, Response, Status};

use super::status::{self, Problem, Reason};
use crate::{
    journal::{Durability, Page, Stored},
    judgement::Position,
    ledger::{KeyringFile, Ledger, Published, Reads, SubmitError},
    merkle::Hash,
    pb::{self, admin_service_server::AdminService},
};

use handing::Handing;

/// What is sent at once: about a mebibyte, so that neither side holds more than some of them.
const PIECE: Page = Page { entries_max: 2_048, bytes_max: 1 << 20 };

/// Why nothing is recorded while that is so.
const UNREACHABLE: &str =
    "the database that holds the journal takes nothing, or cannot be asked; readings are of before";

/// What the operator is told of a server, beside what its ledger knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The ledger's id.
    pub ledger_id: [u8; 16],
    /// When it began to be served.
    pub started_at: Timestamp,
    /// What it is called in its checkpoints.
    pub origin: String,
    /// The names of the formats in which this program writes, and their versions.
    pub formats: Vec<(&'static str, u32)>,
}

/// Answers the operator.
pub(super) struct AdminApi {
    /// What it answers from.
    pub(super) ledger: Ledger,
    /// What else it tells.
    pub(super) about: Arc<About>,
}

type Pieces<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AdminService for AdminApi {
    type BackupStream = Pieces<pb::BackupPiece>;
    type BackupKeyringStream = Pieces<pb::KeyringFile>;

    async fn get_info(
        &self,
        _request: Request<pb::GetInfoRequest>,
    ) -> Result<Response<pb::Info>, Status> {
        let (head, about) = (self.ledger.head(), &self.about);
        let answered = *self.ledger.reads().borrow() == Reads::Answered;
        Ok(Response::new(pb::Info {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ledger_id: Bytes::copy_from_slice(&about.ledger_id),
            started_at: Some(timestamp(about.started_at)),
            position: head.position.get(),
            recorded_at: Some(timestamp(head.recorded_at)),
            covered: *self.ledger.covered().borrow(),
            reads_answered: answered,
            read_only: self.why_nothing_is_recorded(),
            formats: about.formats.iter().map(format).collect(),
            origin: about.origin.clone(),
            keys: self.keys(),
            durability: match self.ledger.durability() {
                Durability::Disk => pb::Durability::Disk,
                Durability::Local => pb::Durability::Local,
                Durability::Quorum => pb::Durability::Quorum,
            }
            .into(),
        }))
    }

    async fn backup(
        &self,
        request: Request<pb::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let from = request.into_inner().from_size;
        let published = self.published().await?;
        let grown = match from {
            0 => Vec::new(),
            from => self.grown(from, published.head.size).await?,
        };
        let head = pb::BackupHead {
            ledger_id: Bytes::copy_from_slice(&self.about.ledger_id),
            from_size: from,
            checkpoint: published.text.clone(),
            consistency: grown,
        };
        let copying = Copying {
            ledger: self.ledger.clone(),
            handing: Handing::records(from, published.head.size),
            head: Some(head),
            after: Position::new(from),
            until: Position::new(published.head.size),
        };
        Ok(Response::new(Box::pin(stream::try_unfold(copying, Copying::next))))
    }

    async fn backup_keyring(
        &self,
        _request: Request<pb::BackupKeyringRequest>,
    ) -> Result<Response<Self::BackupKeyringStream>, Status> {
        let names = self.ledger.keyring_names().await.map_err(|error| unreadable(&error))?;
        let begins = (self.ledger.clone(), VecDeque::from(names), Handing::keyring());
        let ledger_id = Bytes::copy_from_slice(&self.about.ledger_id);
        let next = move |(ledger, mut left, mut handing): (Ledger, VecDeque<String>, Handing)| {
            let ledger_id = ledger_id.clone();
            async move {
                let Some(next) = left.pop_front() else {
                    handing.is_whole();
                    return Ok(None);
                };
                let read = ledger.keyring_file(next).await.map_err(|error| unreadable(&error))?;
                // A block is never removed, only written anew in one step.
                let KeyringFile { name, content } = read.ok_or_else(status::defect)?;
                let sent = pb::KeyringFile { ledger_id, name, content: Bytes::from(content) };
                handing.goes_on(1);
                Ok(Some((sent, (ledger, left, handing))))
            }
        };
        Ok(Response::new(Box::pin(stream::try_unfold(begins, next))))
    }
}

impl AdminApi {
    /// A sentence; empty if commands are taken. A ledger that is read-only stays so once there is room.
    fn why_nothing_is_recorded(&self) -> String {
        match self.ledger.read_only() {
            Some(why) => why.to_string(),
            None if self.ledger.metrics().disk_full.is_so() => SubmitError::Full.to_string(),
            None if self.ledger.metrics().journal_unreachable.is_so() => UNREACHABLE.to_owned(),
            None => String::new(),
        }
    }

    /// The keys of the log that sign, as those who verify it are given them.
    fn keys(&self) -> Vec<String> {
        let published = self.ledger.checkpoint();
        published.iter().flat_map(|it| it.keys.iter()).map(ToString::to_string).collect()
    }

    /// The newest checkpoint, which covers all that was recorded before it is asked for, if it comes
    /// in time.
    async fn published(&self) -> Result<Arc<Published>, Status> {
        if let Some(read_only) = self.ledger.read_only() {
            let problem = Problem::new(Reason::ReadOnly, read_only.to_string())
                .with("signed", read_only.signed)
                .with("head", read_only.head);
            return Err(problem.status());
        }
        let head = self.ledger.head().position.get();
        let covering = self.ledger.checkpoint_covering(head).await;
        covering
            .or_else(|late| self.ledger.checkpoint().ok_or(late))
            .map_err(|error| status::of_read(&error))
    }

    /// Leads from an earlier tree to the one of the newest checkpoint.
    async fn grown(&self, from: u64, to: u64) -> Result<Vec<Bytes>, Status> {
        if from == to {
            return Ok(Vec::new());
        }
        let grown = self.ledger.consistency(from, to).await;
        let grown = grown.map_err(|error| status::of_read(&error))?;
        let bytes = |hash: &Hash| Bytes::copy_from_slice(hash.as_bytes());
        Ok(grown.proof.hashes().iter().map(bytes).collect())
    }
}

/// A backup under way.
struct Copying {
    ledger: Ledger,
    handing: Handing,
    head: Option<pb::BackupHead>,
    after: Position,
    until: Position,
}

impl Copying {
    /// The next piece: what comes first, then entries until all are sent.
    async fn next(mut self) -> Result<Option<(pb::BackupPiece, Self)>, Status> {
        use pb::backup_piece::Piece;
        if let Some(head) = self.head.take() {
            return Ok(Some((pb::BackupPiece { piece: Some(Piece::Head(head)) }, self)));
        }
        if self.after >= self.until {
            self.handing.is_whole();
            self.ledger.metrics().backed_up();
            return Ok(None);
        }
        let found = self.ledger.stored(self.after, PIECE).await;
        let mut found = found.map_err(|error| status::of_read(&error))?;
        found.retain(|stored| stored.position <= self.until);
        // What is covered by a checkpoint is in the journal.
        self.after = found.last().map(|stored| stored.position).ok_or_else(status::defect)?;
        self.handing.goes_on(found.len());
        let entries = found.into_iter().map(entry).collect();
        let piece = Piece::Entries(pb::BackupEntries { entries });
        Ok(Some((pb::BackupPiece { piece: Some(piece) }, self)))
    }
}

fn entry(stored: Stored) -> pb::BackupEntry {
    let Stored { position, entry } = stored;
    pb::BackupEntry { position: position.get(), record: entry.record, beside: entry.sealed }
}

fn format((name, version): &(&'static str, u32)) -> pb::Format {
    pb::Format { name: (*name).to_owned(), version: *version }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.subsec_nanosecond();
    prost_types::Timestamp { seconds: time.as_second(), nanos }
}

/// The keyring cannot be read: the cause goes to the log.
fn unreadable(error: &dyn std::error::Error) -> Status {
    tracing::error!(%error, "the keyring cannot be read");
    Problem::new(Reason::JournalUnavailable, "the keyring cannot be read just now").status()
}
