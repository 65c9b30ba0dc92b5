//! The judgement ledger.
#![forbid(unsafe_code)]

pub mod disk;
pub mod journal;
pub mod judgement;
pub mod ledger;
pub mod merkle;
pub mod record;
pub mod vault;
