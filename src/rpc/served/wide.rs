//! Messages that are small on the wire and large once they are read.
//!
//! An empty message within another takes two bytes there, and up to a KiB in memory: a MiB of empty
//! commands becomes half a GiB. So the parts of a message are counted before it is read: messages within
//! it, at any depth, and what is repeated.

use std::sync::LazyLock;

use prost::{
    bytes::Buf as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use crate::pb::DESCRIPTORS;

/// The most parts that are read: a batch of 1,000 commands has ten times as many at most, and a framework
/// some thousands.
const PARTS_MAX: usize = 16_384;

/// What is shorter has too few parts to matter, and is not looked at.
const BYTES_MIN: usize = 16 * 1024;

/// How deep messages are read. Deeper ones are refused by who reads them.
const DEPTH_MAX: usize = 100;

static MESSAGES: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok());

/// More parts than are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooWide;

/// Counts the parts of a message of this name. What is no message is for who reads it to refuse.
///
/// # Errors
/// [`TooWide`].
pub(super) fn check(name: &str, bytes: &[u8]) -> Result<(), TooWide> {
    if bytes.len() < BYTES_MIN {
        return Ok(());
    }
    match MESSAGES.as_ref().and_then(|pool| pool.get_message_by_name(name)) {
        Some(message) => count(&message, bytes, &mut { PARTS_MAX }, DEPTH_MAX),
        None => Ok(()),
    }
}

fn count(
    message: &MessageDescriptor,
    mut bytes: &[u8],
    left: &mut usize,
    depth: usize,
) -> Result<(), TooWide> {
    while bytes.has_remaining() {
        let Ok((number, wire)) = decode_key(&mut bytes) else { return Ok(()) };
        if wire != WireType::LengthDelimited {
            if skip_field(wire, number, &mut bytes, DecodeContext::default()).is_err() {
                return Ok(());
            }
            continue;
        }
        let Some((content, rest)) = content(bytes) else { return Ok(()) };
        bytes = rest;
        let Some(field) = message.get_field(number) else { continue };
        let kind = field.kind();
        if field.is_list() || matches!(kind, Kind::Message(_)) {
            *left = left.checked_sub(1).ok_or(TooWide)?;
        }
        if let (Kind::Message(inner), Some(depth)) = (kind, depth.checked_sub(1)) {
            count(&inner, content, left, depth)?;
        }
    }
    Ok(())
}

/// What a length says belongs to it, and the rest.
fn content(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = decode_varint(&mut bytes).ok()?;
    bytes.split_at_checked(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use prost::{Message as _, Name as _};

    use super::*;
    use crate::pb;

    fn checked(message: &pb::ApplyBatchRequest) -> Result<(), TooWide> {
        check(&pb::ApplyBatchRequest::full_name(), &message.encode_to_vec())
    }

    fn batch(commands: usize, text: &str) -> pb::ApplyBatchRequest {
        let command = pb::Command {
            order: Some(pb::command::Order::RecordEntry(pb::RecordEntryRequest {
                act: Some(pb::Act { rationale: text.to_owned(), ..pb::Act::default() }),
                ..pb::RecordEntryRequest::default()
            })),
        };
        pb::ApplyBatchRequest { commands: vec![command; commands], validate_only: false }
    }

    #[test]
    fn parts_are_counted_at_every_depth() {
        // Each command has three: itself, its request, its act.
        assert_eq!(checked(&batch(PARTS_MAX / 3, "it was weighed again")), Ok(()));
        assert_eq!(checked(&batch(PARTS_MAX / 3 + 1, "it was weighed again")), Err(TooWide));
        let empty = vec![pb::Command::default(); 500_000];
        let empty = pb::ApplyBatchRequest { commands: empty, validate_only: false };
        assert_eq!(checked(&empty), Err(TooWide));
        let areas = vec![pb::Area::default(); 100_000];
        let framework = Some(pb::Framework { areas, ..pb::Framework::default() });
        let wide = pb::RegisterFrameworkRequest { framework, ..Default::default() };
        let told = check(&pb::RegisterFrameworkRequest::full_name(), &wide.encode_to_vec());
        assert_eq!(told, Err(TooWide));
        let exemptions = vec![pb::Exemption::default(); 20_000];
        let case = pb::ExportCaseRequest { exemptions, ..Default::default() };
        let told_of_case = check(&pb::ExportCaseRequest::full_name(), &case.encode_to_vec());
        assert_eq!(told_of_case, Err(TooWide));
    }

    #[test]
    fn a_text_has_no_parts_whatever_stands_in_it() {
        // Two bytes of it would be an empty command.
        assert_eq!(checked(&batch(1, &"\n\0".repeat(100_000))), Ok(()));
        for bad in [vec![0xff; 20_000], [0x0a, 0xff, 0xff, 0xff, 0x0f].repeat(5_000)] {
            assert_eq!(check(&pb::ApplyBatchRequest::full_name(), &bad), Ok(()));
        }
    }
}
