//! Messages of the ledger as JSON and back, in protobuf's JSON mapping.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::failure::Failure;
use crate::pb;

/// The descriptors, parsed once; nothing if they do not parse, which a test rules out.
static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| {
    let mut pool = DescriptorPool::decode(pb::DESCRIPTORS).ok()?;
    // The operator's service is described apart.
    pool.decode_file_descriptor_set(pb::ADMIN_DESCRIPTORS).ok()?;
    Some(pool)
});

/// A message that the command line shows or reads as JSON.
pub(super) trait InJson: Message + Default {
    /// Its name in the package `judgement.ledger.v1`.
    const NAME: &'static str;
}

macro_rules! in_json {
    ($($message:ident),+ $(,)?) => {
        $(impl InJson for pb::$message {
            const NAME: &'static str = stringify!($message);
        })+
    };
}

in_json!(
    Assessment,
    AuditRow,
    Checkpoint,
    Command,
    CompareAssessmentsResponse,
    Disclosure,
    FeedUpdate,
    Framework,
    GetFeedResponse,
    GetRecipientsResponse,
    ImportStep,
    Info,
    Receipt,
    RenderLetterResponse,
    StreamRecordsResponse,
    Subject,
    SubjectTimeline,
    SummarizeGradesResponse,
);

/// `message` as one line of JSON.
pub(super) fn line<M: InJson>(message: &M) -> Result<String, Failure> {
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic.transcode_from(message).map_err(|error| Failure::Json(Box::new(error)))?;
    serde_json::to_string(&dynamic).map_err(|error| Failure::Json(Box::new(error)))
}

/// The message that `text` stands for. Unknown fields are refused.
pub(super) fn read<M: InJson>(text: &str) -> Result<M, ReadError> {
    let descriptor = descriptor::<M>().map_err(|_| ReadError::NoDescriptor)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let dynamic = DynamicMessage::deserialize(descriptor, &mut reader)?;
    reader.end()?;
    Ok(dynamic.transcode_to()?)
}

/// Why a text stands for no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It is no JSON, or names what the message does not have.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The generated message and its descriptor differ.
    #[error(transparent)]
    Shape(#[from] prost::DecodeError),
    /// The message is not described.
    #[error("the message is not described")]
    NoDescriptor,
}

fn descriptor<M: InJson>() -> Result<MessageDescriptor, Failure> {
    let name = format!("judgement.ledger.v1.{}", M::NAME);
    let found = POOL.as_ref().and_then(|pool| pool.get_message_by_name(&name));
    found.ok_or_else(|| Failure::Json(format!("{name} is not described").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_comes_back() {
        let receipt = pb::Receipt {
            stream: "subjects/leicester-city".to_owned(),
            position: 7,
            recorded_at: Some(prost_types::Timestamp { seconds: 1_160_470_800, nanos: 0 }),
            change: pb::ChangeKind::Lowered.into(),
            ..pb::Receipt::default()
        };
        let json = line(&receipt).unwrap();
        assert_eq!(
            json,
            r#"{"stream":"subjects/leicester-city","position":"7","recordedAt":"2006-10-10T09:00:00Z","change":"CHANGE_KIND_LOWERED"}"#
        );
        assert_eq!(read::<pb::Receipt>(&json).unwrap(), receipt);
    }

    #[test]
    fn what_a_message_does_not_have_is_refused() {
        let error = read::<pb::Receipt>(r#"{"grade": 3}"#).unwrap_err();
        assert!(error.to_string().contains("grade"), "{error}");
        assert!(read::<pb::Receipt>("{} {}").is_err());
    }

    #[test]
    fn every_message_shown_is_described() {
        assert!(line(&pb::Assessment::default()).is_ok());
        assert!(line(&pb::AuditRow::default()).is_ok());
        assert!(line(&pb::Command::default()).is_ok());
        assert!(line(&pb::Disclosure::default()).is_ok());
        assert!(line(&pb::Framework::default()).is_ok());
        assert!(line(&pb::GetFeedResponse::default()).is_ok());
        assert!(line(&pb::RenderLetterResponse::default()).is_ok());
        assert!(line(&pb::ImportStep::default()).is_ok());
        assert!(line(&pb::Info::default()).is_ok());
        assert!(line(&pb::StreamRecordsResponse::default()).is_ok());
        assert!(line(&pb::Subject::default()).is_ok());
        assert!(line(&pb::CompareAssessmentsResponse::default()).is_ok());
        assert!(line(&pb::SubjectTimeline::default()).is_ok());
        assert!(line(&pb::SummarizeGradesResponse::default()).is_ok());
    }
}
