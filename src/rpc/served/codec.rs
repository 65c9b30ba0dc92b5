//! How messages come in and go out.

use std::marker::PhantomData;

use prost::{Message, Name, bytes::Buf as _};
use tonic::{
    Status,
    codec::{self, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;

use super::{answer::Outgoing, wide};
use crate::rpc::status;

/// Reads requests as prost does, and writes whatever goes out.
pub(crate) struct Codec<T, U>(PhantomData<(T, U)>);

/// Reads requests that have not too many parts.
pub(crate) struct Reader<U>(ProstDecoder<U>);

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
    U: Message + Default + Name + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Writer<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Writer<T> {
        Writer(PhantomData)
    }

    fn decoder(&mut self) -> Reader<U> {
        Reader(ProstDecoder::default())
    }
}

impl<U: Message + Default + Name> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // It lies in one piece.
        wide::check(&U::full_name(), buffer.chunk()).map_err(|_| status::message_too_wide())?;
        self.0.decode(buffer)
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
