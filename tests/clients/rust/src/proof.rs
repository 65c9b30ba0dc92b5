//! What proves that a record is in the ledger: a fold of hashes, and a signed note.

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::Failure;

/// The root to which a record's proof leads; `None` if it fits no such tree. (RFC 9162 §2.1.3.2)
pub fn fold(record: &[u8], mut index: u64, size: u64, hashes: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut last = size.checked_sub(1).filter(|last| index <= *last)?;
    let mut root = sha256(&[&[0], record]);
    for sibling in hashes {
        if last == 0 {
            return None;
        }
        if index % 2 == 1 || index == last {
            root = sha256(&[&[1], sibling, &root]);
            while index.is_multiple_of(2) && index != 0 {
                (index, last) = (index / 2, last / 2);
            }
        } else {
            root = sha256(&[&[1], &root, sibling]);
        }
        (index, last) = (index / 2, last / 2);
    }
    (last == 0).then_some(root)
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().to_vec()
}

pub fn decoded(base64: &str) -> Result<Vec<u8>, Failure> {
    Ok(BASE64_STANDARD.decode(base64)?)
}

/// The key of a log, `NAME+ID+BASE64`. (c2sp.org/signed-note)
pub struct LogKey {
    name: String,
    id: Vec<u8>,
    key: VerifyingKey,
}

impl LogKey {
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = text.splitn(3, '+').collect();
        let [name, id, key] = parts[..] else {
            return Err("the key is not NAME+ID+BASE64".into());
        };
        let key = decoded(key)?;
        let [1, ed25519 @ ..] = &key[..] else { return Err("the key is not of Ed25519".into()) };
        let hash = sha256(&[name.as_bytes(), b"\n", &key]);
        if u32::from_str_radix(id, 16)?.to_be_bytes() != hash[..4] {
            return Err("the key has another id than it says".into());
        }
        let key = VerifyingKey::try_from(ed25519)?;
        Ok(Self { name: name.to_owned(), id: hash[..4].to_vec(), key })
    }

    /// Whether one of a note's signatures is by this key; others may have signed it, too.
    pub fn signed(&self, text: &str, signatures: &str) -> bool {
        signatures.lines().any(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let ["—", name, signature] = words[..] else { return false };
            let signature = decoded(signature).unwrap_or_default();
            let signature = signature.strip_prefix(&self.id[..]).unwrap_or_default();
            name == self.name
                && Signature::from_slice(signature)
                    .is_ok_and(|it| self.key.verify_strict(text.as_bytes(), &it).is_ok())
        })
    }
}
