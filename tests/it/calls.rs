//! Any call of the proto by its name, its message as JSON and its answers as JSON.

use std::{collections::BTreeSet, sync::LazyLock};

use bytes::{Buf as _, BufMut as _};
use http::uri::PathAndQuery;
use judgement_ledger::pb;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, prost::Message as _};
use serde_json::Value;
use tonic::{
    Request, Response, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{KeyRef, MetadataMap},
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

/// All that comes back of a call.
pub struct Whole {
    /// The names of what stands around the answers: headers and trailers.
    pub around: BTreeSet<String>,
    /// The answers, as they came.
    pub answers: Vec<Vec<u8>>,
    /// How it ended.
    pub end: Result<(), Status>,
}

/// Begins a call of a method.
pub async fn begin(
    channel: &Channel,
    token: &str,
    name: &str,
    message: &Value,
) -> Result<Response<Streaming<Vec<u8>>>, Status> {
    let method = method(name);
    let asked = DynamicMessage::deserialize(method.input(), message);
    let asked = asked.unwrap_or_else(|error| panic!("{name} {message}: {error}")).encode_to_vec();
    let path = format!("/{}/{name}", method.parent_service().full_name());
    begin_at(channel, token, &path, asked, method.is_client_streaming()).await
}

async fn begin_at(
    channel: &Channel,
    token: &str,
    path: &str,
    asked: Vec<u8>,
    streams: bool,
) -> Result<Response<Streaming<Vec<u8>>>, Status> {
    let path = PathAndQuery::try_from(path).unwrap();
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(64 << 20);
    grpc.ready().await.unwrap();
    if streams {
        let request = with_token(Request::new(tokio_stream::once(asked)), token);
        grpc.streaming(request, path, Raw).await
    } else {
        grpc.server_streaming(with_token(Request::new(asked), token), path, Raw).await
    }
}

fn with_token<T>(mut request: Request<T>, token: &str) -> Request<T> {
    if !token.is_empty() {
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
    }
    request
}

async fn end(begun: Result<Response<Streaming<Vec<u8>>>, Status>) -> Whole {
    let mut whole = Whole { around: BTreeSet::new(), answers: Vec::new(), end: Ok(()) };
    match begun {
        Err(status) => whole.end = Err(status),
        Ok(begun) => {
            whole.around.extend(names(begun.metadata()));
            let mut coming = begun.into_inner();
            loop {
                match coming.message().await {
                    Ok(Some(bytes)) => whole.answers.push(bytes),
                    Ok(None) => break,
                    Err(status) => {
                        whole.end = Err(status);
                        break;
                    }
                }
            }
            if let Ok(Some(trailers)) = coming.trailers().await {
                whole.around.extend(names(&trailers));
            }
        }
    }
    if let Err(status) = &whole.end {
        whole.around.extend(names(status.metadata()));
    }
    whole
}

fn names(metadata: &MetadataMap) -> Vec<String> {
    let names = metadata.keys().map(|key| match key {
        KeyRef::Ascii(key) => key.as_str().to_owned(),
        KeyRef::Binary(key) => key.as_str().to_owned(),
    });
    names.collect()
}

/// Calls a method and waits for all that comes back.
pub async fn whole(channel: &Channel, token: &str, name: &str, message: &Value) -> Whole {
    end(begin(channel, token, name, message).await).await
}

/// Calls what is no method of the proto, with a message that is encoded already.
pub async fn whole_at(channel: &Channel, path: &str, asked: Vec<u8>, streams: bool) -> Whole {
    end(begin_at(channel, "", path, asked, streams).await).await
}

/// Calls a method and waits for all of its answers.
pub async fn call(
    channel: &Channel,
    token: &str,
    name: &str,
    message: &Value,
) -> Result<Vec<Value>, Status> {
    let whole = whole(channel, token, name, message).await;
    whole.end?;
    let shown = |bytes: Vec<u8>| {
        let answer = DynamicMessage::decode(method(name).output(), bytes.as_slice()).unwrap();
        // A status within an answer holds messages that are not in this proto.
        serde_json::to_value(&answer).unwrap_or_else(|_| answer.to_string().into())
    };
    Ok(whole.answers.into_iter().map(shown).collect())
}
