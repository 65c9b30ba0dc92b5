//! How much a peer may say in HTTP/1.1 before it has asked for something.
//!
//! The library takes 400 KiB of a request's head, and waits half a minute for the rest. On thousands of
//! connections that is gigabytes. So what is read between two answers is counted, unless a call is under
//! way that takes it.

use std::io;

use tokio::io::ReadBuf;

/// How much may be said: twice what the headers of a request may have in HTTP/2.
const UNANSWERED_BYTES_MAX: usize = 32 * 1024;

/// How much is read at once. The library reads ahead as much as it has room for.
const READ_BYTES_MAX: usize = 8 * 1024;

/// What a peer has said since it was last answered.
#[derive(Debug, Default)]
pub(super) struct Asked {
    unanswered: usize,
}

impl Asked {
    /// Before something is read.
    ///
    /// # Errors
    /// If too much was said and nothing asked: the connection is to be closed.
    pub(super) fn listen(&mut self, call_under_way: bool) -> io::Result<()> {
        if call_under_way {
            self.unanswered = 0;
        }
        if self.unanswered < UNANSWERED_BYTES_MAX {
            return Ok(());
        }
        tracing::debug!("a connection is closed: its request has no end");
        Err(io::Error::other("a request without end"))
    }

    /// As much of `buffer` as is read at once.
    pub(super) fn room<'b>(buffer: &'b mut ReadBuf<'_>) -> ReadBuf<'b> {
        let room = buffer.remaining().min(READ_BYTES_MAX);
        ReadBuf::new(buffer.initialize_unfilled_to(room))
    }

    /// So much was read.
    pub(super) fn heard(&mut self, bytes: usize) {
        self.unanswered = self.unanswered.saturating_add(bytes);
    }

    /// Something is answered.
    pub(super) fn answered(&mut self) {
        self.unanswered = 0;
    }
}
