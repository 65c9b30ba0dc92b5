//! The three hashes of the tree: of nothing, of a leaf and of a node.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Goes before a leaf's bytes, so that no leaf can be passed off as a node. (RFC 9162 §2.1.1)
const LEAF_PREFIX: u8 = 0x00;

/// Goes before a node's two hashes, so that no node can be passed off as a leaf.
/// (RFC 9162 §2.1.1)
const NODE_PREFIX: u8 = 0x01;

/// A SHA-256 hash in the tree: 32 bytes, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; Self::BYTES]);

impl Hash {
    /// The length of a hash, in bytes.
    pub const BYTES: usize = 32;

    /// The hash that consists of `bytes`. Nothing is hashed.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// [`HashError`] for any other text.
    ///
    /// # Examples
    /// ```
    /// use judgement_ledger::merkle::{Hash, empty_root};
    ///
    /// let shown = empty_root().to_string();
    /// assert_eq!(Hash::parse(&shown), Ok(empty_root()));
    /// ```
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let (digits, rest) = text.as_bytes().as_chunks::<2>();
        let digits: &[[u8; 2]; Self::BYTES] = digits.try_into().map_err(|_| HashError)?;
        if !rest.is_empty() {
            return Err(HashError);
        }
        let mut bytes = [0; Self::BYTES];
        for (byte, [high, low]) in bytes.iter_mut().zip(digits) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }

    /// The hash as checkpoints and proofs write it: in base64, RFC 4648 §4, padded.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`Hash::to_base64`] wrote, and nothing else.
    ///
    /// # Errors
    /// [`HashError`] for any other text.
    pub fn from_base64(text: &str) -> Result<Self, HashError> {
        let bytes = STANDARD.decode(text).map_err(|_| HashError)?;
        bytes.try_into().map(Self).map_err(|_| HashError)
    }
}

fn digit(character: u8) -> Result<u8, HashError> {
    let value = char::from(character).to_digit(16).ok_or(HashError)?;
    u8::try_from(value).map_err(|_| HashError)
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::parse(text)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// A text that is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits, or 44 characters of base64")]
pub struct HashError;

/// The hash of a leaf: `SHA-256(0x00 ‖ bytes)`. (RFC 9162 §2.1.1)
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let digest = Sha256::new().chain_update([LEAF_PREFIX]).chain_update(bytes).finalize();
    Hash(digest.into())
}

/// The hash of a node: `SHA-256(0x01 ‖ left ‖ right)`. (RFC 9162 §2.1.1)
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    node_of(left.as_bytes(), right.as_bytes())
}

/// The published vector's halves are shorter than a hash, hence the slices.
fn node_of(left: &[u8], right: &[u8]) -> Hash {
    let digest =
        Sha256::new().chain_update([NODE_PREFIX]).chain_update(left).chain_update(right).finalize();
    Hash(digest.into())
}

/// The root of the tree without a leaf: `SHA-256("")`. (RFC 9162 §2.1.1)
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_those_of_the_standard() {
        let empty = empty_root().to_string();
        assert!(empty.starts_with("e3b0c442") && empty.ends_with("b855"), "{empty}");
        let empty_leaf = leaf_hash(b"").to_string();
        assert!(empty_leaf.starts_with("6e340b9c") && empty_leaf.ends_with("a01d"), "{empty_leaf}");
        assert_eq!(
            leaf_hash(b"L123456").to_string(),
            "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
        );
        assert_eq!(
            node_of(b"N123", b"N456").to_string(),
            "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
        );
    }

    #[test]
    fn a_hash_is_read_as_it_is_shown() {
        let hash = leaf_hash(b"L123456");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(Hash::parse(&hash.to_string().to_uppercase()), Ok(hash));
        assert_eq!(format!("{hash:?}"), format!("Hash({hash})"));
    }

    #[test]
    fn there_is_one_way_to_write_a_hash_in_base64() {
        let hash = leaf_hash(b"L123456");
        let written = hash.to_base64();
        assert_eq!(written.len(), 44);
        assert_eq!(Hash::from_base64(&written), Ok(hash));
        let unpadded = written.trim_end_matches('=');
        let loose_bits = empty_root().to_base64().replace("U=", "V=");
        for odd in [
            "",
            unpadded,
            &format!("{written}="),
            &format!("{written}\n"),
            &format!(" {written}"),
            &STANDARD.encode([0; 31]),
            &STANDARD.encode([0; 33]),
            &STANDARD.encode([0xff; 32]).replace('/', "_"),
            &loose_bits,
        ] {
            assert_eq!(Hash::from_base64(odd), Err(HashError), "{odd:?}");
        }
    }

    #[test]
    fn what_is_not_64_digits_is_no_hash() {
        let shown = empty_root().to_string();
        let short: String = shown.chars().skip(1).collect();
        let shorter: String = shown.chars().skip(2).collect();
        let long = format!("{shown}0");
        let longer = format!("{shown}00");
        for text in ["", "e3", &short, &shorter, &long, &longer] {
            assert_eq!(Hash::parse(text), Err(HashError), "{text:?}");
        }
        for odd in ["g", " ", "+", "\0"] {
            assert_eq!(Hash::parse(&shown.replacen('e', odd, 1)), Err(HashError), "{odd:?}");
        }
        assert_eq!(Hash::parse(&"é".repeat(32)), Err(HashError));
    }
}
