//! What an address asks for. Where it makes no sense, a page says so.

use axum::extract::{self, FromRequestParts};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::fault::Fault;

/// The fields behind the question mark.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let read = extract::Query::try_from_uri(&parts.uri);
        read.map(|extract::Query(fields)| Self(fields)).map_err(|refused| {
            Fault::Asked(format!("this address cannot be read. {}", refused.body_text()))
        })
    }
}
