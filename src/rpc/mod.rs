//! The gRPC face.

mod status;

pub use status::{DOMAIN, Reason};
