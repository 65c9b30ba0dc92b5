//! Evidence: verifying a ledger without the service, and the folders in which it is handed out.
//!
//! This room owns what an offline verifier checks and the formats of what it is given: a ledger's
//! directory or a copy of it ([`verify_directory`]), the evidence of a whole ledger
//! ([`verify_whole`]), a case of one assessment ([`verify_case`]). It shares no state with a server:
//! whoever verifies needs this program, the files, and the key of the log.
//!
//! What holds when nothing is found [`Wrong`]:
//!
//! - every byte of every file is what was written, but for what is remarked on;
//! - each record is where it belongs, each stream has no gap and names, record by record, the hash of
//!   the one before (Spec §4), and times never fall;
//! - the tree over all records has the roots of every checkpoint and every mark that was kept;
//! - a key that is trusted has signed the checkpoints;
//! - a framework is the document beside its record; what was locked, signed and published, and to
//!   whom, is what the records say (Spec §4.8);
//! - each text is the one that its record commits to, or was erased by an order that is recorded
//!   and names that very record (Spec §4); an erased text is not there any more.
//!
//! | text | |
//! |---|---|
//! | VERIFIED | text and opening give the commitment |
//! | REDACTED | it is gone, and a record orders that |
//! | WITHHELD | it is kept back from whoever has the evidence, who is told so |
//! | SEALED | there is no keyring at hand to open it |
//! | missing | anything else that is gone: wrong |

mod case;
mod claims;
mod directory;
mod examination;
mod files;
mod keyring;
mod opened;
mod report;
mod streams;
mod texts;
mod trust;
mod verify_case;
mod whole;
mod wrong;

pub use case::{
    CASE, CaseKind, CaseManifest, CaseRecord, Covered, ExemptText, Part, README_OF_CASE, SCHEDULE,
    proof_path, record_path, schedule,
};
pub use directory::{Directory, Looked, verify_directory};
pub use opened::OpenedText;
pub use report::Report;
pub use texts::TextCounts;
pub(crate) use trust::Signed;
pub use trust::{CheckedCheckpoint, Trust};
pub use verify_case::verify_case;
pub use whole::{
    CHECKPOINT, MANIFEST, Manifest, README, README_OF_WHOLE, TEXTS, document_path, verify_whole,
};
pub use wrong::{Place, Wrong};
