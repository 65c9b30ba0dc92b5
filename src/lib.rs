//! The judgement ledger: who changed which grade, when, why, on whose decision.
//!
//! An inspectorate grades public bodies area by area. This crate records every judgement change
//! as one event in an append-only journal, and rebuilds from the events what stands, what was
//! known at any moment, and who decided it. It is a library and the binary `judgement-ledger`.
//!
//! # The house
//!
//! A room names only rooms below it; `tests/it/tidy.rs` reads every file and fails on a breach.
//!
//! | layer | room | owns |
//! |---|---|---|
//! | 0 pure | [`judgement`] | ids, frameworks, commands, events, the rules (`decide`), the fold (`evolve`), refusals |
//! | 0 pure | [`merkle`] | the RFC 6962 tree, its proofs, and the C2SP formats: tiles, notes, checkpoints, cosignatures |
//! | 0 | [`pb`] | generated messages and services; named in `record`, `rpc` and `cli` alone |
//! | 0 | [`metrics`] | what is counted and measured: names, labels, buckets, the page |
//! | 1 | [`disk`] | the port to files, through which every I/O call of the stores passes |
//! | 1 | [`record`] | an event with its provenance ⇄ stored bytes; commitments; frameworks as data |
//! | 1 | [`letter`] | an edition laid out as the letter: Markdown, HTML |
//! | 2 | [`journal`] | the append-only truth: its contract, and the stores in memory, in files and in PostgreSQL |
//! | 2 | [`vault`] | erasable texts: sealed beside the records, under keys of their own |
//! | 2 | [`signer`] | the keys that sign checkpoints, and the memory of what they signed |
//! | 3 | [`views`] | disposable read models over sled: postings, what stands, the roots of full tiles |
//! | 4 | [`ledger`] | the shell: the sequencer, recovery, reading, the tree, the notary, the eraser |
//! | 5 | [`evidence`] | verifying without the service, and the folders in which evidence leaves it |
//! | 5 | [`backup`] | a ledger's records as files that verify by themselves, and a ledger made of them again |
//! | 5 | [`rpc`] | the gRPC face: wire, credentials, status, layers, streams; evidence as files |
//! | 5 | `wording` | messages in words: grades, persons, days, texts |
//! | 6 | [`console`] | the auditors' pages: a client of the services within their own process |
//! | 7 | [`cli`], [`telemetry`] | flags, the composition root, the verbs |
//!
//! # A command's way through
//!
//! 1. `rpc` says who calls, from the credential alone, and turns the request into a
//!    [`judgement::Command`] once, reporting all violations together.
//! 2. [`ledger::Ledger::submit`] puts it into a bounded queue; full means "come back".
//! 3. The [`ledger::Sequencer`] takes what waits. For each command: is its request known? Then the
//!    first receipt again, or `KEY_REUSED`. Else [`judgement::decide`] answers a refusal, or an
//!    event, which [`judgement::Assessment::evolve`] folds into a staged state; [`record`] turns
//!    it into bytes, [`vault`] seals its texts beside them.
//! 4. One append of the whole group, one flush: the commit point.
//! 5. The views take the records, the head is published, then the callers are answered.
//! 6. Within a second the [`ledger::Notary`] signs the tree up to that head: into the signer's
//!    memory, into the journal, then to everybody. Nobody waits for it but who asks for a proof.
//!
//! # A read's way
//!
//! What stands comes from the views, records from the journal, texts from the vault; the
//! sequencer is never asked. An answer names the position that it reflects, and asking with that
//! position repeats it.
//!
//! # A start
//!
//! The port of probes and metrics listens first: whoever watches sees all of this happen.
//!
//! 1. The journal is opened: footers, and the newest segment. What is torn is cut off.
//! 2. A small note beside the views says how far they went: a journal that was put back or
//!    exchanged shows here, and is refused.
//! 3. The tree's edge, the erasures, the persons and the frameworks are found in the journal.
//! 4. The records after the last one that was signed are folded onto the tree in the signer's memory:
//!    if that does not make the journal's edge, the ledger is read-only. From here on commands are
//!    taken and receipts given; none of it takes longer the more records there are.
//! 5. The [`ledger::Follower`] opens the views, checks them and folds in what they lack. Readings
//!    of them wait for that, five seconds at most; after that, and where more than a second's
//!    folding is missing, they are refused, and health says `NOT_SERVING`. Where it shows now that
//!    the journal is another, the ledger is closed. Streams of records need no views and wait for
//!    nothing. Without the note the views are brought up before anything is served.
//!
//! # Several servers
//!
//! On a journal in PostgreSQL several processes serve one ledger. Each is what is described above, with views
//! of its own; they share the journal, the keyring and the signer. A turn is the ledger's row, locked: who
//! takes it folds in what others appended before it decides, and looks for that while it has nothing to do.
//! One of them signs, whichever has the right to; the others publish what it signed, once they have verified it
//! against their own tree. See [`journal::postgres`] and `deploy/postgres.md`.
//!
//! # Invariants
//!
//! - Durable, then published, then answered: who holds a receipt can read what it is for.
//! - A stored byte is never written again nor encoded anew: it is hashed as it lies.
//! - No record holds a text that a person typed, and no digest of one but its salted commitment.
//! - A text whose erasure a record orders is given by no reading from then on. Its key is destroyed
//!   after that record is covered, and never without one: see [`ledger::Eraser`].
//! - What decides comes from the journal, never from sled alone: the views
//!   can make an answer slow, never wrong. A command waits for them never; one that asks for all
//!   assessments of a subject is refused until they are there.
//! - The recorder is taken from the credential; no request has a field for it.
//! - No tree is signed that does not begin with every tree signed before: the signer's memory lies
//!   outside the journal and its backups, and a journal that contradicts it is served read-only.
//! - No proof, root or tile is given that was not folded into a root which the sequencer left.
//! - The ledger is tamper-*evident*: whoever keeps a checkpoint finds out what was changed. It is not
//!   beyond being changed, and says so.
//! - Logs, metrics and probes name no text, no login and no key; metrics nothing that a client made up.
//! - `judgement` and `merkle` do no I/O, take no lock, read no clock and are never async.
//! - Nothing here computes a grade.
#![forbid(unsafe_code)]

pub mod backup;
pub mod cli;
pub mod console;
pub mod disk;
pub mod evidence;
#[doc(hidden)]
pub mod fuzzing;
pub mod journal;
pub mod judgement;
pub mod ledger;
pub mod letter;
pub mod merkle;
pub mod metrics;
pub mod pb;
pub mod record;
pub mod rpc;
pub mod signer;
pub mod telemetry;
pub mod vault;
pub mod views;
mod wording;
