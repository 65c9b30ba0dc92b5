//! A page that says why there is no other.

use askama::Template as _;
use axum::{
    extract::rejection::FormRejection,
    response::{Html, IntoResponse, Response},
};
use http::StatusCode;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{
    pages::{FaultPage, Frame},
    session::NoRandomness,
    visitor::refused,
};
use crate::rpc::http_code;

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// A service said no.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
    /// What was typed into a form, or an address, makes no sense.
    #[error("{0}")]
    Asked(String),
    /// A form that is none of ours, or too large.
    #[error("the form cannot be read")]
    Form(#[from] FormRejection),
    /// There is nothing at this address.
    #[error("there is no such page")]
    Nowhere,
    /// A template, which is a defect.
    #[error("the page cannot be written")]
    Template(#[from] askama::Error),
    /// The system gave no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl Fault {
    fn code(&self) -> StatusCode {
        match self {
            Self::Refused(status) => http_code(status),
            Self::Asked(_) => StatusCode::BAD_REQUEST,
            Self::Form(rejection) => rejection.status(),
            Self::Nowhere => StatusCode::NOT_FOUND,
            Self::Template(_) | Self::NoRandomness(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is told beside the sentence: the reason, and each field that is wrong.
    fn details(&self) -> Vec<String> {
        let Self::Refused(status) = self else { return Vec::new() };
        let details = status.get_error_details();
        let reason = details.error_info().map(|it| format!("Reason: {}", it.reason));
        let violations = details.bad_request().map(|it| it.field_violations.as_slice());
        let violations = violations.unwrap_or_default().iter();
        let violations = violations.map(|it| format!("{}: {}", it.field, it.description));
        reason.into_iter().chain(violations).collect()
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        match self.code() {
            StatusCode::FORBIDDEN => {
                "Your role does not allow this, or it is not there for you. Sign in as somebody who may."
            }
            StatusCode::NOT_FOUND => {
                "It is not there, or not for you: what is not published is shown to those alone who \
                 work on it, and to auditors."
            }
            StatusCode::SERVICE_UNAVAILABLE => "Try again in a moment.",
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => "Go back and put it right.",
            _ => "If it happens again, tell your operator the time and the address of this page.",
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut said = self.to_string();
        if let Some(first) = said.get(..1) {
            let first = first.to_uppercase();
            said.replace_range(..1, &first);
        }
        let page = FaultPage {
            frame: Frame::of_fault(),
            said,
            details: self.details(),
            advice: self.advice(),
        };
        let answer = match page.render() {
            Ok(page) => (self.code(), Html(page)).into_response(),
            Err(_) => (self.code(), self.to_string()).into_response(),
        };
        match self {
            // What a service refused is in the log as its call.
            Self::Refused(status) if status.code() == tonic::Code::Unauthenticated => {
                refused(answer, *status)
            }
            Self::Refused(_)
            | Self::Asked(_)
            | Self::Form(_)
            | Self::Nowhere
            | Self::Template(_)
            | Self::NoRandomness(_) => answer,
        }
    }
}

/// What stands where no page is.
pub(super) async fn nothing_here() -> Fault {
    Fault::Nowhere
}
