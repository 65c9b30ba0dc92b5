//! Which methods there are, and which of them stream.

use std::{collections::HashMap, sync::Arc};

use http::Request;
use prost::{DecodeError, Message};
use prost_types::FileDescriptorSet;
use tonic::body::Body;

use crate::{
    metrics::{CallKind, Calls, MethodCalls},
    rpc::inside::{LIVE_PAGE, PAGES},
};

/// The methods of the services that are not in our own descriptors, the files and the pages.
const STANDARD: [(&str, CallKind); 8] = [
    ("/checkpoint", CallKind::Unary),
    ("/tile", CallKind::Unary),
    (PAGES, CallKind::Unary),
    (LIVE_PAGE, CallKind::ServerStream),
    ("/grpc.health.v1.Health/Check", CallKind::Unary),
    ("/grpc.health.v1.Health/Watch", CallKind::ServerStream),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", CallKind::BidiStream),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", CallKind::BidiStream),
];

/// The service under which metrics count the files, which belong to none.
const FILES: &str = "files";

/// What metrics and logs call a method that there is not, and its service.
const UNKNOWN: &str = "unknown";

/// Whether a method answers once, or as long as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rpc) enum Shape {
    /// One request, one answer.
    Unary,
    /// A stream, one way or both.
    Streaming,
}

impl Shape {
    fn of(kind: CallKind) -> Self {
        match kind {
            CallKind::Unary => Self::Unary,
            CallKind::ClientStream | CallKind::ServerStream | CallKind::BidiStream => {
                Self::Streaming
            }
        }
    }
}

/// The method that is called; stands among the extensions of each request.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Method {
    /// Its path, or `unknown`: never what a client made up, so that logs and metrics stay small.
    pub(in crate::rpc) path: Arc<str>,
    /// Whether it streams.
    pub(in crate::rpc) shape: Shape,
    /// Where its calls are counted.
    pub(in crate::rpc) calls: Arc<MethodCalls>,
}

impl Method {
    fn new(path: &str, kind: CallKind, calls: &Calls) -> Self {
        let (service, name) = path.strip_prefix('/').and_then(|it| it.split_once('/')).unwrap_or({
            let file = path.strip_prefix('/').unwrap_or(path);
            (if file == UNKNOWN { UNKNOWN } else { FILES }, file)
        });
        let calls = calls.of(kind, service, name);
        Self { path: Arc::from(path), shape: Shape::of(kind), calls }
    }

    /// The method of a request that passed [`super::Log`].
    pub(in crate::rpc) fn of(request: &Request<Body>) -> Shape {
        request.extensions().get::<Self>().map_or(Shape::Unary, |method| method.shape)
    }
}

/// All methods by path.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Methods {
    known: Arc<HashMap<String, Method>>,
    unknown: Method,
}

impl Methods {
    /// The methods that compiled descriptors declare, and those of health and reflection; counted
    /// among `calls`.
    pub(in crate::rpc) fn of(descriptors: &[u8], calls: &Calls) -> Result<Self, DecodeError> {
        let set = FileDescriptorSet::decode(descriptors)?;
        let mut known = HashMap::new();
        for (path, kind) in STANDARD {
            known.insert(path.to_owned(), Method::new(path, kind, calls));
        }
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let kind = match (method.client_streaming(), method.server_streaming()) {
                        (false, false) => CallKind::Unary,
                        (true, false) => CallKind::ClientStream,
                        (false, true) => CallKind::ServerStream,
                        (true, true) => CallKind::BidiStream,
                    };
                    let called = Method::new(&path, kind, calls);
                    known.insert(path, called);
                }
            }
        }
        let unknown = Method::new(UNKNOWN, CallKind::Unary, calls);
        Ok(Self { known: Arc::new(known), unknown })
    }

    /// The method of this path.
    pub(super) fn at(&self, path: &str) -> Method {
        let path = super::plain::name(path).unwrap_or(path);
        self.known.get(path).unwrap_or(&self.unknown).clone()
    }
}
