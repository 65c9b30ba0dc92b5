//! Integers in bytes: reading without a way to panic, and varints.
//!
//! Every integer of the file format is little-endian. A varint is LEB128: seven bits a byte,
//! lowest first, the high bit set on all but the last.

/// The unit in which a disk keeps or loses what was not synced, in bytes: the smallest that any
/// disk has. Larger units are multiples of it.
pub(super) const SECTOR_BYTES: usize = 512;

/// A length as an offset; never more than `u64` holds on any platform there is.
pub(super) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// An offset as a length. What does not fit is longer than any slice, so that `get` finds nothing.
pub(super) fn narrow(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// The `N` bytes at `at`, if `bytes` reaches so far.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The `u32` at `at`, if `bytes` reaches so far.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

/// The `u64` at `at`, if `bytes` reaches so far.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

/// Whether every byte is zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// How many leading bytes hold something: the length without the zeros at the end.
pub(super) fn used(bytes: &[u8]) -> usize {
    const CHUNK: usize = 4096;
    let tail = bytes.rchunks(CHUNK).take_while(|chunk| is_zero(chunk)).map(<[u8]>::len).sum();
    let rest = bytes.get(..bytes.len().saturating_sub(tail)).unwrap_or_default();
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1))
}

/// Appends `number` as a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(low_seven_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_seven_bits(rest));
}

/// How many bytes `number` has as a varint.
pub(super) fn varint_bytes(number: u64) -> usize {
    let bits = u64::BITS.saturating_sub(number.leading_zeros()).max(1);
    usize::try_from(bits.div_ceil(7)).unwrap_or(usize::MAX)
}

/// Takes a varint off the front of `bytes`; `None` if there is none or it exceeds a `u64`.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    let mut shift = 0_u32;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(*byte & 0x7f);
        let placed = bits.checked_shl(shift)?;
        if placed >> shift != bits {
            return None;
        }
        number |= placed;
        if *byte & 0x80 == 0 {
            return Some(number);
        }
        shift = shift.saturating_add(7);
    }
}

/// Takes `count` bytes off the front of `bytes`, if it has so many.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn low_seven_bits(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low & 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_and_are_as_long_as_foretold() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            assert_eq!(bytes.len(), varint_bytes(number), "{number}");
            let mut rest = bytes.as_slice();
            assert_eq!(take_varint(&mut rest), Some(number));
            assert_eq!(rest, b"");
        }
    }

    #[test]
    fn a_varint_cut_short_or_too_large_is_none() {
        assert_eq!(take_varint(&mut [0x80].as_slice()), None);
        assert_eq!(take_varint(&mut [0xff; 11].as_slice()), None);
        assert_eq!(
            take_varint(&mut [0xff; 9].iter().chain(&[2]).copied().collect::<Vec<_>>().as_slice()),
            None
        );
    }

    #[test]
    fn used_ignores_the_zeros_at_the_end_only() {
        let mut bytes = vec![0; 10_000];
        assert_eq!(used(&bytes), 0);
        bytes[4999] = 1;
        assert_eq!(used(&bytes), 5000);
        bytes[9999] = 1;
        assert_eq!(used(&bytes), 10_000);
    }
}
