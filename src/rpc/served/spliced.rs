//! What a stream carries: records as the bytes that they are stored as.
//!
//! On the wire a message within a message is its bytes behind their length, as any bytes are. So
//! these messages have the bytes of a record where those of the proto have the record.

use bytes::Bytes;

use crate::pb;

/// A `StreamRecordsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamRecordsAnswer {
    /// What comes.
    #[prost(oneof = "SplicedMessage", tags = "1, 2, 3")]
    pub(crate) message: Option<SplicedMessage>,
}

/// What comes in a stream.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum SplicedMessage {
    /// A record.
    #[prost(message, tag = "1")]
    Record(SplicedRecord),
    /// Every record up to here was sent or did not match; from here on it is live.
    #[prost(message, tag = "2")]
    CaughtUp(pb::CaughtUp),
    /// Every record up to here was sent or did not match.
    #[prost(message, tag = "3")]
    Checkpoint(pb::StreamCheckpoint),
}

/// A `StreamedRecord`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SplicedRecord {
    /// The bytes of the record, which is a message.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) record: Bytes,
    /// Its texts.
    #[prost(message, repeated, tag = "2")]
    pub(crate) texts: Vec<pb::FieldText>,
    /// The record's bytes, instead of `record`, where they were written by a newer version.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) newer_record: Bytes,
}
