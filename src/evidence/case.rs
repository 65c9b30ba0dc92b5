//! A case: one assessment handed out for a court or an information request, as a folder.
//!
//! | file | what it is |
//! |---|---|
//! | `case.json` | what this is: [`CaseManifest`] |
//! | `checkpoint` | the signed checkpoint (C2SP tlog-checkpoint) |
//! | `records/<position>.record` | a record as stored; not there for one that is withheld |
//! | `proofs/<position>.tlog-proof` | that it is in the log (C2SP tlog-proof) |
//! | `documents/<position>.binpb` | the document of the framework |
//! | `texts.jsonl` | the texts that are neither withheld nor erased, with their openings |
//! | `schedule.csv` | what is withheld, item by item, and why |
//! | `README.txt` | how to verify it |
//!
//! Beside the assessment's own records are those that explain them, the *context*: its framework and
//! subject, the persons who are named, the log's keys, and the record of the case's being handed out.
//! That none of the assessment's records is missing shows in their revisions, which have no gap; that
//! none is missing at the end, in the record of the handing out, by which the ledger itself states
//! which record of the assessment was the last. Whoever has the whole log finds it out if that is
//! not so.

use serde::{Deserialize, Serialize};

use crate::{
    judgement::{AssessmentId, Position},
    merkle::Hash,
    record::Record,
};

/// The name of the file that says what a case is.
pub const CASE: &str = "case.json";

/// The name of the schedule of what is withheld.
pub const SCHEDULE: &str = "schedule.csv";

/// The format that a manifest names.
const FORMAT: &str = "judgement-ledger/case/v1";

/// What the file `README.txt` says in a case.
pub const README_OF_CASE: &str = "\
This folder is a case of a judgement ledger: one assessment, with proofs.

  judgement-ledger verify .

checks every byte of it, without the service: that each record is in the signed log as it is here, that
none of the assessment's records is missing, that what was signed and published is what was recorded,
and that each text is the one that its record commits to, is withheld as the schedule says, or was
erased by an order that is recorded, too. Ask whoever runs the ledger, or its witnesses, for the key of
the log, and give it with --key: otherwise the key is the ledger's own word.

`schedule.csv` lists what is withheld and why. `proofs/` are C2SP tlog-proofs, which other tools verify
as well. A record is a protobuf message, judgement.ledger.v1.Record.

The log is tamper-evident: nothing can be changed unnoticed by whoever holds an older checkpoint.
";

/// What a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaseKind {
    /// A court.
    Court,
    /// Somebody asked for information.
    InformationRequest,
}

/// What a case holds. Every word of it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseManifest {
    format: String,
    /// The assessment's resource name.
    pub assessment: String,
    /// What it is for.
    pub kind: CaseKind,
    /// Which log it is of.
    pub origin: String,
    /// How many records the checkpoint covers.
    pub size: u64,
    /// The root over them: 64 hexadecimal digits.
    pub root: String,
    /// The record of its being handed out.
    pub handed_out_at: u64,
    /// The records, by position.
    pub records: Vec<CaseRecord>,
    /// The texts that are withheld, by position and field.
    pub exemptions: Vec<ExemptText>,
}

/// A record of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRecord {
    /// Where it stands.
    pub position: u64,
    /// Its leaf hash: 64 hexadecimal digits.
    pub leaf_hash: String,
    /// Whether it is one of the assessment's own.
    pub part: Part,
    /// Why the whole record is withheld, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<String>,
}

/// Why a record is in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Part {
    /// It is one of the assessment's own.
    Assessment,
    /// It explains one of them.
    Context,
}

/// A text of a case that is withheld.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExemptText {
    /// The record.
    pub position: u64,
    /// The field of it.
    pub field: String,
    /// Why.
    pub exemption: String,
}

/// Which checkpoint covers a case, and where its handing out is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Covered<'a> {
    /// Which log it is of.
    pub origin: &'a str,
    /// How many records the checkpoint covers.
    pub size: u64,
    /// The root over them.
    pub root: &'a Hash,
    /// The record of the handing out.
    pub handed_out: Position,
}

impl CaseManifest {
    /// Of an assessment's case. Records come by position, and so do exemptions, by field within one.
    #[must_use]
    pub fn new(
        assessment: &AssessmentId,
        kind: CaseKind,
        covered: Covered<'_>,
        records: Vec<CaseRecord>,
        exemptions: Vec<ExemptText>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            assessment: assessment.to_string(),
            kind,
            origin: covered.origin.to_owned(),
            size: covered.size,
            root: covered.root.to_string(),
            handed_out_at: covered.handed_out.get(),
            records,
            exemptions,
        }
    }

    /// Whether it is of the format that this program reads.
    pub(super) fn is_known(&self) -> bool {
        self.format == FORMAT
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers always have a form in JSON.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Where a record lies in a case.
#[must_use]
pub fn record_path(position: Position) -> String {
    format!("records/{position}.record")
}

/// Where its proof lies.
#[must_use]
pub fn proof_path(position: Position) -> String {
    format!("proofs/{position}.tlog-proof")
}

/// A line of the schedule: what a person is told of an item that is withheld.
#[derive(Debug, Serialize)]
struct Item<'a> {
    position: u64,
    revision: Option<u64>,
    recorded_at: Option<String>,
    event: Option<&'static str>,
    withheld: &'a str,
    exemption: &'a str,
}

/// The schedule of what a case withholds: RFC 4180, one line for each item. `record` gives the
/// records that are in the case.
#[must_use]
pub fn schedule(manifest: &CaseManifest, record: &dyn Fn(Position) -> Option<Record>) -> Vec<u8> {
    let mut items: Vec<(u64, Item<'_>)> = Vec::new();
    for of in &manifest.records {
        if let Some(exemption) = &of.exemption {
            let nothing = (None, None, None);
            items.push((of.position, item(of.position, nothing, "the whole record", exemption)));
        }
    }
    for text in &manifest.exemptions {
        let record = record(Position::new(text.position));
        let known = (
            record.as_ref().map(|it| it.revision.get()),
            record.as_ref().map(|it| it.recorded_at.to_string()),
            record.as_ref().map(|it| it.event.name()),
        );
        items.push((text.position, item(text.position, known, &text.field, &text.exemption)));
    }
    items.sort_by_key(|(position, _)| *position);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["position", "revision", "recorded_at", "event", "withheld", "exemption"];
    let mut written = if items.is_empty() { writer.write_record(header) } else { Ok(()) };
    for (_, item) in &items {
        written = written.and_then(|()| writer.serialize(item));
    }
    // Memory takes every write.
    debug_assert!(written.is_ok());
    writer.into_inner().unwrap_or_default()
}

type Known = (Option<u64>, Option<String>, Option<&'static str>);

fn item<'a>(position: u64, known: Known, withheld: &'a str, exemption: &'a str) -> Item<'a> {
    let (revision, recorded_at, event) = known;
    Item { position, revision, recorded_at, event, withheld, exemption }
}
