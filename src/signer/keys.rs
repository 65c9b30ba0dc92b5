//! The key files of the signer.

use std::{fmt, io};

use zeroize::Zeroizing;

use super::SignerError;
use crate::{
    disk::{Disk, ReplaceError, whole},
    merkle::{Origin, Signer, Verifier},
};

/// How the name of a key's file ends while it signs.
const SIGNING: &str = ".key";

/// How it ends from when it was retired until the ledger has said so.
const RETIRING: &str = ".retiring";

/// More than any form of a key takes: 64 digits and a line end.
const FILE_BYTES_MAX: usize = 66;

/// A secret key: 32 random bytes. `Debug` does not show it, and it leaves no trace in memory.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; Self::BYTES]>);

impl Seed {
    /// The length of a secret key, in bytes.
    pub const BYTES: usize = 32;

    /// The key that consists of these bytes.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; Self::BYTES]>) -> Self {
        Self(bytes)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        if content.len() == Self::BYTES {
            bytes.copy_from_slice(content);
            return Some(Self(bytes));
        }
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let digits = line.strip_suffix(b"\r").unwrap_or(line);
        let pairs: &[[u8; 2]; Self::BYTES] = match digits.as_chunks() {
            (pairs, []) => pairs.try_into().ok()?,
            _ => return None,
        };
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// 64 digits and a line end.
    fn line(&self) -> Zeroizing<Vec<u8>> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut line = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX));
        for byte in self.0.iter() {
            for half in [byte >> 4, byte & 0x0f] {
                line.extend(DIGITS.get(usize::from(half)));
            }
        }
        line.push(b'\n');
        line
    }
}

fn digit(character: u8) -> Option<u8> {
    u8::try_from(char::from(character).to_digit(16)?).ok()
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(<secret>)")
    }
}

/// Whether a key goes on signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Signing,
    /// It signs until the ledger says that it does no more.
    Retiring,
}

/// A key of the signer.
#[derive(Debug, Clone)]
pub struct Key {
    /// The name of its file.
    pub file: String,
    /// Whether it goes on signing.
    pub state: KeyState,
    /// Its public side.
    pub verifier: Verifier,
    seed: Seed,
    origin: Origin,
}

impl Key {
    pub(super) fn signer(&self) -> Result<Signer, SignerError> {
        Ok(Signer::new(self.origin.key_name()?, &self.seed.0))
    }
}

/// Whether a file is that of a key, by its name.
pub(super) fn is_key(name: &str) -> bool {
    state(name).is_some()
}

fn state(name: &str) -> Option<KeyState> {
    if name.ends_with(SIGNING) {
        Some(KeyState::Signing)
    } else if name.ends_with(RETIRING) {
        Some(KeyState::Retiring)
    } else {
        None
    }
}

/// All keys, in the order of their files' names.
pub(super) fn load(disk: &dyn Disk, origin: &Origin) -> Result<Vec<Key>, SignerError> {
    let names = disk.list().map_err(|source| SignerError::io(disk, "", source))?;
    let mut keys = Vec::new();
    for (file, state) in names.into_iter().filter_map(|name| state(&name).map(|it| (name, it))) {
        let content = whole::read(disk, &file, FILE_BYTES_MAX);
        let content = content.map_err(|source| SignerError::io(disk, &file, source))?;
        // Of a directory that is shared another process may just have removed the file of a key.
        let gone = || SignerError::io(disk, &file, io::ErrorKind::NotFound.into());
        let seed = Seed::parse(&Zeroizing::new(content.ok_or_else(gone)?));
        let seed = seed.ok_or_else(|| SignerError::KeyMalformed { file: disk.describe(&file) })?;
        let verifier = Signer::new(origin.key_name()?, &seed.0).verifier();
        keys.push(Key { file, state, verifier, seed, origin: origin.clone() });
    }
    if keys.is_empty() {
        return Err(SignerError::NoKey { directory: disk.describe("") });
    }
    Ok(keys)
}

/// Writes a key to a file of this name, which no key may have.
pub(super) fn add(disk: &dyn Disk, name: &str, seed: &Seed) -> Result<String, SignerError> {
    let file = format!("{name}{SIGNING}");
    whole::replace(disk, &file, &seed.line()).map_err(|error| match error {
        ReplaceError::NotBegun(source) => SignerError::io(disk, &file, source),
        ReplaceError::Unknown(source) => SignerError::unknown(disk, &file, source),
    })?;
    Ok(file)
}

/// Renames the file of a key to that of one which is retiring.
pub(super) fn retire(disk: &dyn Disk, key: &Key) -> Result<(), SignerError> {
    let Some(name) = key.file.strip_suffix(SIGNING) else { return Ok(()) };
    let unknown = |source| SignerError::unknown(disk, &key.file, source);
    disk.rename(&key.file, &format!("{name}{RETIRING}")).map_err(unknown)?;
    disk.sync().map_err(unknown)
}
