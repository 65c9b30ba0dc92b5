//! How much a peer may say in HTTP/2 that costs work and carries nothing.
//!
//! The library counts resets, empty DATA and CONTINUATION frames by itself. What it answers without
//! end are pings, settings, priorities and frames of unknown kinds; here each connection gets so many a
//! second. Window updates count, too, with more room: a reader at full speed sends one for each piece
//! that it has taken. So do resets of streams, of which the library counts only those of calls that it
//! has not passed on yet.
//!
//! Only the heads of frames are looked at (RFC 9113 §4.1): nine bytes, of which three say how much
//! follows and one of which kind it is.

use std::io;

use tokio::time::Instant;

/// The head of a frame.
const HEAD_BYTES: usize = 9;

/// The kinds of frames that count. (RFC 9113 §6)
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;

/// How many seconds' worth may be saved up.
const SAVED_SECONDS: u32 = 10;

/// Pings, settings, priorities and what is unknown, in a second. A client pings to measure, some
/// times a second at most.
const IDLE_TALK: u32 = 100;

/// Window updates in a second: a reader that takes a gigabyte in pieces of 32 KiB sends as many.
const WINDOW_UPDATES: u32 = 50_000;

/// Streams given up in a second: a client that gives up all that one connection may have, four times.
const RESETS: u32 = 2_048;

/// What a peer has left.
#[derive(Debug)]
pub(super) struct Budget {
    /// The head of the frame that is being read, as far as it has come.
    head: [u8; HEAD_BYTES],
    head_read: usize,
    /// How much of the frame's content is still to come.
    content_left: usize,
    idle_talk: Allowance,
    window_updates: Allowance,
    resets: Allowance,
}

/// So many, and more with time.
#[derive(Debug)]
struct Allowance {
    each_second: u32,
    left: u32,
    since: Instant,
}

impl Allowance {
    fn of(each_second: u32) -> Self {
        let left = each_second.saturating_mul(SAVED_SECONDS);
        Self { each_second, left, since: Instant::now() }
    }

    /// Takes one, if there is one.
    fn take(&mut self) -> bool {
        if self.left == 0 {
            let passed = self.since.elapsed().as_secs();
            let seconds = u32::try_from(passed).unwrap_or(SAVED_SECONDS).min(SAVED_SECONDS);
            self.left = self.each_second.saturating_mul(seconds);
            if seconds > 0 {
                self.since = Instant::now();
            }
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            head: [0; HEAD_BYTES],
            head_read: 0,
            content_left: 0,
            idle_talk: Allowance::of(IDLE_TALK),
            window_updates: Allowance::of(WINDOW_UPDATES),
            resets: Allowance::of(RESETS),
        }
    }

    /// Counts what a peer said, after its preface.
    ///
    /// # Errors
    /// If it said too much that carries nothing: the connection is to be closed.
    pub(super) fn charge(&mut self, mut said: &[u8]) -> io::Result<()> {
        while !said.is_empty() {
            if self.content_left > 0 {
                let passed = self.content_left.min(said.len());
                self.content_left = self.content_left.saturating_sub(passed);
                said = said.get(passed..).unwrap_or_default();
                continue;
            }
            let wanted = HEAD_BYTES.saturating_sub(self.head_read).min(said.len());
            let (some, rest) = said.split_at(wanted);
            let until = self.head_read.saturating_add(wanted);
            if let Some(place) = self.head.get_mut(self.head_read..until) {
                place.copy_from_slice(some);
            }
            (self.head_read, said) = (until, rest);
            if self.head_read == HEAD_BYTES {
                self.head_read = 0;
                self.frame()?;
            }
        }
        Ok(())
    }

    /// Counts the frame whose head was read.
    fn frame(&mut self) -> io::Result<()> {
        let [high, middle, low, kind, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.content_left = usize::try_from(length).unwrap_or(usize::MAX);
        let within = match kind {
            // What carries something, and what the library counts.
            DATA | HEADERS | GOAWAY | CONTINUATION => true,
            RST_STREAM => self.resets.take(),
            WINDOW_UPDATE => self.window_updates.take(),
            _ => self.idle_talk.take(),
        };
        if within {
            return Ok(());
        }
        tracing::debug!(kind, "a connection is closed: it talks much and says nothing");
        Err(io::Error::other("too many frames that carry nothing"))
    }
}
