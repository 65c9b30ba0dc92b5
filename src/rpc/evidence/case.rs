//! A case: one assessment for a court or an information request.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::stream;
use tonic::Status;

use super::{Files, not_opened, parts, purpose, record};
use crate::{
    evidence::{
        CASE, CHECKPOINT, CaseKind, CaseManifest, CaseRecord, Covered, ExemptText, OpenedText,
        Part, README, README_OF_CASE, SCHEDULE, TEXTS, document_path, proof_path, record_path,
        schedule,
    },
    judgement::{
        AccessKind, AccessRecorded, AssessmentId, Event, FieldPath, Position, Run, StreamId, Text,
    },
    ledger::{Ledger, Proven, ProvenText},
    merkle::{TlogProof, leaf_hash},
    pb,
    rpc::{
        Identity,
        asked::Asked,
        covering::{Covering, covering},
        reads,
        sight::Reach,
        status,
    },
};

/// The most items that one case withholds.
const EXEMPTIONS_MAX: usize = 10_000;

/// The longest naming of an exemption, in characters.
const EXEMPTION_CHARACTERS_MAX: usize = 200;

/// What a request asks for.
struct Wanted {
    assessment: AssessmentId,
    kind: CaseKind,
    purpose: Text,
    /// Why each whole record is withheld.
    records: BTreeMap<Position, String>,
    texts: BTreeMap<(Position, String), String>,
}

/// The files of a case.
pub(super) async fn export(
    ledger: &Ledger,
    who: &Identity,
    request: pb::ExportCaseRequest,
) -> Result<Files, Status> {
    let mut asked = Asked::default();
    let wanted = Wanted::take(&mut asked, request);
    let wanted = asked.settle(wanted)?;
    // Before anything of it is read.
    if !reads::is_seen_inside(ledger, &wanted.assessment, &Reach::of(who)).await? {
        return Err(not_opened(&wanted.assessment));
    }
    let own = StreamId::Assessment(wanted.assessment.clone());
    let until = ledger.head().position;
    let trail = ledger.proven_stream(&own, until).await.map_err(|it| status::of_read(&it))?;
    let ends = trail.first().zip(trail.last());
    let run =
        ends.map(|(first, last)| Run { first: first.record.position, last: last.record.position });
    let run = run.ok_or_else(|| not_opened(&wanted.assessment))?;
    wanted.check(&trail)?;

    let access = AccessRecorded {
        kind: AccessKind::Case,
        of: Some(own),
        records: Some(run),
        purpose: Some(wanted.purpose.clone()),
    };
    let handed_out = record(ledger, who, &access).await?.position;
    let covering = covering(ledger, handed_out).await?;
    let context = context(ledger, &wanted, &trail, handed_out).await?;
    let case = Case { ledger, wanted, covering, handed_out, trail, context };
    let files = case.files().await?;
    Ok(Box::pin(stream::iter(files.into_iter().map(Ok))))
}

impl Wanted {
    fn take(asked: &mut Asked, request: pb::ExportCaseRequest) -> Option<Self> {
        let assessment = asked.required("assessment", AssessmentId::parse(&request.assessment));
        let kind = match request.case_kind() {
            pb::CaseKind::Court => Some(CaseKind::Court),
            pb::CaseKind::InformationRequest => Some(CaseKind::InformationRequest),
            pb::CaseKind::Unspecified => asked.violation("case_kind", "is required"),
        };
        let purpose = purpose(asked, &request.purpose);
        if request.exemptions.len() > EXEMPTIONS_MAX {
            asked.note("exemptions", format!("are at most {EXEMPTIONS_MAX}"));
        }
        let (mut records, mut texts) = (BTreeMap::new(), BTreeMap::new());
        for (index, exempt) in request.exemptions.into_iter().take(EXEMPTIONS_MAX).enumerate() {
            let place = |field: &str| format!("exemptions[{index}].{field}");
            let pb::Exemption { position, field, exemption } = exempt;
            if position == 0 {
                asked.note(&place("position"), "is required");
            }
            let characters = exemption.chars().count();
            let printable = !exemption.chars().any(char::is_control);
            if !(1..=EXEMPTION_CHARACTERS_MAX).contains(&characters) || !printable {
                let what = format!("has 1 to {EXEMPTION_CHARACTERS_MAX} characters on one line");
                asked.note(&place("exemption"), what);
            }
            let position = Position::new(position);
            if field.is_empty() {
                records.insert(position, exemption);
            } else if asked.required(&place("field"), FieldPath::parse(&field)).is_some() {
                texts.insert((position, field), exemption);
            }
        }
        Some(Self { assessment: assessment?, kind: kind?, purpose: purpose?, records, texts })
    }

    /// What is to be withheld is there: each is one of the assessment's, or a text of one.
    fn check(&self, trail: &[Proven]) -> Result<(), Status> {
        let fields: BTreeMap<Position, BTreeSet<&str>> = trail
            .iter()
            .map(|it| {
                (it.record.position, it.texts.iter().map(|(field, _)| field.as_str()).collect())
            })
            .collect();
        let mut violations = Vec::new();
        for position in self.records.keys().filter(|at| !fields.contains_key(at)) {
            violations.push(format!("record {position} is none of the assessment's"));
        }
        for (position, field) in self.texts.keys() {
            match fields.get(position) {
                None => violations.push(format!("record {position} is none of the assessment's")),
                Some(has) if !has.contains(field.as_str()) => {
                    let has: Vec<_> = has.iter().copied().collect();
                    violations.push(format!(
                        "record {position} has no text {field}; it has {}",
                        if has.is_empty() { "none".to_owned() } else { has.join(", ") }
                    ));
                }
                Some(_) => {}
            }
        }
        for Proven { record, .. } in trail {
            let withheld = |at: Position| self.records.contains_key(&at);
            if let Event::TextRedacted(order) = &record.event
                && withheld(record.position)
                && !withheld(order.record)
            {
                violations.push(format!(
                    "record {} orders to erase a text of record {}, and explains why that is gone",
                    record.position, order.record
                ));
            }
        }
        if violations.is_empty() {
            return Ok(());
        }
        let named = violations.into_iter().map(|what| ("exemptions".to_owned(), what));
        Err(status::bad_request(named.collect()))
    }
}

/// The records that explain those of the assessment.
async fn context(
    ledger: &Ledger,
    wanted: &Wanted,
    trail: &[Proven],
    handed_out: Position,
) -> Result<Vec<Proven>, Status> {
    let failed = |error| status::of_read(&error);
    let subject = StreamId::Subject(wanted.assessment.subject().clone());
    let mut context = ledger.proven_stream(&subject, handed_out).await.map_err(failed)?;
    let opened = trail.first().map(|first| &first.record.event);
    if let Some(Event::AssessmentOpened(opened)) = opened {
        // Beside its registration, orders to erase a text of that.
        let framework = StreamId::Framework(opened.framework.clone());
        context.append(&mut ledger.proven_stream(&framework, handed_out).await.map_err(failed)?);
    }
    context.push(ledger.proven(handed_out).await.map_err(failed)?);
    let persons = trail.iter().chain(&context).flat_map(Proven::persons).collect();
    for at in ledger.explaining(&persons, handed_out).await.map_err(failed)? {
        context.push(ledger.proven(at).await.map_err(failed)?);
    }
    Ok(context)
}

/// A case as it is put together.
struct Case<'a> {
    ledger: &'a Ledger,
    wanted: Wanted,
    covering: Covering,
    handed_out: Position,
    trail: Vec<Proven>,
    context: Vec<Proven>,
}

impl Case<'_> {
    async fn files(self) -> Result<Vec<pb::ExportedFile>, Status> {
        let own = self.trail.iter().map(|it| (it.record.position, (Part::Assessment, it)));
        let context = self.context.iter().map(|it| (it.record.position, (Part::Context, it)));
        let all: BTreeMap<Position, (Part, &Proven)> = context.chain(own).collect();
        let (mut records, mut exempt, mut lines) = (Vec::new(), Vec::new(), String::new());
        let mut files = Vec::new();
        for (position, (part, proven)) in &all {
            let withheld = self.wanted.records.get(position).cloned();
            let leaf = leaf_hash(&proven.stored);
            records.push(CaseRecord {
                position: position.get(),
                leaf_hash: leaf.to_string(),
                part: *part,
                exemption: withheld.clone(),
            });
            files.extend(parts(&proof_path(*position), &self.proof(*position).await?));
            if withheld.is_some() {
                continue;
            }
            files.extend(parts(&record_path(*position), &proven.stored));
            if let Some(document) = &proven.document {
                files.extend(parts(&document_path(*position), document));
            }
            self.texts(proven, &mut exempt, &mut lines)?;
        }
        let covered = Covered {
            origin: &self.covering.origin,
            size: self.covering.head.size,
            root: &self.covering.head.root,
            handed_out: self.handed_out,
        };
        exempt.sort();
        let manifest =
            CaseManifest::new(&self.wanted.assessment, self.wanted.kind, covered, records, exempt);
        let record = |at: Position| {
            let found = all.get(&at).filter(|_| !self.wanted.records.contains_key(&at));
            found.map(|(_, proven)| proven.record.clone())
        };
        let schedule = schedule(&manifest, &record);
        let mut head = Vec::new();
        for (path, content) in [
            (CHECKPOINT, self.covering.note.clone()),
            (CASE, Bytes::from(manifest.to_bytes())),
            (README, Bytes::from_static(README_OF_CASE.as_bytes())),
            (SCHEDULE, Bytes::from(schedule)),
            (TEXTS, Bytes::from(lines)),
        ] {
            head.extend(parts(path, &content));
        }
        if let Some(first) = head.first_mut() {
            first.records_total = u64::try_from(all.len()).unwrap_or(u64::MAX);
        }
        head.append(&mut files);
        Ok(head)
    }

    /// The texts of a record: what is not exempt and not erased is handed out.
    fn texts(
        &self,
        proven: &Proven,
        exempt: &mut Vec<ExemptText>,
        lines: &mut String,
    ) -> Result<(), Status> {
        let position = proven.record.position;
        for (field, text) in &proven.texts {
            let (opening, text) = match text {
                ProvenText::Open(opening, text) => (opening, text),
                ProvenText::Erased { order } if order.get() > self.covering.head.size => {
                    return Err(super::erased_meanwhile(position, *order));
                }
                // What is erased is not withheld: nobody has it.
                ProvenText::Erased { .. } | ProvenText::Missing => continue,
            };
            if let Some(exemption) = self.wanted.texts.get(&(position, field.clone())) {
                let (position, field) = (position.get(), field.clone());
                exempt.push(ExemptText { position, field, exemption: exemption.clone() });
                continue;
            }
            let (opening, text) = (opening.clone(), text.clone());
            let line = OpenedText { position, field: field.clone(), opening, text };
            lines.push_str(&line.to_line());
        }
        Ok(())
    }

    async fn proof(&self, position: Position) -> Result<Bytes, Status> {
        let index = position.get().saturating_sub(1);
        let included = self.ledger.inclusion(index, self.covering.head.size).await;
        let included = included.map_err(|error| status::of_read(&error))?;
        let proof = TlogProof::new(index, included.proof, self.covering.signed.clone());
        Ok(Bytes::from(proof.to_string()))
    }
}
