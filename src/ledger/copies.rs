//! Copies of what lies in the journal and in the keyring, for whoever keeps them elsewhere: bytes as
//! they are stored, texts sealed, keys wrapped.

use std::io;

use super::{Ledger, ReadError};
use crate::{
    journal::{Page, Stored},
    judgement::Position,
    vault::VaultError,
};

/// A file of the keyring.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyringFile {
    /// Its name.
    pub name: String,
    /// All of its bytes; the keys among them are encrypted.
    pub content: Vec<u8>,
}

impl Ledger {
    /// Entries after `after`, oldest first, as they are stored; empty only at the head. What a newer
    /// version wrote is given as well.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn stored(&self, after: Position, page: Page) -> Result<Vec<Stored>, ReadError> {
        let head = self.head().position;
        let mut found = self.shared.journal.read(after, page).await?;
        // The journal may hold a group that is durable and about to be published.
        found.retain(|stored| stored.position <= head);
        Ok(found)
    }

    /// The names of the keyring's files, the oldest first.
    ///
    /// # Errors
    /// `Io` if the keyring cannot be read.
    pub async fn keyring_names(&self) -> Result<Vec<String>, VaultError> {
        let shared = std::sync::Arc::clone(&self.shared);
        blocking(move || shared.vault.files()).await
    }

    /// A file of the keyring as it is now; none if there is no such file.
    ///
    /// # Errors
    /// `Io` if the keyring cannot be read.
    pub async fn keyring_file(&self, name: String) -> Result<Option<KeyringFile>, VaultError> {
        let shared = std::sync::Arc::clone(&self.shared);
        blocking(move || {
            let content = shared.vault.file(&name)?;
            Ok(content.map(|content| KeyringFile { name, content }))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|lost| {
        let file = "the keyring".to_owned();
        Err(VaultError::Io { file, source: io::Error::other(lost) })
    })
}
