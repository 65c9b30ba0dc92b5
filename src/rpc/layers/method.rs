//! Which methods there are, and which of them stream.

use std::{collections::HashMap, sync::Arc};

use http::Request;
use prost::{DecodeError, Message};
use prost_types::FileDescriptorSet;
use tonic::body::Body;

/// The methods of the services that are not in our own descriptors, and the files.
const STANDARD: [(&str, Shape); 6] = [
    ("/checkpoint", Shape::Unary),
    ("/tile", Shape::Unary),
    ("/grpc.health.v1.Health/Check", Shape::Unary),
    ("/grpc.health.v1.Health/Watch", Shape::Streaming),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Shape::Streaming),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Shape::Streaming),
];

/// Whether a method answers once, or as long as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rpc) enum Shape {
    /// One request, one answer.
    Unary,
    /// A stream, one way or both.
    Streaming,
}

/// The method that is called; stands among the extensions of each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rpc) struct Method {
    /// Its path, or `unknown`: never what a client made up, so that logs and metrics stay small.
    pub(in crate::rpc) path: Arc<str>,
    /// Whether it streams.
    pub(in crate::rpc) shape: Shape,
}

impl Method {
    /// The method of a request that passed [`super::Log`].
    pub(super) fn of(request: &Request<Body>) -> Shape {
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
    /// The methods that compiled descriptors declare, and those of health and reflection.
    pub(in crate::rpc) fn of(descriptors: &[u8]) -> Result<Self, DecodeError> {
        let set = FileDescriptorSet::decode(descriptors)?;
        let mut known = HashMap::new();
        for (path, shape) in STANDARD {
            known.insert(path.to_owned(), Method { path: Arc::from(path), shape });
        }
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let streams = method.client_streaming() || method.server_streaming();
                    let shape = if streams { Shape::Streaming } else { Shape::Unary };
                    let called = Method { path: Arc::from(path.as_str()), shape };
                    known.insert(path, called);
                }
            }
        }
        let unknown = Method { path: Arc::from("unknown"), shape: Shape::Unary };
        Ok(Self { known: Arc::new(known), unknown })
    }

    /// The method of this path.
    pub(super) fn at(&self, path: &str) -> Method {
        let path = super::plain::name(path).unwrap_or(path);
        self.known.get(path).unwrap_or(&self.unknown).clone()
    }
}
