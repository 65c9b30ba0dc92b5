//! How the server is to run, decided by whoever starts it.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;

use super::{Credentials, Now};

/// What the server needs beside a listener and a ledger.
#[derive(Clone)]
pub struct ServeOptions {
    /// Checks who calls.
    pub credentials: Arc<Credentials>,
    /// The time against which credentials expire.
    pub now: Now,
    /// The web pages that may call from a browser, for example `https://ledger.example`; none
    /// means no browser may.
    pub origins: Vec<HeaderValue>,
    /// Whether the server tells what services it has.
    pub reflection: Reflection,
    /// How much it takes at once, and for how long.
    pub limits: Limits,
}

/// Whether a server tells what services it has, to anybody who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reflection {
    /// It does: `grpcurl` and its like need no proto files.
    Offered,
    /// It does not.
    Hidden,
}

/// How much the server takes at once, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Unary calls at once, over all connections; the next is answered `RESOURCE_EXHAUSTED`.
    pub calls_max: usize,
    /// Streams at once, over all connections.
    pub streams_max: usize,
    /// How long a stream's reader may take nothing, while more waits for it than the transport
    /// holds, before it is cut off: it costs memory.
    pub reader_patience: Duration,
    /// The longest that a unary call may take, whatever its client allows.
    pub unary_max: Duration,
    /// How long health says `NOT_SERVING` before connections are refused, so that whoever spreads
    /// the load can turn to others.
    pub drain_delay: Duration,
    /// How long calls under way may take to end once the server goes down.
    pub drain_max: Duration,
}

impl Limits {
    /// What suits most servers:
    /// - 1,024 calls: four load generators of 256 callers each, at 64 KiB of window a call.
    /// - 512 streams, each of which holds up to 256 commands or 16 records.
    /// - 30 s of patience: a reader that is merely slow takes something in this time.
    /// - 10 s a call: a read may wait 5 s for a position, and should then say so itself.
    /// - 5 s until connections are refused: two probes of a load balancer.
    /// - 25 s to drain: less than the 30 s after which process managers kill.
    pub const STANDARD: Self = Self {
        calls_max: 1_024,
        streams_max: 512,
        reader_patience: Duration::from_secs(30),
        unary_max: Duration::from_secs(10),
        drain_delay: Duration::from_secs(5),
        drain_max: Duration::from_secs(25),
    };
}
