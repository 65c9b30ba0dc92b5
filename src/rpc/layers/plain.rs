//! Plain HTTP beside gRPC: files that any client can fetch, on the same port and behind the same
//! layers.

use std::task::{Context, Poll};

use http::{Method, Request, Response, StatusCode, Version, header};
use tonic::{Code, Status, body::Body};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service};

use super::{Answer, Inner, limit::hold};
use crate::rpc::{
    doorway::Peer,
    inside::{LIVE_PAGE, PAGES},
};

/// The paths that are no methods: a file, a folder of files, and pages, to which the root leads.
const FILE: &str = "/checkpoint";
const FOLDER: &str = "/tile/";
const ROOT: &str = "/";

/// The name in logs of all that lies in a folder.
pub(super) fn name(path: &str) -> Option<&'static str> {
    match path {
        FILE => Some(FILE),
        LIVE_PAGE => Some(LIVE_PAGE),
        ROOT | PAGES => Some(PAGES),
        _ if path.starts_with(FOLDER) => Some("/tile"),
        _ => path.strip_prefix(PAGES).is_some_and(|rest| rest.starts_with('/')).then_some(PAGES),
    }
}

/// Whether a request is for a file rather than of a method.
pub(in crate::rpc) fn is_plain(path: &str) -> bool {
    name(path).is_some()
}

/// Understands gRPC-Web, and leads requests for files past that: over HTTP/1.1 it would take them
/// for malformed calls. What refuses them says so in HTTP's own words.
#[derive(Debug, Clone, Copy)]
pub(in crate::rpc) struct Web;

impl<S: Clone> Layer<S> for Web {
    type Service = Branched<S>;

    fn layer(&self, inner: S) -> Branched<S> {
        Branched { calls: GrpcWebLayer::new().layer(inner.clone()), files: inner }
    }
}

/// A service with calls on one way to it and files on the other.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Branched<S> {
    calls: GrpcWebService<S>,
    files: S,
}

impl<S: Inner> Service<Request<Body>> for Branched<S> {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match Service::<Request<Body>>::poll_ready(&mut self.calls, cx) {
            Poll::Ready(Ok(())) => self.files.poll_ready(cx),
            waits @ (Poll::Ready(Err(_)) | Poll::Pending) => waits,
        }
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        if !is_plain(request.uri().path()) {
            if request.method() == Method::POST && !is_call(&request) {
                let peer = request.extensions().get::<Peer>().cloned();
                let held = peer.map(|peer| peer.unread.answer());
                return Box::pin(async move { Ok(hold(not_spoken(), held)) });
            }
            return Box::pin(self.calls.call(request));
        }
        let peer = request.extensions().get::<Peer>().cloned();
        let answer = self.files.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(match Status::from_header_map(answer.headers()) {
                // Another body, which its peer may not take either.
                Some(status) if status.code() != Code::Ok => {
                    hold(refused(&status), peer.map(|peer| peer.unread.answer()))
                }
                Some(_) | None => answer,
            })
        })
    }
}

/// The types of calls of gRPC-Web, as they must be written.
const WEB_CALLS: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// Whether a request is a call of gRPC, which is spoken over HTTP/2 alone, or of gRPC-Web, and its messages
/// are Protobuf.
fn is_call(request: &Request<Body>) -> bool {
    let stated = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let stated = stated.unwrap_or_default();
    let essence = stated.split(';').next().unwrap_or_default().trim();
    let grpc = matches!(essence, "application/grpc" | "application/grpc+proto");
    WEB_CALLS.contains(&stated) || (grpc && request.version() == Version::HTTP_2)
}

/// The answer to who speaks another protocol. (gRPC over HTTP/2, "Requests")
fn not_spoken() -> Response<Body> {
    let said = "this address answers calls of gRPC and gRPC-Web alone: its content-type must be \
                application/grpc over HTTP/2, application/grpc-web or application/grpc-web-text\n";
    plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, said.to_owned())
}

/// The code of HTTP for a refusal.
pub(crate) fn http_code(status: &Status) -> StatusCode {
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Unimplemented => StatusCode::METHOD_NOT_ALLOWED,
        Code::ResourceExhausted | Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::AlreadyExists
        | Code::Aborted
        | Code::Internal
        | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A refusal as HTTP says it, with the reason for a person to read.
fn refused(status: &Status) -> Response<Body> {
    let code = http_code(status);
    let mut response = plain(code, format!("{}\n", status.message()));
    if code == StatusCode::UNAUTHORIZED {
        let bearer = const { http::HeaderValue::from_static("Bearer") };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

/// An answer of some words.
fn plain(code: StatusCode, said: String) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_of(said)));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, const { http::HeaderValue::from_static(TEXT) });
    headers.insert(header::CACHE_CONTROL, const { http::HeaderValue::from_static("no-store") });
    response
}

const TEXT: &str = "text/plain; charset=utf-8";

fn http_body_of(text: String) -> axum::body::Body {
    axum::body::Body::from(text)
}
