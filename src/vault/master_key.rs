//! The master key: the one secret that lies outside the keyring's files.

use std::fmt;

use zeroize::Zeroizing;

use crate::disk::{Access, Disk};

use super::{entropy::Entropy, error::VaultError, files, secret::SecretKey};

/// More than any form of a master key takes: 64 digits and a line end.
const FILE_BYTES_MAX: usize = 66;

/// The key that wraps the key of every block: 32 random bytes.
///
/// Who has it and the keyring's files reads every text that is not erased; who loses it has lost
/// them all. Keep it apart from both the journal and the keyring. `Debug` does not show it, and
/// its memory is zeroed when it is dropped.
#[derive(Clone)]
pub struct MasterKey(SecretKey);

impl MasterKey {
    /// The length of a master key, in bytes.
    pub const BYTES: usize = SecretKey::BYTES;

    /// The master key that consists of `bytes`, from wherever secrets are kept.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(SecretKey::new(bytes))
    }

    /// Reads the master key from the file `name`, or draws one and writes it there if there is no
    /// such file.
    ///
    /// The file holds either 64 hexadecimal digits, with or without a line end, or 32 raw bytes;
    /// the size tells which. A file made here has digits and a line end, is readable by its owner
    /// alone (the [`Disk`] sees to that) and is durable before the key is used.
    ///
    /// Where a keyring exists already, a missing key file is a mistake rather than a beginning:
    /// ask [`is_begun`](super::is_begun) first.
    ///
    /// # Errors
    /// `MasterKeyMalformed` naming the file, `Entropy`, `Io`, `Unknown`.
    pub fn load_or_create(
        disk: &dyn Disk,
        name: &str,
        entropy: &Entropy,
    ) -> Result<Self, VaultError> {
        if let Some(content) = files::read(disk, name, FILE_BYTES_MAX)? {
            let content = Zeroizing::new(content);
            return Self::parse(&content).ok_or_else(|| VaultError::MasterKeyMalformed {
                file: disk.describe(name),
                bytes: file_bytes(disk, name, content.len()),
            });
        }
        let key = SecretKey::draw(entropy)?;
        files::replace(disk, name, &hexadecimal_line(&key))?;
        Ok(Self(key))
    }

    fn parse(content: &[u8]) -> Option<Self> {
        if let Ok(raw) = content.try_into() {
            return Some(Self::new(raw));
        }
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let digits = line.strip_suffix(b"\r").unwrap_or(line);
        let pairs: &[[u8; 2]; Self::BYTES] = match digits.as_chunks() {
            (pairs, []) => pairs.try_into().ok()?,
            _ => return None,
        };
        let mut key = SecretKey::new([0; Self::BYTES]);
        for (byte, [high, low]) in key.as_mut_bytes().iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(key))
    }

    pub(super) const fn key(&self) -> &SecretKey {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(<secret>)")
    }
}

/// The size to name in an error: the true one if the disk tells it.
fn file_bytes(disk: &dyn Disk, name: &str, read: usize) -> u64 {
    let told = disk.open(name, Access::Read).and_then(|file| file.len());
    told.unwrap_or_else(|_| u64::try_from(read).unwrap_or(u64::MAX))
}

fn digit(character: u8) -> Option<u8> {
    u8::try_from(char::from(character).to_digit(16)?).ok()
}

fn hexadecimal_line(key: &SecretKey) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX));
    for byte in key.as_bytes() {
        for half in [byte >> 4, byte & 0x0f] {
            line.extend(DIGITS.get(usize::from(half)));
        }
    }
    line.push(b'\n');
    line
}
