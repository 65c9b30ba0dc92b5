//! The outbound side: what the ledger holds, as the messages of the API show it.
//!
//! Pure: what is shown is read before. A [`Shown`](crate::ledger::Shown) text becomes a `Text`
//! that is present, redacted or missing; names come from the directory through [`Names`]. This
//! module decides nothing about who may see what but for the one thing it is handed, a
//! [`Sight`](super::sight::Sight).

mod assessment;
mod audit;
mod correction;
mod custody;
mod entry;
mod marks;
mod person;
mod record;
mod redaction;
mod reference;
mod value;

#[cfg(test)]
pub(crate) mod fixture;

use crate::{judgement::PersonId, ledger::Shown};

pub(crate) use assessment::{Detail, Records, Scope, award, editions, entry, wording};
pub(crate) use audit::audit_row;
pub(crate) use person::person;
pub(crate) use record::{Open, newer_stream, streamed};
pub(crate) use reference::{current, framework, names, subject};
pub(crate) use value::{date, moment, text, timestamp};

/// The name behind a person's id, as the directory knows it.
pub(crate) type Names<'a> = &'a (dyn Fn(PersonId) -> Shown + Sync);
