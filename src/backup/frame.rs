//! Frames: what a file of a backup consists of. The format stands at the [module](super).

use bytes::Bytes;

/// The largest payload. An entry has at most a record of 32 KiB, its texts, and a framework's document.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// What stands before a payload: what it is, and its length.
pub(super) const HEAD_BYTES: usize = 5;

/// What stands after it: the checksum.
pub(super) const CHECKSUM_BYTES: usize = 4;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The head of a part.
    Head,
    /// An entry of the journal.
    Entry,
    /// The head of a keyring.
    Ring,
    /// A file of the keyring.
    KeyFile,
    /// The last frame.
    Trailer,
}

impl Kind {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Head => b'H',
            Self::Entry => b'E',
            Self::Ring => b'R',
            Self::KeyFile => b'K',
            Self::Trailer => b'T',
        }
    }

    pub(super) fn of(byte: u8) -> Option<Self> {
        let all = [Self::Head, Self::Entry, Self::Ring, Self::KeyFile, Self::Trailer];
        all.into_iter().find(|kind| kind.byte() == byte)
    }
}

/// A frame that was read, and where it begins in its file.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) payload: Bytes,
    pub(super) offset: u64,
}

/// Appends the frame whose payload consists of `parts`; `None` if it would be too large.
pub(super) fn encode(kind: Kind, parts: &[&[u8]], into: &mut Vec<u8>) -> Option<()> {
    let length = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    if length > PAYLOAD_BYTES_MAX {
        return None;
    }
    let begins = into.len();
    into.push(kind.byte());
    into.extend(u32::try_from(length).ok()?.to_be_bytes());
    for part in parts {
        into.extend_from_slice(part);
    }
    let checksum = crc32c::crc32c(into.get(begins..)?);
    into.extend(checksum.to_be_bytes());
    Some(())
}

/// The kind and the length of the payload, as the bytes before it say.
pub(super) fn decode_head(head: &[u8]) -> Result<(Kind, usize), &'static str> {
    let cut = "the frame is cut off";
    let (kind, length) = head.split_first().ok_or(cut)?;
    let length = length.first_chunk().copied().ok_or(cut)?;
    let kind = Kind::of(*kind).ok_or("no frame begins so")?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > PAYLOAD_BYTES_MAX {
        return Err("no frame is so long");
    }
    Ok((kind, length))
}

/// The payload of a whole frame, whose checksum holds.
pub(super) fn decode_payload(frame: &Bytes) -> Result<Bytes, &'static str> {
    let ends = frame.len().saturating_sub(CHECKSUM_BYTES);
    let (content, checksum) = frame.split_at_checked(ends).ok_or("the frame is cut off")?;
    if checksum != crc32c::crc32c(content).to_be_bytes() {
        return Err("the checksum is not that of the frame");
    }
    let payload = content.get(HEAD_BYTES..).ok_or("the frame is cut off")?;
    Ok(frame.slice_ref(payload))
}

/// Takes a part of a fixed length off the front.
pub(super) fn take<const BYTES: usize>(rest: &mut &[u8]) -> Option<[u8; BYTES]> {
    let (part, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*part)
}

/// Takes a part off the front that comes after its length.
pub(super) fn take_long<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
    rest.split_off(..length)
}

/// The length of a part as it stands before it; more than the largest payload is told later.
pub(super) fn length_of(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}
