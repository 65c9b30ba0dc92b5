//! The judgement ledger.
#![forbid(unsafe_code)]

pub mod cli;
pub mod disk;
pub mod journal;
pub mod judgement;
pub mod ledger;
pub mod merkle;
pub mod pb;
pub mod record;
pub mod rpc;
pub mod telemetry;
pub mod vault;
pub mod views;
