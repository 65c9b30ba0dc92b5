//! The framework's document: read, checked once and for all, and told all its faults at once.
//!
//! The document is an encoded `Framework` message, or its JSON form in a file. It lies beside the
//! record that registers it, which holds its SHA-256. The rules see what is checked here; letter
//! layout, feeds and remarks are checked here too and stay in the document. (Spec §3, §4.10)

mod built_in;
mod check;
mod faults;
mod letter;
mod locate;
mod read;
mod schema;

use bytes::Bytes;
use prost::Message as _;

use super::json::{BadJson, from_json, to_json};
use crate::{
    judgement::Framework,
    merkle::{Hash, sha256},
    pb,
};

pub use built_in::built_in;
pub use letter::{feeds_of, layout_of};
pub use locate::{line_of, locate};
pub use schema::framework_schema;

/// The longest document, in bytes. (Spec §4.10: a command)
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

const MESSAGE: &str = "judgement.ledger.v1.Framework";

/// One thing that is wrong with a framework's document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Fault {
    /// Where, for example `areas[3].scales[0]`, in the names of the proto.
    pub path: String,
    /// What is wrong there, as a clause that follows the path.
    pub what: String,
    /// What to do about it, as an order.
    pub next: String,
}

impl Fault {
    fn new(path: &str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { path: path.to_owned(), what: what.into(), next: next.into() }
    }
}

/// The framework that `document`, an encoded `Framework`, describes.
///
/// # Errors
/// Every [`Fault`] that it has.
pub fn read_framework(document: &[u8]) -> Result<Framework, Vec<Fault>> {
    let whole = |what: &str| vec![Fault::new("framework", what, "send it as this ledger reads it")];
    check::length(document.len()).map_err(|fault| vec![fault])?;
    let message = pb::Framework::decode(document).map_err(|_| whole("is no Framework message"))?;
    // What prost does not know, it drops: no rule may be passed over in silence.
    if message.encode_to_vec() != document {
        return Err(whole("has fields that this ledger does not know"));
    }
    framework_of(&message)
}

/// The framework that `message` describes.
///
/// # Errors
/// Every [`Fault`] that it has, in the order of the document.
pub fn framework_of(message: &pb::Framework) -> Result<Framework, Vec<Fault>> {
    let (framework, mut faults) = read::framework(message);
    faults.extend(check::framework(message));
    faults.extend(letter::faults(message));
    match framework {
        Some(framework) if faults.is_empty() => Ok(framework),
        Some(_) | None => Err(faults),
    }
}

/// The document of a framework and its SHA-256, as its record holds it.
#[must_use]
pub fn document_of(message: &pb::Framework) -> (Bytes, Hash) {
    let document = Bytes::from(message.encode_to_vec());
    let hash = sha256(&[&document]);
    (document, hash)
}

/// The `Framework` that a framework file says; still to be checked by [`framework_of`].
///
/// # Errors
/// [`BadJson`], pointing at the line and column.
pub fn framework_from_json(json: &str) -> Result<pb::Framework, BadJson> {
    from_json(MESSAGE, json)
}

/// The framework file that says `message`.
///
/// # Errors
/// None in fact; [`BadJson`] if the build's descriptors are broken.
pub fn framework_to_json(message: &pb::Framework) -> Result<String, BadJson> {
    to_json(MESSAGE, message)
}

#[cfg(test)]
mod tests;
