//! The messages of a snapshot. They are private to this version of the ledger.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Assessment {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) framework: String,
    #[prost(string, tag = "3")]
    pub(super) cycle: String,
    #[prost(uint64, tag = "4")]
    pub(super) revision: u64,
    #[prost(message, optional, tag = "5")]
    pub(super) last: Option<Item>,
    #[prost(message, optional, tag = "6")]
    pub(super) opened: Option<Item>,
    #[prost(message, optional, tag = "7")]
    pub(super) addressee: Option<Item>,
    #[prost(message, repeated, tag = "8")]
    pub(super) judgements: Vec<Judgement>,
    #[prost(message, repeated, tag = "9")]
    pub(super) entries: Vec<Written>,
    #[prost(uint32, tag = "10")]
    pub(super) edition: u32,
    #[prost(oneof = "Phase", tags = "11, 12, 13")]
    pub(super) phase: Option<Phase>,
    #[prost(message, repeated, tag = "14")]
    pub(super) published: Vec<Edition>,
    #[prost(message, repeated, tag = "15")]
    pub(super) periods: Vec<Period>,
    #[prost(string, repeated, tag = "16")]
    pub(super) earlier: Vec<String>,
    #[prost(message, repeated, tag = "17")]
    pub(super) lapsed: Vec<Lapsed>,
    #[prost(message, repeated, tag = "18")]
    pub(super) holds: Vec<Hold>,
    #[prost(message, repeated, tag = "19")]
    pub(super) challenges: Vec<Challenge>,
    #[prost(message, repeated, tag = "20")]
    pub(super) drafts: Vec<Draft>,
    #[prost(message, repeated, tag = "21")]
    pub(super) corrections: Vec<Corrected>,
    #[prost(bool, tag = "22")]
    pub(super) draft_shared: bool,
    #[prost(bool, tag = "23")]
    pub(super) signed: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Hold {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) placed: Option<Item>,
    #[prost(int32, tag = "3")]
    pub(super) kind: i32,
    #[prost(int32, tag = "4")]
    pub(super) stops: i32,
    #[prost(message, optional, tag = "5")]
    pub(super) released: Option<Item>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Challenge {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) item: Option<Item>,
    #[prost(int32, tag = "3")]
    pub(super) kind: i32,
    /// Days since 1970.
    #[prost(sint32, optional, tag = "4")]
    pub(super) due: Option<i32>,
    #[prost(message, repeated, tag = "5")]
    pub(super) points: Vec<Raised>,
}

/// About an entry if `area` is absent.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Raised {
    #[prost(string, optional, tag = "1")]
    pub(super) area: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) entry: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(super) against: Option<Item>,
    /// Present with an outcome.
    #[prost(message, optional, tag = "4")]
    pub(super) decided: Option<Item>,
    #[prost(int32, tag = "5")]
    pub(super) outcome: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Draft {
    #[prost(message, optional, tag = "1")]
    pub(super) item: Option<Item>,
    #[prost(uint64, tag = "2")]
    pub(super) position: u64,
    #[prost(string, tag = "3")]
    pub(super) audience: String,
}

/// The corrections of one record, oldest first.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Corrected {
    #[prost(uint64, tag = "1")]
    pub(super) record: u64,
    #[prost(message, repeated, tag = "2")]
    pub(super) amendments: Vec<Amendment>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Amendment {
    #[prost(message, optional, tag = "1")]
    pub(super) item: Option<Item>,
    #[prost(int32, tag = "2")]
    pub(super) field: i32,
}

/// Both in days since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Period {
    #[prost(sint32, tag = "1")]
    pub(super) from: i32,
    #[prost(sint32, tag = "2")]
    pub(super) to: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Item {
    #[prost(uint64, tag = "1")]
    pub(super) at: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) record: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) hash: Vec<u8>,
}

/// A level if `not_graded` is absent.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Judgement {
    #[prost(string, tag = "1")]
    pub(super) area: String,
    #[prost(message, optional, tag = "2")]
    pub(super) item: Option<Item>,
    #[prost(string, tag = "3")]
    pub(super) scale: String,
    #[prost(string, tag = "4")]
    pub(super) level: String,
    #[prost(string, optional, tag = "5")]
    pub(super) word: Option<String>,
    #[prost(int32, optional, tag = "6")]
    pub(super) not_graded: Option<i32>,
    #[prost(bool, tag = "7")]
    pub(super) qualified: bool,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub(super) deciders: Vec<Vec<u8>>,
    /// Days since 1970.
    #[prost(sint32, tag = "9")]
    pub(super) effective_on: i32,
    /// Microseconds since 1970.
    #[prost(sint64, tag = "10")]
    pub(super) recorded_at: i64,
    #[prost(bool, tag = "11")]
    pub(super) transcribed: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Written {
    #[prost(string, tag = "1")]
    pub(super) entry: String,
    #[prost(message, optional, tag = "2")]
    pub(super) item: Option<Item>,
    #[prost(int32, tag = "3")]
    pub(super) kind: i32,
    #[prost(string, tag = "4")]
    pub(super) section: String,
    #[prost(string, optional, tag = "5")]
    pub(super) area: Option<String>,
    #[prost(uint32, tag = "6")]
    pub(super) order: u32,
    #[prost(bool, tag = "7")]
    pub(super) struck: bool,
    #[prost(message, optional, tag = "8")]
    pub(super) corrected: Option<Item>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Phase {
    #[prost(message, tag = "11")]
    Open(Nothing),
    #[prost(message, tag = "12")]
    Locked(Locked),
    #[prost(message, tag = "13")]
    Published(Nothing),
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Locked {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) digest: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub(super) signatures: Vec<Signed>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Signed {
    #[prost(string, tag = "1")]
    pub(super) organisation: String,
    #[prost(message, optional, tag = "2")]
    pub(super) item: Option<Item>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Edition {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) item: Option<Item>,
    /// Days since 1970.
    #[prost(sint32, tag = "3")]
    pub(super) letter_date: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) digest: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    pub(super) signatures: Vec<Signed>,
    #[prost(message, optional, tag = "6")]
    pub(super) withdrawn: Option<Withdrawal>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Withdrawal {
    #[prost(message, optional, tag = "1")]
    pub(super) item: Option<Item>,
    /// Absent if the subject is not rated.
    #[prost(string, optional, tag = "2")]
    pub(super) fallback: Option<String>,
    /// Microseconds since 1970.
    #[prost(sint64, tag = "3")]
    pub(super) recorded_at: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) person: Vec<u8>,
    #[prost(int32, tag = "5")]
    pub(super) role: i32,
    #[prost(string, tag = "6")]
    pub(super) organisation: String,
    #[prost(string, optional, tag = "7")]
    pub(super) reason: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Lapsed {
    #[prost(string, tag = "1")]
    pub(super) organisation: String,
    #[prost(message, optional, tag = "2")]
    pub(super) item: Option<Item>,
    #[prost(message, optional, tag = "3")]
    pub(super) by: Option<Item>,
}
