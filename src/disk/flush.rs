//! A flush that failed: the one failure that nothing may try again.

use std::{error::Error, io};

/// The file system could not make durable what was written.
///
/// After it nobody knows what is on the disk: the kernel marks the pages clean, and a second flush
/// would succeed without having written them. So it is marked where it comes about, and whoever
/// meets it, however deep among the causes, stops.
#[derive(Debug, thiserror::Error)]
#[error("a flush failed")]
pub struct FlushFailed(#[source] io::Error);

impl FlushFailed {
    /// The error of a failed flush, of the same kind.
    #[must_use]
    pub fn mark(source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self(source))
    }

    /// Whether `error` is that of a failed flush.
    #[must_use]
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Self>)
    }

    /// Whether a failed flush is the cause of `error`, or the cause of its cause, and so on.
    #[must_use]
    pub fn caused(error: &(dyn Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(cause) = next {
            if cause.is::<Self>() || cause.downcast_ref().is_some_and(Self::is) {
                return true;
            }
            next = cause.source();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_failed_flush_is_found_among_the_causes() {
        let failed = || FlushFailed::mark(io::ErrorKind::StorageFull.into());
        assert_eq!(failed().kind(), io::ErrorKind::StorageFull);
        assert!(FlushFailed::is(&failed()));
        assert!(FlushFailed::caused(&Outer(failed())));
        assert!(!FlushFailed::caused(&Outer(io::ErrorKind::StorageFull.into())));
    }
}
