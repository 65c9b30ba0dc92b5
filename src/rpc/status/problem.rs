//! An answer that is no success, as it is put together.
//!
//! Its details travel in one HTTP/2 header. Clients take 8 KiB of headers by default (Java, C++,
//! Python, Ruby) and answer more with an error of their own that hides ours, so every part has a
//! limit and says when it was reached.

use std::{collections::HashMap, fmt::Display, time::Duration};

use prost::Message;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use super::{DOMAIN, Reason};
use crate::pb::google::rpc;

/// The longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 400;

/// The longest list in metadata, in bytes.
const LIST_BYTES_MAX: usize = 800;

/// The most that field violations or preconditions take, in bytes.
const VIOLATIONS_BYTES_MAX: usize = 3_000;

/// Why a call is refused or failed, with all that a caller can do something about.
#[derive(Debug)]
pub(crate) struct Problem {
    reason: Reason,
    message: String,
    metadata: HashMap<String, String>,
    fields: Vec<(String, String)>,
    preconditions: Vec<(String, String)>,
    retry: Option<Duration>,
}

impl Problem {
    /// A problem that stands for `reason`, in words for a person.
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            metadata: HashMap::new(),
            fields: Vec::new(),
            preconditions: Vec::new(),
            retry: None,
        }
    }

    /// A request of which these fields are malformed: (path, what is wrong with it).
    pub(crate) fn of_fields(violations: Vec<(String, String)>) -> Self {
        let message = match violations.as_slice() {
            [] => "the request is malformed".to_owned(),
            [(path, what)] => format!("{path} {what}"),
            [(path, what), rest @ ..] => {
                format!("{path} {what}; and {} more, see BadRequest", rest.len())
            }
        };
        let total = violations.len();
        let problem = Self::new(Reason::InvalidRequest, message).with("violations", total);
        Self { fields: violations, ..problem }
    }

    /// States what varies in the message.
    pub(crate) fn with(mut self, key: &'static str, value: impl Display) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// States a list; if it is too long for a header it ends early and `<key>_total` counts it.
    pub(crate) fn with_list(mut self, key: &str, items: &[impl Display]) -> Self {
        let mut listed = String::new();
        for (index, item) in items.iter().enumerate() {
            let item = item.to_string();
            let separator = if index == 0 { "" } else { ", " };
            let bytes = listed.len().saturating_add(separator.len()).saturating_add(item.len());
            if bytes > LIST_BYTES_MAX {
                self.metadata.insert(format!("{key}_total"), items.len().to_string());
                break;
            }
            listed.push_str(separator);
            listed.push_str(&item);
        }
        self.metadata.insert(key.to_owned(), listed);
        self
    }

    /// Names the field of the command that the caller can mend.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.fields.push((field.into(), self.message.clone()));
        self
    }

    /// Names one of several fields of the command that the caller can mend, and what is wrong
    /// with it.
    pub(crate) fn violated(mut self, field: impl Into<String>, what: impl Display) -> Self {
        self.fields.push((field.into(), what.to_string()));
        self
    }

    /// Says where in the request the command stands whose fields were named.
    pub(crate) fn below(mut self, path: &str) -> Self {
        if !path.is_empty() {
            for (field, _) in &mut self.fields {
                *field = format!("{path}.{field}");
            }
        }
        self
    }

    /// Names something that must be brought about first: (what it concerns, what to do).
    pub(crate) fn unless(mut self, subject: impl Display, description: impl Display) -> Self {
        self.preconditions.push((subject.to_string(), description.to_string()));
        self
    }

    /// Says when to try again.
    pub(crate) fn retry_after(mut self, delay: Duration) -> Self {
        self.retry = Some(delay);
        self
    }

    /// The answer.
    pub(crate) fn status(self) -> Status {
        let message = shortened(self.message, MESSAGE_BYTES_MAX);
        let mut details =
            ErrorDetails::with_error_info(self.reason.as_str(), DOMAIN, self.metadata);
        for (field, what) in fitting(self.fields) {
            details.add_bad_request_violation(field, what);
        }
        for (subject, description) in fitting(self.preconditions) {
            let kind = self.reason.as_str();
            details.add_precondition_failure_violation(kind, subject, description);
        }
        if let Some(delay) = self.retry {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(self.reason.code(), message, details)
    }
}

/// As many pairs as fit into a header.
fn fitting(pairs: Vec<(String, String)>) -> impl Iterator<Item = (String, String)> {
    let mut left = VIOLATIONS_BYTES_MAX;
    pairs.into_iter().map_while(move |(subject, what)| {
        let (subject, what) =
            (shortened(subject, MESSAGE_BYTES_MAX), shortened(what, MESSAGE_BYTES_MAX));
        left = left.checked_sub(subject.len().saturating_add(what.len()))?;
        Some((subject, what))
    })
}

/// The text, cut at a character's end if it is longer than `bytes_max`.
fn shortened(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push('…');
    }
    text
}

/// The same answer as a message, for a stream that goes on after a refusal.
pub(crate) fn rpc_status(status: &Status) -> rpc::Status {
    // A status with details carries exactly this message in a header of its own.
    match rpc::Status::decode(status.details()) {
        Ok(whole) if whole.code != 0 => whole,
        Ok(_) | Err(_) => rpc::Status {
            code: i32::from(status.code()),
            message: status.message().to_owned(),
            details: Vec::new(),
        },
    }
}
