//! The messages and services generated from `proto/`, and their descriptors.
//!
//! Named only in `record/`, `rpc/` and the command line's client.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::as_conversions,
    clippy::clone_on_ref_ptr,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

/// The ledger's own packages.
pub mod judgement {
    /// Package `judgement.ledger`.
    pub mod ledger {
        /// Package `judgement.ledger.v1`.
        pub mod v1 {
            tonic::include_proto!("judgement.ledger.v1");
        }
    }
}

/// Packages of Google's that the ledger's messages use.
pub mod google {
    /// Package `google.rpc`.
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
    /// Package `google.type`.
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}

pub use judgement::ledger::v1::*;

/// The compiled file descriptors of all that the port serves, options and comments included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// The same with those of the operator's service, which is served apart.
pub const ADMIN_DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/admin_descriptors.binpb"));
