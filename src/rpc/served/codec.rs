//! How messages come in and go out.

use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{self, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;

use super::answer::Outgoing;
use crate::rpc::status;

/// Reads requests as prost does, and writes whatever goes out.
pub(crate) struct Codec<T, U>(PhantomData<(T, U)>);

/// Writes answers.
pub(crate) struct Writer<T>(PhantomData<T>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> codec::Codec for Codec<T, U>
where
    T: Outgoing + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Writer<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Writer<T> {
        Writer(PhantomData)
    }

    fn decoder(&mut self) -> ProstDecoder<U> {
        ProstDecoder::default()
    }
}

impl<T: Outgoing> Encoder for Writer<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // The buffer grows as it is written to.
        item.put(buffer).map_err(|_| status::defect())
    }
}
