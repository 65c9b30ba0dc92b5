//! Doors for fuzzers to decoders that no caller of this crate can reach. Not part of its API.
//!
//! Each takes any bytes and answers what was understood of them; what must hold of the answers is
//! said where they are used, in `tests/fuzz/decoders.rs`.

use bytes::Bytes;
use prost::Message as _;

use crate::{cli, journal, pb, rpc};

/// The entries of a frame, and the frame that is written of them.
#[must_use]
pub fn frame(bytes: &[u8]) -> Option<(Vec<journal::Entry>, Vec<u8>)> {
    journal::file::fuzzed_frame(&Bytes::copy_from_slice(bytes))
}

/// The page token that is written of what a page token says.
#[must_use]
pub fn page_token(written: &str) -> Option<String> {
    rpc::fuzzed_page_token(written)
}

/// Whether a filter is one; for bytes that are no filter at all, nothing.
#[must_use]
pub fn filter(bytes: &[u8]) -> Option<bool> {
    pb::AuditFilter::decode(bytes).ok().map(|filter| rpc::fuzzed_filter(&filter))
}

/// Whether a text is an expression that finds records.
#[must_use]
pub fn expression(text: &str) -> bool {
    rpc::fuzzed_expression(text)
}

/// Whether a document has the form of a file of issuers, and whether it is a set of keys.
#[must_use]
pub fn issuers(document: &[u8]) -> (bool, bool) {
    rpc::fuzzed_issuers(document)
}

/// The steps of an import file, with the ids that they are given.
#[must_use]
pub fn import_file(text: &str) -> Option<Vec<pb::ImportStep>> {
    cli::fuzzed_import_file(text)
}
