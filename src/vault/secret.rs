//! A secret key and the one cipher it is used with.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{
    entropy::{Entropy, EntropyError},
    error::VaultError,
};

/// The length of a nonce of XChaCha20-Poly1305, in bytes: long enough to be drawn at random.
pub(super) const NONCE_BYTES: usize = 24;

/// The length of an authentication tag of Poly1305, in bytes.
pub(super) const TAG_BYTES: usize = 16;

/// A key of XChaCha20-Poly1305. It has no `Debug` and is zeroed when it is dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct SecretKey([u8; Self::BYTES]);

impl SecretKey {
    pub(super) const BYTES: usize = 32;

    pub(super) const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn draw(entropy: &Entropy) -> Result<Self, EntropyError> {
        let mut key = Self([0; Self::BYTES]);
        entropy(&mut key.0)?;
        Ok(key)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    pub(super) const fn as_mut_bytes(&mut self) -> &mut [u8; Self::BYTES] {
        &mut self.0
    }

    /// The key, leaving zeros in its old place.
    pub(super) fn take(&mut self) -> Self {
        let taken = self.clone();
        self.zeroize();
        taken
    }

    /// Encrypts `buffer` where it lies and returns the tag over it and `bound`.
    ///
    /// # Errors
    /// `Exhausted`, and only for a buffer of more than 256 GiB.
    pub(super) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        bound: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], VaultError> {
        let tag = self.cipher().encrypt_inout_detached(nonce.into(), bound, buffer.into());
        tag.map(Into::into).map_err(|_| VaultError::Exhausted)
    }

    /// Decrypts `buffer` where it lies.
    ///
    /// # Errors
    /// If key, nonce, `bound`, `buffer` and `tag` are not those of one call of [`Self::seal`];
    /// the buffer then still holds what it held.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        bound: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        let opened =
            self.cipher().decrypt_inout_detached(nonce.into(), bound, buffer.into(), tag.into());
        opened.map_err(|_| NotAuthentic)
    }

    /// The cipher keeps a copy of the key and zeroes it in turn (its feature `zeroize`).
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.0).into())
    }
}

/// What was to be opened was not sealed like this.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotAuthentic;

/// A random nonce.
pub(super) fn draw_nonce(entropy: &Entropy) -> Result<[u8; NONCE_BYTES], EntropyError> {
    let mut nonce = [0; NONCE_BYTES];
    entropy(&mut nonce)?;
    Ok(nonce)
}
