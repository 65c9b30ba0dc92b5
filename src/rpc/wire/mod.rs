//! From a request to a command: parsed once, at the edge, with every fault found before anything
//! is refused. (Spec §5.1)
//!
//! A request's fields are read side by side, never stopping at the first that is wrong: each
//! notes what is wrong at its own [`At`], and [`read`] answers with all of it together.

mod act;
mod closed;
mod content;
mod edition;
mod field;
mod marks;
mod order;
mod receipt;
mod redaction;
mod registration;
mod value;

pub(super) use act::Names;
pub(super) use field::{At, Noted, Read, read};
pub(super) use order::{Ordered, any_order, assessment_of, validate_only_of};
pub(super) use receipt::receipt;
pub(super) use redaction::{approve_redaction, refuse_redaction, request_redaction};
pub(super) use registration::{register_framework, register_subject, rename_subject};

#[cfg(test)]
mod tests;
