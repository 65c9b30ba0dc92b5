//! What pages look like, and what scripts add to them: files within the binary.

use axum::{
    extract::Path,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};

/// The files, with their media types.
const ASSETS: [(&str, &str, &[u8]); 4] = [
    ("console.css", "text/css; charset=utf-8", include_bytes!("assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_bytes!("assets/console.js")),
    ("verify.js", "text/javascript; charset=utf-8", include_bytes!("assets/verify.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
];

/// They change with the binary, under the same names.
const ASKED_AGAIN: &str = "no-cache";

/// One of the files; they are the same for everybody.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let found = ASSETS.iter().find(|(asset, ..)| *asset == name);
    let Some((_, media_type, content)) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(header::CONTENT_TYPE, *media_type), (header::CACHE_CONTROL, ASKED_AGAIN)];
    (headers, *content).into_response()
}
