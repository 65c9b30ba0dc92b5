//! The bytes of one value in the store: a version, what is said, and a checksum that binds both
//! to the key they lie under.

/// The version that every value begins with.
const VERSION: u8 = 1;

/// CRC-32C over the key, the version and the body, big-endian. The key is in it so that a value
/// that strayed under another key is refused.
const CHECKSUM_BYTES: usize = 4;

/// The value that says `body` under `key`.
pub(super) fn seal(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(body.len().saturating_add(5));
    value.push(VERSION);
    value.extend_from_slice(body);
    let checksum = checksum(key, &value);
    value.extend_from_slice(&checksum);
    value
}

/// What `value` says; nothing unless it is just what was sealed under `key`.
pub(super) fn open<'a>(key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    let (sealed, found) = value.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (version, body) = sealed.split_first()?;
    (*version == VERSION && *found == checksum(key, sealed)).then_some(body)
}

fn checksum(key: &[u8], sealed: &[u8]) -> [u8; CHECKSUM_BYTES] {
    crc32c::crc32c_append(crc32c::crc32c(key), sealed).to_be_bytes()
}

/// Appends a number in groups of seven bits, the lowest first.
pub(super) fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        bytes.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    bytes.push(low);
}

/// Takes a number off the front of `bytes`; nothing if there is none, or one past 64 bits.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let group = u64::from(byte & 0x7f);
        let shifted = group << shift;
        if shifted >> shift != group {
            return None;
        }
        number |= shifted;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Appends bytes and, before them, how many they are.
pub(super) fn push_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    push_number(body, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    body.extend_from_slice(bytes);
}

/// Takes such bytes off the front; nothing if there are none.
pub(super) fn take_bytes<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(body)?).ok()?;
    let (bytes, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(numbers: Vec<u64>) {
            let mut bytes = Vec::new();
            for number in &numbers {
                push_number(&mut bytes, *number);
            }
            let mut rest = bytes.as_slice();
            for number in numbers {
                prop_assert_eq!(take_number(&mut rest), Some(number));
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_value_is_read_under_its_own_key_only(key: Vec<u8>, other: Vec<u8>, body: Vec<u8>) {
            let value = seal(&key, &body);
            prop_assert_eq!(open(&key, &value), Some(body.as_slice()));
            if key != other {
                prop_assert_eq!(open(&other, &value), None);
            }
        }

        #[test]
        fn a_value_with_a_flipped_byte_is_refused(
            key: Vec<u8>, body: Vec<u8>, at: prop::sample::Index, flip in 1_u8..,
        ) {
            let mut value = seal(&key, &body);
            let at = at.index(value.len());
            value[at] ^= flip;
            prop_assert_eq!(open(&key, &value), None);
        }
    }

    #[test]
    fn a_number_past_64_bits_is_none() {
        assert_eq!(take_number(&mut [0xff; 10].as_slice()), None);
        assert_eq!(take_number(&mut [].as_slice()), None);
    }
}
