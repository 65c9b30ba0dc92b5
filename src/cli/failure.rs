//! How a verb can end other than well, and what that means to the shell.

use std::{error::Error, io, path::PathBuf};

use tonic::Status;

use super::{client::Broken, refusal};
use crate::{disk::FlushFailed, ledger::Stop};

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The flags contradict each other or the world.
    #[error("{what}")]
    Misused {
        /// What is wrong, and what to say instead.
        what: String,
    },
    /// Nothing answers at the server's address, or nothing that can be spoken to.
    #[error(transparent)]
    Unreachable(Broken),
    /// The connection broke, and with it the call.
    #[error("{doing} was not answered: {broken}")]
    Unanswered {
        /// What was asked.
        doing: String,
        /// How it broke.
        broken: Broken,
    },
    /// The server answered, and said no.
    #[error("{doing} was refused: {}", refusal::headline(status))]
    Refused {
        /// What was asked.
        doing: String,
        /// Its answer, with details.
        status: Box<Status>,
    },
    /// A call ended before all was answered.
    #[error(
        "interrupted at {at}: {}; import the file again: what was recorded is not recorded twice",
        refusal::headline(status)
    )]
    Interrupted {
        /// The first step without an answer.
        at: String,
        /// How the call ended.
        status: Box<Status>,
    },
    /// The server's answer lacks what the contract promises.
    #[error("the server's answer has no {what}; is it of another version?")]
    Unexpected {
        /// What is missing.
        what: &'static str,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// An import file is not what it should be.
    #[error("{origin}, line {line}: {what}")]
    Malformed {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// An import did not record all that its file holds.
    #[error("{what}")]
    Incomplete {
        /// What was refused, and what to do.
        what: String,
    },
    /// The reader of our output went away: not worth a word.
    #[error("the reader of the output went away")]
    Closed,
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    /// A message cannot be shown as JSON.
    #[error("cannot write the answer as JSON")]
    Json(#[source] Box<dyn Error + Send + Sync>),
    /// A server was told to stop twice.
    #[error(
        "told to stop twice: ended at once; calls under way were cut off, and whatever was answered \
         is there"
    )]
    Hastened,
    /// Nobody can listen there.
    #[error("cannot listen on {at}; say another place with {flag}")]
    Listen {
        /// Where.
        at: String,
        /// By which flag that is said.
        flag: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It was said already, in the log.
    #[error("it is in the log")]
    Said {
        /// What the shell is told.
        exit_code: u8,
    },
    /// The process cannot start its tasks, sockets or logs.
    #[error("cannot {doing}")]
    Start {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Failure {
    /// Something that could not be started, or ended badly.
    pub(crate) fn start(doing: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Start { doing, source: Box::new(source) }
    }

    /// A misuse of the flags.
    pub(crate) fn misused(what: impl Into<String>) -> Self {
        Self::Misused { what: what.into() }
    }

    /// A refusal by the server of what `doing` names; or that no answer came, where the connection
    /// broke.
    pub(crate) fn refused(doing: impl Into<String>, status: Status) -> Self {
        let doing = doing.into();
        match refusal::broken(&status) {
            Some(broken) => Self::Unanswered { doing, broken: broken.clone() },
            None => Self::Refused { doing, status: Box::new(status) },
        }
    }

    /// What the shell is told: 0 done, 1 refused or failed, 2 misused, 3 a write or a flush failed
    /// and what was on its way to the disk may or may not be there.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Said { exit_code } => *exit_code,
            Self::Misused { .. } => 2,
            Self::Start { source, .. } if is_of_the_disk(source.as_ref()) => 3,
            Self::Unreachable(_)
            | Self::Unanswered { .. }
            | Self::Refused { .. }
            | Self::Interrupted { .. }
            | Self::Unexpected { .. }
            | Self::File { .. }
            | Self::Malformed { .. }
            | Self::Incomplete { .. }
            | Self::Output(_)
            | Self::Json(_)
            | Self::Hastened
            | Self::Listen { .. }
            | Self::Start { .. } => 1,
        }
    }

    /// The failure as lines to be read: what happened, its causes, and for a refusal the details
    /// and the next step. Nothing if the reader merely went away, or if all is said.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if let Self::Closed | Self::Said { .. } = self {
            return Vec::new();
        }
        let mut lines = vec![format!("error: {self}")];
        let mut cause = self.source();
        while let Some(error) = cause {
            lines.push(format!("  caused by: {error}"));
            cause = error.source();
        }
        // Layers that add nothing repeat what the one below says.
        lines.dedup();
        match self {
            Self::Refused { status, .. } => lines.extend(refusal::details(status)),
            Self::Interrupted { status, .. } => lines.extend(refusal::request_id(status)),
            Self::Unanswered { broken, .. } => {
                lines.extend(broken.source().map(|it| format!("  caused by: {it}")));
                lines.extend(broken.next_step().map(refusal::next));
            }
            Self::Misused { .. }
            | Self::Unreachable(_)
            | Self::Unexpected { .. }
            | Self::File { .. }
            | Self::Malformed { .. }
            | Self::Incomplete { .. }
            | Self::Closed
            | Self::Output(_)
            | Self::Json(_)
            | Self::Hastened
            | Self::Said { .. }
            | Self::Listen { .. }
            | Self::Start { .. } => {}
        }
        lines
    }
}

/// Whether nobody knows what the disk holds: an append of unknown outcome, or a failed flush of
/// whatever else.
fn is_of_the_disk(error: &(dyn Error + 'static)) -> bool {
    let mut causes =
        std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.any(|cause| matches!(cause.downcast_ref(), Some(Stop::Unknown(_) | Stop::Keys(_))))
        || FlushFailed::caused(error)
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Output(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{JournalError, file::OpenError},
        vault::VaultError,
    };

    #[test]
    fn a_closed_pipe_ends_quietly_and_well() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit_code(), closed.lines()), (0, Vec::new()));
    }

    #[test]
    fn an_error_is_followed_by_its_causes() {
        let file = Failure::File {
            doing: "read",
            path: "letters.json".into(),
            source: io::Error::other("the disk is gone"),
        };
        assert_eq!(
            file.lines(),
            ["error: cannot read letters.json", "  caused by: the disk is gone"]
        );
        assert_eq!(file.exit_code(), 1);
    }

    #[test]
    fn a_failed_flush_has_an_exit_code_of_its_own() {
        let failed = || FlushFailed::mark(io::Error::other("input/output error"));
        let append = Stop::Unknown(JournalError::Unknown(failed()));
        assert_eq!(Failure::start("go on", append).exit_code(), 3);
        let keys = Stop::Keys(VaultError::Poisoned);
        assert_eq!(Failure::start("go on", keys).exit_code(), 3);
        let opening = OpenError::Disk(failed());
        assert_eq!(Failure::start("open the ledger", opening).exit_code(), 3);
        let unreadable = OpenError::Disk(io::Error::other("input/output error"));
        assert_eq!(Failure::start("open the ledger", unreadable).exit_code(), 1);
    }

    #[test]
    fn misuse_has_an_exit_code_of_its_own() {
        assert_eq!(Failure::misused("two editions").exit_code(), 2);
    }
}
