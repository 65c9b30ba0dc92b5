//! The source of randomness, passed in.

use std::{io, sync::Arc};

/// Fills a buffer with random bytes that nobody can guess, or fails.
///
/// It is passed in so that a test can replay a run from a seed; the composition root passes
/// [`system_entropy`].
pub type Entropy = Arc<dyn Fn(&mut [u8]) -> Result<(), EntropyError> + Send + Sync>;

/// The source of randomness failed. Nothing may be sealed without it.
#[derive(Debug, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct EntropyError(#[source] pub io::Error);

/// The operating system's source of randomness.
#[must_use]
pub fn system_entropy() -> Entropy {
    Arc::new(|buffer| {
        getrandom::fill(buffer).map_err(|error| EntropyError(io::Error::other(error.to_string())))
    })
}
