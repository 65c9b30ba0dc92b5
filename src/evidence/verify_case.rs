//! Verifying a case: see [`super::case`] for its files.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use bytes::Bytes;

use super::{
    CASE, CHECKPOINT, CaseManifest, CaseRecord, Covered, ExemptText, OpenedText, Part, README,
    README_OF_CASE, Report, SCHEDULE, TEXTS, Trust, Wrong,
    claims::Claims,
    document_path,
    examination::{Examined, decode},
    files::Folder,
    proof_path, record_path, schedule,
    texts::{Found, Texts},
    trust::Signed,
};
use crate::{
    judgement::{AccessKind, AssessmentId, Event, KeyChange, Position, Revision, Run, StreamId},
    merkle::{Hash, TlogProof, leaf_hash},
    record::{Commitment, Previous, Record},
};

/// Verifies the folder of a case. `looked` is told how many records were looked at.
///
/// # Errors
/// [`Wrong`] with the first thing that does not hold, and where.
pub fn verify_case(
    root: &Path,
    trust: &Trust,
    looked: &mut dyn FnMut(u64),
) -> Result<Report, Wrong> {
    let mut case = Case::open(root)?;
    let mut records = BTreeMap::new();
    for of in case.manifest.records.clone() {
        if let Some(record) = case.record(&of)? {
            records.insert(record.record.position, record);
        }
        looked(1);
    }
    case.check_exemptions(&records)?;
    let mut keys = Vec::new();
    let mut claims = Claims::default();
    let whole = case.manifest.records.iter().all(|it| it.exemption.is_none());
    for Given { record, hash, document } in records.values() {
        if let Event::KeyRotated(event) = &record.event
            && event.change == KeyChange::Added
        {
            keys.push(event.key.to_string());
        }
        case.texts.follow(record)?;
        let fields = record.fields();
        for ((field, _), found) in fields.iter().zip(case.opened.find(record, &fields)?) {
            case.texts.found(record, field, found);
        }
        let own = record.stream == StreamId::Assessment(case.assessment.clone());
        // What was signed can be computed anew only where no record is withheld; a framework is the
        // document beside its record whatever is.
        let framework = matches!(record.event, Event::FrameworkRegistered(_));
        if framework || document.is_some() || (whole && own) {
            claims.follow(record, *hash, document.as_deref())?;
        }
    }
    for of in case.manifest.records.iter().filter(|it| it.exemption.is_some()) {
        case.texts.withheld(Position::new(of.position));
    }
    for Given { record, hash, .. } in records.values() {
        if case.texts.is_spoken_of(record.position) {
            case.texts.meet(record, *hash)?;
        }
    }
    case.check_chain(&records)?;
    case.check_handing_out(&records)?;
    case.finish(trust, &records, keys, whole)
}

/// A record that is in a case.
struct Given {
    record: Record,
    hash: Hash,
    document: Option<Vec<u8>>,
}

/// A case under verification.
struct Case {
    folder: Folder,
    manifest: CaseManifest,
    assessment: AssessmentId,
    note: Vec<u8>,
    signed: Signed,
    opened: Lines,
    texts: Texts,
}

impl Case {
    fn open(root: &Path) -> Result<Self, Wrong> {
        let mut folder = Folder::at(root);
        let note = folder.read(CHECKPOINT)?;
        let signed = Signed::read(CHECKPOINT, &note)?;
        let bytes = folder.read(CASE)?;
        let manifest: CaseManifest = serde_json::from_slice(&bytes)
            .map_err(|error| Wrong::in_file(CASE, error.to_string()))?;
        let in_case = |what: &str| Wrong::in_file(CASE, what);
        if !manifest.is_known() {
            return Err(in_case("this program does not know the format"));
        }
        let assessment = AssessmentId::parse(&manifest.assessment)
            .map_err(|error| in_case(&error.to_string()))?;
        let covered = Covered {
            origin: signed.origin(),
            size: signed.head().size,
            root: &signed.head().root,
            handed_out: Position::new(manifest.handed_out_at),
        };
        let (records, exemptions) = (manifest.records.clone(), manifest.exemptions.clone());
        let meant = CaseManifest::new(&assessment, manifest.kind, covered, records, exemptions);
        folder.is(CASE, &meant.to_bytes(), "it does not say what the checkpoint does")?;
        folder.is(README, README_OF_CASE.as_bytes(), "it is not as it is written")?;
        let positions = manifest.records.windows(2);
        if positions.into_iter().any(|pair| match pair {
            [one, next] => one.position >= next.position,
            _ => false,
        }) {
            return Err(in_case("its records are not in their order"));
        }
        let opened = Lines::read(&folder.read(TEXTS)?, &manifest.exemptions)?;
        Ok(Self { folder, manifest, assessment, note, signed, opened, texts: Texts::default() })
    }

    /// A record of the case, found in the log; `None` if it is withheld.
    fn record(&mut self, of: &CaseRecord) -> Result<Option<Given>, Wrong> {
        let position = Position::new(of.position);
        let leaf = leaf_hash_of(of)?;
        self.check_proof(position, &leaf)?;
        let document = document_path(position);
        let has_document = self.folder.has(&document);
        if of.exemption.is_some() {
            return Ok(None);
        }
        let path = record_path(position);
        let bytes = Bytes::from(self.folder.read(&path)?);
        if leaf_hash(&bytes) != leaf {
            return Err(Wrong::at(position, "it is not the record that the proof is of"));
        }
        let record = decode(position, &bytes)?;
        let own = record.stream == StreamId::Assessment(self.assessment.clone());
        if own != (of.part == Part::Assessment) {
            return Err(Wrong::at(position, "it is of another stream than the case says"));
        }
        let document = if has_document { Some(self.folder.read(&document)?) } else { None };
        Ok(Some(Given { record, hash: leaf, document }))
    }

    fn check_proof(&mut self, position: Position, leaf: &Hash) -> Result<(), Wrong> {
        let path = proof_path(position);
        let bytes = self.folder.read(&path)?;
        let wrong = |what: String| Wrong::in_file(&path, what);
        let proof = TlogProof::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
        if proof.checkpoint().to_string().as_bytes() != self.note {
            return Err(wrong("its checkpoint is not that of the case".to_owned()));
        }
        if proof.index().checked_add(1) != Some(position.get()) || !proof.extra().is_empty() {
            return Err(wrong("it is not the proof of this record".to_owned()));
        }
        let head = self.signed.head();
        proof
            .inclusion()
            .verify(leaf, proof.index(), head)
            .map_err(|error| wrong(error.to_string()))
    }

    /// Each exemption is of a text that a record of the case has.
    fn check_exemptions(&self, records: &BTreeMap<Position, Given>) -> Result<(), Wrong> {
        let mut before: Option<&ExemptText> = None;
        for exempt in &self.manifest.exemptions {
            let given = records.get(&Position::new(exempt.position));
            let has =
                |it: &Given| it.record.fields().iter().any(|(field, _)| *field == exempt.field);
            let sorted = before.is_none_or(|it| {
                (it.position, it.field.as_str()) < (exempt.position, exempt.field.as_str())
            });
            if !sorted || !given.is_some_and(has) {
                let what = format!(
                    "it withholds {} of record {}, which is no text of the case",
                    exempt.field, exempt.position
                );
                return Err(Wrong::in_file(CASE, what));
            }
            before = Some(exempt);
        }
        Ok(())
    }

    /// No record of the assessment is missing, from the first on.
    fn check_chain(&self, records: &BTreeMap<Position, Given>) -> Result<(), Wrong> {
        let own = self.manifest.records.iter().filter(|it| it.part == Part::Assessment);
        let mut revision = Revision::START;
        let mut previous: Option<Previous> = None;
        for of in own {
            let position = Position::new(of.position);
            revision = revision.next();
            let hash = leaf_hash_of(of)?;
            if let Some(Given { record, .. }) = records.get(&position) {
                if record.revision != revision {
                    let what = format!(
                        "revision {} stands where {revision} is expected: a record is missing",
                        record.revision
                    );
                    return Err(Wrong::at(position, what));
                }
                if record.previous != previous {
                    let what = "it names another record before it than the case has";
                    return Err(Wrong::at(position, what));
                }
            }
            previous = Some(Previous { position, hash });
        }
        if previous.is_some() {
            return Ok(());
        }
        Err(Wrong::in_file(CASE, "it has no record of the assessment"))
    }

    /// The ledger itself states that this case was handed out, and which record of the assessment was
    /// the last.
    fn check_handing_out(&self, records: &BTreeMap<Position, Given>) -> Result<(), Wrong> {
        let at = Position::new(self.manifest.handed_out_at);
        let own: BTreeSet<Position> = self
            .manifest
            .records
            .iter()
            .filter(|it| it.part == Part::Assessment)
            .map(|it| Position::new(it.position))
            .collect();
        let stated = match records.get(&at).map(|given| &given.record.event) {
            Some(Event::AccessRecorded(event)) => Some(event),
            Some(_) | None => None,
        };
        let stated = stated.filter(|event| {
            event.kind == AccessKind::Case
                && event.of == Some(StreamId::Assessment(self.assessment.clone()))
        });
        let stated = stated.and_then(|event| event.records);
        let run =
            own.first().zip(own.last()).map(|(first, last)| Run { first: *first, last: *last });
        if stated.is_some() && stated == run {
            return Ok(());
        }
        let what =
            "it does not state that these records were handed out, from the first to the last";
        Err(Wrong::at(at, what))
    }

    fn finish(
        mut self,
        trust: &Trust,
        records: &BTreeMap<Position, Given>,
        keys: Vec<String>,
        whole: bool,
    ) -> Result<Report, Wrong> {
        let record = |at: Position| records.get(&at).map(|given| given.record.clone());
        let meant = schedule(&self.manifest, &record);
        self.folder.is(SCHEDULE, &meant, "it is not the schedule of this case")?;
        self.opened.check_used()?;
        let mut remarks: Vec<String> =
            self.folder.others()?.iter().map(|it| format!("{it}: no file of this case")).collect();
        if !whole {
            remarks.push(
                "what was signed and published was not computed anew, since records are withheld"
                    .to_owned(),
            );
        }
        let examined = Examined {
            size: self.signed.head().size,
            root: self.signed.head().root,
            streams: 1,
            texts: self.texts.finish()?,
            keys,
        };
        let count = u64::try_from(self.manifest.records.len()).unwrap_or(u64::MAX);
        let checkpoints = trust.check(&[self.signed], &examined.keys)?;
        Ok(Report { records: count, ..Report::new(examined, checkpoints, remarks) })
    }
}

/// The leaf hash of a record, in the one way in which it is written.
fn leaf_hash_of(of: &CaseRecord) -> Result<Hash, Wrong> {
    let wrong = |what: &str| Wrong::in_file(CASE, format!("record {}: {what}", of.position));
    let hash = Hash::parse(&of.leaf_hash).map_err(|error| wrong(&error.to_string()))?;
    if hash.to_string() == of.leaf_hash {
        return Ok(hash);
    }
    Err(wrong("its hash is not written in lower case"))
}

/// The texts of a case: given or exempt.
struct Lines {
    given: BTreeMap<(Position, String), OpenedText>,
    exempt: BTreeSet<(Position, String)>,
}

impl Lines {
    fn read(bytes: &[u8], exemptions: &[ExemptText]) -> Result<Self, Wrong> {
        let wrong = |what: &str| Wrong::in_file(TEXTS, what);
        let texts = str::from_utf8(bytes).map_err(|_| wrong("it is no text"))?;
        let mut given = BTreeMap::new();
        let mut last = None;
        for line in texts.split_inclusive('\n') {
            let opened = line.strip_suffix('\n').and_then(OpenedText::read);
            let opened = opened.ok_or_else(|| wrong("a line is no opened text"))?;
            if last.is_some_and(|last| last > opened.position) {
                return Err(wrong("its lines are not in their order"));
            }
            last = Some(opened.position);
            let of = (opened.position, opened.field.clone());
            if given.insert(of, opened).is_some() {
                return Err(wrong("a text is given twice"));
            }
        }
        let of = |it: &ExemptText| (Position::new(it.position), it.field.clone());
        Ok(Self { given, exempt: exemptions.iter().map(of).collect() })
    }

    fn find(
        &mut self,
        record: &Record,
        fields: &[(String, Commitment)],
    ) -> Result<Vec<Found>, Wrong> {
        let mut found = Vec::with_capacity(fields.len());
        for (field, commitment) in fields {
            let of = (record.position, field.clone());
            let given = self.given.remove(&of);
            found.push(match (given, self.exempt.contains(&of)) {
                (Some(_), true) => {
                    let what = format!("its {field} is here, though it is withheld");
                    return Err(Wrong::at(record.position, what));
                }
                (None, true) => Found::Withheld,
                (None, false) => Found::Gone("it is not among the texts".to_owned()),
                (Some(OpenedText { opening, text, .. }), false) => {
                    if !commitment.admits(&opening, record.id.uuid(), field, &text) {
                        let what = format!("its {field} is not the text that it commits to");
                        return Err(Wrong::at(record.position, what));
                    }
                    Found::Verified
                }
            });
        }
        Ok(found)
    }

    fn check_used(&self) -> Result<(), Wrong> {
        match self.given.first_key_value() {
            None => Ok(()),
            Some(((position, field), _)) => {
                let what = format!("{field} of record {position} is no text of this case");
                Err(Wrong::in_file(TEXTS, what))
            }
        }
    }
}
