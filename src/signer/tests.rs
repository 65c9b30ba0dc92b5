//! The signer as a whole.
