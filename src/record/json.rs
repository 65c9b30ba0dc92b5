//! Any message of the protos as JSON, in protobuf's own mapping: framework files, import files,
//! and what the command line prints.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};

use crate::pb;

/// The descriptors, read once; none if they are not what the build wrote.
static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(pb::DESCRIPTORS).ok());

/// JSON that is not the message that it should be.
#[derive(Debug, thiserror::Error)]
pub enum BadJson {
    /// The protos have no such message.
    #[error("there is no message {name}")]
    NoSuchMessage {
        /// The full name asked for.
        name: String,
    },
    /// It is no JSON, or has a field or value that the message has not. The cause says which,
    /// with its line and column.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The message and its descriptor disagree: another message was named than given.
    #[error("the message is no {name}")]
    OtherMessage {
        /// The full name given.
        name: String,
    },
}

/// The message of the full name `name`, for example `judgement.ledger.v1.Framework`, that `json`
/// says. Field names may be in either case; unknown ones are refused.
///
/// # Errors
/// [`BadJson`], pointing at the line and column.
pub fn from_json<M: Message + Default>(name: &str, json: &str) -> Result<M, BadJson> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(descriptor(name)?, &mut reader)?;
    reader.end()?;
    message.transcode_to().map_err(|_| BadJson::OtherMessage { name: name.to_owned() })
}

/// `message` as JSON over several lines; fields that are absent are left out.
///
/// # Errors
/// [`BadJson`] if `name` is not the message's full name.
pub fn to_json<M: Message>(name: &str, message: &M) -> Result<String, BadJson> {
    let mut dynamic = DynamicMessage::new(descriptor(name)?);
    let other = |_| BadJson::OtherMessage { name: name.to_owned() };
    dynamic.transcode_from(message).map_err(other)?;
    let mut writer = serde_json::Serializer::pretty(Vec::new());
    dynamic.serialize_with_options(&mut writer, &SerializeOptions::new())?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

/// What the message of this full name is made of.
pub(super) fn descriptor(name: &str) -> Result<MessageDescriptor, BadJson> {
    let found = POOL.as_ref().and_then(|pool| pool.get_message_by_name(name));
    found.ok_or_else(|| BadJson::NoSuchMessage { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASON: &str = "judgement.ledger.v1.Reason";

    #[test]
    fn a_message_is_read_as_it_is_written() {
        let reason = pb::Reason { code: "MODERATION".to_owned(), moderation: true };
        let json = to_json(REASON, &reason).unwrap();
        assert_eq!(json, "{\n  \"code\": \"MODERATION\",\n  \"moderation\": true\n}");
        assert_eq!(from_json::<pb::Reason>(REASON, &json).unwrap(), reason);
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_place() {
        for (json, expected) in [
            ("{\n  \"cods\": \"A\"\n}", "unrecognized field name 'cods' at line 2 column 8"),
            ("{\"code\": 3}", "invalid type: integer `3`, expected a string at line 1 column 10"),
            ("{\"code\":", "EOF while parsing a value at line 1 column 8"),
            ("{} {}", "trailing characters at line 1 column 4"),
        ] {
            let error = from_json::<pb::Reason>(REASON, json).unwrap_err();
            assert_eq!(error.to_string(), expected, "{json}");
        }
    }

    #[test]
    fn a_message_that_is_not_there_is_named() {
        let error = from_json::<pb::Reason>("judgement.ledger.v1.Grund", "{}").unwrap_err();
        assert_eq!(error.to_string(), "there is no message judgement.ledger.v1.Grund");
    }
}
