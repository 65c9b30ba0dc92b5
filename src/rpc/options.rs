//! How the server is to run, decided by whoever starts it.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use http::HeaderValue;

use super::{Credentials, Now, Pages, tls::Tls};

/// What the server needs beside a listener and a ledger.
#[derive(Clone)]
pub struct ServeOptions {
    /// Checks who calls.
    pub credentials: Arc<Credentials>,
    /// What is spoken to who connects over TCP; plain text, if nothing.
    pub tls: Option<Arc<Tls>>,
    /// The time against which credentials and certificates of clients expire.
    pub now: Now,
    /// The web pages that may call from a browser, for example `https://ledger.example`; none
    /// means no browser may.
    pub origins: Vec<HeaderValue>,
    /// Whether the server tells what services it has.
    pub reflection: Reflection,
    /// Pages that are served beside the services, if any are.
    pub pages: Option<Pages>,
    /// How much it takes at once, and for how long.
    pub limits: Limits,
}

impl ServeOptions {
    /// In plain text, for programs on this machine that know the proto, with the usual limits.
    #[must_use]
    pub fn new(credentials: Arc<Credentials>, now: Now) -> Self {
        Self {
            credentials,
            tls: None,
            now,
            origins: Vec::new(),
            reflection: Reflection::Hidden,
            pages: None,
            limits: Limits::STANDARD,
        }
    }
}

/// Whether a server tells what services it has, to anybody who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Reflection {
    /// It does: `grpcurl` and its like need no proto files.
    #[value(name = "on")]
    Offered,
    /// It does not.
    #[value(name = "off")]
    Hidden,
}

/// How much the server takes at once, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, and those that have not said anything yet; the next is closed. One address
    /// may have half of them, unless it is this machine's.
    pub connections_max: usize,
    /// Calls of one caller in a second, and as many again saved up; none means no limit. The next is
    /// answered `RESOURCE_EXHAUSTED`. With a limit, a caller also has at most half of all calls, and half
    /// of all streams, under way, and its streams and batches have at most half of the queue.
    pub caller_calls_per_second: Option<NonZeroU32>,
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
    /// - 10,000 connections: some 25 KiB each, and what their calls hold.
    /// - 1,000 calls a second of one caller: ten times what a person's programs do; imports take
    ///   streams, of which one is one call.
    /// - 1,024 calls: four load generators of 256 callers each, at 64 KiB of window a call.
    /// - 512 streams, each of which holds up to 256 commands or 16 records.
    /// - 30 s of patience: a reader that is merely slow takes something in this time.
    /// - 10 s a call: a read may wait 5 s for a position, and should then say so itself.
    /// - 5 s until connections are refused: two probes of a load balancer.
    /// - 25 s to drain: less than the 30 s after which process managers kill.
    ///
    /// Beside these, 64 MiB of answers may wait to be taken, 8 MiB on one connection, and only a few
    /// pages are gathered at once: who asks for more waits for a turn.
    pub const STANDARD: Self = Self {
        connections_max: 10_000,
        caller_calls_per_second: NonZeroU32::new(1_000),
        calls_max: 1_024,
        streams_max: 512,
        reader_patience: Duration::from_secs(30),
        unary_max: Duration::from_secs(10),
        drain_delay: Duration::from_secs(5),
        drain_max: Duration::from_secs(25),
    };
}
