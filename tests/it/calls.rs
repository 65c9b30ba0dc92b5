//! Any call of the proto by its name, its message as JSON and its answers as JSON.

use std::sync::LazyLock;

use bytes::{Buf as _, BufMut as _};
use http::uri::PathAndQuery;
use judgement_ledger::pb;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, prost::Message as _};
use serde_json::Value;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// What each service may be asked for.
pub static PROTO: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(pb::DESCRIPTORS).unwrap());

/// Passes bytes on as they are.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

/// The method of this name, in whichever service it is.
pub fn method(name: &str) -> MethodDescriptor {
    let found = PROTO.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    found.into_iter().find(|method| method.name() == name).unwrap_or_else(|| panic!("{name}"))
}

/// Calls a method and waits for all of its answers.
pub async fn call(
    channel: &Channel,
    token: &str,
    name: &str,
    message: &Value,
) -> Result<Vec<Value>, Status> {
    let method = method(name);
    let asked = DynamicMessage::deserialize(method.input(), message);
    let asked = asked.unwrap_or_else(|error| panic!("{name} {message}: {error}")).encode_to_vec();
    let path = format!("/{}/{name}", method.parent_service().full_name());
    let path = PathAndQuery::try_from(path).unwrap();
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(64 << 20);
    grpc.ready().await.unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    let mut answers = if method.is_client_streaming() {
        let mut request = Request::new(tokio_stream::once(asked));
        request.metadata_mut().insert("authorization", bearer);
        grpc.streaming(request, path, Raw).await?.into_inner()
    } else {
        let mut request = Request::new(asked);
        request.metadata_mut().insert("authorization", bearer);
        grpc.server_streaming(request, path, Raw).await?.into_inner()
    };
    let mut told = Vec::new();
    while let Some(bytes) = answers.message().await? {
        let answer = DynamicMessage::decode(method.output(), bytes.as_slice()).unwrap();
        // A status within an answer holds messages that are not in this proto.
        let shown = serde_json::to_value(&answer).unwrap_or_else(|_| answer.to_string().into());
        told.push(shown);
    }
    Ok(told)
}
