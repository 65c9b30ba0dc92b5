//! Why a command is refused: one variant per rule, in the order in which the rules are read.

use super::{
    AreaId, AssessmentId, AudienceId, ChallengeId, CorrectedField, Dangling, EntryId, FieldPath,
    FrameworkId, Grade, HoldId, Kind, Label, LevelCode, OrganisationId, Position, ReasonCode,
    RecordId, Revision, Role, ScaleId, SectionId, SubjectId,
};
use crate::merkle::Hash;

/// A rule that a command breaks. A refused command appends nothing. (Spec §4, §4.6)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// None of the caller's roles may order this. (Spec §4, §6)
    #[error("this needs the role {}", roles(needs))]
    NotPermitted {
        /// Any of these would do.
        needs: &'static [Role],
    },
    /// An organisation's signatory signs for that organisation only.
    #[error("{caller} cannot sign for {organisation}: the signers are {}", list(signers))]
    WrongOrganisation {
        /// The organisation of the credential.
        caller: OrganisationId,
        /// The organisation that the order names.
        organisation: OrganisationId,
        /// Who has to sign under this framework.
        signers: Vec<OrganisationId>,
    },
    /// An assessment is opened by an organisation that judges under its framework.
    #[error("{caller} does not judge under {framework}: the signers are {}", list(signers))]
    NotJudging {
        /// The organisation of the credential.
        caller: OrganisationId,
        /// The framework asked for.
        framework: FrameworkId,
        /// Who judges under it.
        signers: Vec<OrganisationId>,
    },
    /// No such framework is registered.
    #[error("{framework} is not registered")]
    UnknownFramework {
        /// The framework asked for.
        framework: FrameworkId,
    },
    /// No such subject is registered.
    #[error("subjects/{subject} is not registered")]
    UnknownSubject {
        /// The subject asked for.
        subject: SubjectId,
    },
    /// No such assessment was opened.
    #[error("{assessment} was never opened")]
    UnknownAssessment {
        /// The assessment asked for.
        assessment: AssessmentId,
    },
    /// No such entry was recorded.
    #[error("entry {entry} was never recorded")]
    UnknownEntry {
        /// The entry asked for.
        entry: EntryId,
    },
    /// The name is taken.
    #[error("{name} exists already")]
    Exists {
        /// The resource name that is taken.
        name: String,
    },
    /// The area belongs to no area of the assessment's framework.
    #[error("{framework} has no area {area}; it has {}", list(areas))]
    AreaNotInFramework {
        /// The area asked for.
        area: AreaId,
        /// The framework that the assessment is pinned to.
        framework: FrameworkId,
        /// The areas that it has.
        areas: Vec<AreaId>,
        /// Whether a grade or an entry names it.
        named_by: NamedBy,
    },
    /// The area takes no grade.
    #[error("area {area} takes no grade")]
    AreaNotGradable {
        /// The area asked for.
        area: AreaId,
    },
    /// The level or word is on no scale of the area.
    #[error("{given} is not on the scale of {area}; it takes {}", valid.join(", "))]
    LevelNotOnScale {
        /// The area asked for.
        area: AreaId,
        /// The level, word or value that was given.
        given: Grade,
        /// What it would take.
        valid: Vec<String>,
    },
    /// A level that has words is awarded in one of them, which is kept as stated. (Spec §3.4)
    #[error("the level {level} of {area} is awarded in words: send `word`, one of {}", list(words))]
    LevelInWords {
        /// The area asked for.
        area: AreaId,
        /// The level that was given by its code.
        level: LevelCode,
        /// The words that it accepts.
        words: Vec<Label>,
    },
    /// The scale that was named is none of the area.
    #[error("area {area} has no scale {scale}; it has {}", list(scales))]
    ScaleNotOfArea {
        /// The area asked for.
        area: AreaId,
        /// The scale that was named.
        scale: ScaleId,
        /// The scales that the area has.
        scales: Vec<ScaleId>,
    },
    /// The framework lists no such reason.
    #[error("{reason} is not a reason of this framework; it has {}", list(reasons))]
    ReasonNotInFramework {
        /// The reason given.
        reason: ReasonCode,
        /// The reasons that it has.
        reasons: Vec<ReasonCode>,
    },
    /// Entries of this kind may not be recorded.
    #[error("this framework takes no entry of kind {}", kind.as_str())]
    KindNotAllowed {
        /// The kind given.
        kind: Kind,
    },
    /// An entry keeps the kind that it was recorded with.
    #[error("entry {entry} is of kind {}; a revision keeps it", was.as_str())]
    KindChanged {
        /// The entry.
        entry: EntryId,
        /// The kind that it has.
        was: Kind,
    },
    /// The letter has no such section.
    #[error("there is no section {section}; there are {}", list(sections))]
    SectionNotInFramework {
        /// The section given.
        section: SectionId,
        /// The sections that it has.
        sections: Vec<SectionId>,
    },
    /// An entry must say something.
    #[error("an entry of kind {} needs {needs}", kind.as_str())]
    EntryEmpty {
        /// The kind of the entry.
        kind: Kind,
        /// What is missing.
        needs: &'static str,
    },
    /// The command refers to entries that are not there as they are meant.
    #[error("{}", each_once(references))]
    DanglingReference {
        /// The references that lead nowhere.
        references: Vec<Dangling>,
    },
    /// What changes a grade or an entry says why. (Spec §4)
    #[error("this needs {needs}")]
    RationaleRequired {
        /// What is missing.
        needs: &'static str,
    },
    /// A day that has not come yet. (Spec §4.5)
    #[error("{field} lies in the future")]
    DateInFuture {
        /// Which of the command's dates.
        field: &'static str,
    },
    /// A first day after a last day.
    #[error("a period ends before it begins")]
    PeriodReversed,
    /// History says when it was decided. (Spec §4.9)
    #[error("a transcribed record needs decided_on, the day that the source states")]
    TranscriptionUndated,
    /// What changes something existing says what it believes to be there. (Spec §4.2)
    #[error("say which record you expect to be the last: it is {}", at(*last))]
    ExpectationRequired {
        /// The last record of the item.
        last: Option<Position>,
    },
    /// What changes a whole assessment says which revision it believes it to have. (Spec §4.2)
    #[error("say which revision you expect: it is {revision}")]
    RevisionRequired {
        /// The revision that it has.
        revision: Revision,
    },
    /// The working edition is locked, signed or published. (Spec §4.1)
    #[error("the assessment is not open: edition {edition} is {phase}")]
    NotOpen {
        /// The working edition.
        edition: u32,
        /// What state it is in.
        phase: &'static str,
    },
    /// Signing and publishing need a locked edition.
    #[error("edition {edition} is {phase}, not locked")]
    NotLocked {
        /// The working edition.
        edition: u32,
        /// What state it is in.
        phase: &'static str,
    },
    /// Another edition is the working one.
    #[error("the working edition is {working}, not {given}")]
    OtherEdition {
        /// The edition given.
        given: u32,
        /// The working edition.
        working: u32,
    },
    /// The entry is struck already.
    #[error("entry {entry} is struck already")]
    EntryStruck {
        /// The entry.
        entry: EntryId,
    },
    /// Somebody else was first. (Spec §4.2)
    #[error("{item} was changed meanwhile: its last record is {}", at(*last))]
    StaleExpectation {
        /// What was to be changed.
        item: String,
        /// The record that won; none if there is no record yet.
        last: Option<Position>,
        /// That record's id.
        record: Option<RecordId>,
    },
    /// Somebody else was first. (Spec §4.2)
    #[error("the assessment was changed meanwhile: its revision is {revision}")]
    StaleRevision {
        /// The revision that it has.
        revision: Revision,
        /// The last record of the assessment.
        last: Position,
    },
    /// The digest is not that of the edition as it stands. (Spec §4.8)
    #[error("the edition's digest is {digest}: read it again before you go on")]
    OtherDigest {
        /// The digest that it has.
        digest: Hash,
    },
    /// The last decider may not moderate. (Spec §4)
    #[error("who decided the grade of {area} cannot moderate it")]
    SelfModeration {
        /// The area.
        area: AreaId,
    },
    /// Something that the framework demands is missing. (Spec §4)
    #[error("the edition is incomplete: {}", missing.join("; "))]
    Incomplete {
        /// What is missing.
        missing: Vec<String>,
    },
    /// An organisation signs an edition once.
    #[error("{organisation} signed edition {edition} already")]
    AlreadySigned {
        /// Who signed.
        organisation: OrganisationId,
        /// Which edition.
        edition: u32,
    },
    /// Not all have signed. (Spec §4)
    #[error("not signed by {}", list(missing))]
    Unsigned {
        /// Who has not.
        missing: Vec<OrganisationId>,
    },
    /// Only what is locked or published can be opened again. (Spec §4.1)
    #[error("edition {edition} is open already")]
    AlreadyOpen {
        /// The working edition.
        edition: u32,
    },
    /// Only the edition in force can be withdrawn. (Spec §4)
    #[error("edition {edition} is not in force: {state}")]
    NotPublished {
        /// The edition given.
        edition: u32,
        /// What became of it, if it ever was.
        state: &'static str,
    },
    /// Only an assessment of the subject that is in force can be fallen back to. (Spec §4)
    #[error(
        "{fallback} is no other assessment of this subject that is published and not withdrawn"
    )]
    FallbackNotPublished {
        /// The assessment given.
        fallback: AssessmentId,
    },
    /// No such hold was placed.
    #[error("hold {hold} was never placed")]
    UnknownHold {
        /// The hold asked for.
        hold: HoldId,
    },
    /// The hold is released already.
    #[error("hold {hold} is released already")]
    HoldReleased {
        /// The hold.
        hold: HoldId,
    },
    /// A hold stops this. (Spec §4)
    #[error("{what} is on hold: {}", list(holds))]
    OnHold {
        /// What they stop: publication or erasure.
        what: &'static str,
        /// The holds that stop it.
        holds: Vec<HoldId>,
    },
    /// No such challenge was received.
    #[error("challenge {challenge} was never received")]
    UnknownChallenge {
        /// The challenge asked for.
        challenge: ChallengeId,
    },
    /// The challenge has no such point.
    #[error("challenge {challenge} has no point {point}: it has {points}")]
    UnknownPoint {
        /// The challenge.
        challenge: ChallengeId,
        /// The point asked for.
        point: u32,
        /// How many it has.
        points: usize,
    },
    /// The framework has no such audience.
    #[error("{audience} is no audience of this framework; it has {}", list(audiences))]
    AudienceNotInFramework {
        /// The audience given.
        audience: AudienceId,
        /// The audiences that it has.
        audiences: Vec<AudienceId>,
    },
    /// The assessment was not there at that position, or the ledger has not come to it.
    #[error("the assessment was opened at position {opened}; {} is before that, or not recorded yet", at(*position))]
    NotThereAt {
        /// The position given.
        position: Option<Position>,
        /// Where the assessment begins.
        opened: Position,
    },
    /// No such record is one of the assessment's.
    #[error("record {position} is none of this assessment")]
    UnknownRecord {
        /// The position given.
        position: Position,
    },
    /// That is no mistake of a record of this sort. (Spec §4)
    #[error("the {} of a record of {event} is not corrected", field.as_str())]
    NotCorrectable {
        /// What was to be corrected.
        field: CorrectedField,
        /// The record's event.
        event: &'static str,
    },
    /// There is no such record.
    #[error("there is no record {position}")]
    NoRecord {
        /// The position given.
        position: Position,
    },
    /// The record has no such text: it has none there, or what is there is structural. (Spec §2)
    #[error("a record of {event} has no text at {field}; this one has {}", texts(fields))]
    NotErasable {
        /// What was to be erased.
        field: FieldPath,
        /// The record's event.
        event: &'static str,
        /// The texts that it has.
        fields: Vec<FieldPath>,
    },
    /// The erasure of the text was asked for already, and nobody has decided that yet.
    #[error("its erasure was asked for already by record {request}, which is not decided yet")]
    RedactionPending {
        /// The record that asked for it.
        request: Position,
    },
    /// The text is erased.
    #[error("it is erased already: see record {position}")]
    AlreadyRedacted {
        /// The last record of its redaction.
        position: Position,
    },
    /// No such record asks for the erasure of a text.
    #[error("record {position} asks for no redaction")]
    UnknownRedaction {
        /// The position given.
        position: Position,
    },
    /// The request was decided already.
    #[error("record {request} was decided already: see record {last}")]
    RedactionDecided {
        /// The record that asked for it.
        request: Position,
        /// The last record of the redaction of its text.
        last: Position,
    },
    /// Who asks that a text be erased does not decide that. (Spec §4)
    #[error("who asked for a redaction cannot decide it: record {request} is your own")]
    SelfApproval {
        /// The record that asked for it.
        request: Position,
    },
    /// The request id is bound to another content, for ever. (Spec §4.3)
    #[error("this request id belongs to the different command recorded at position {position}")]
    KeyReused {
        /// The record that it is bound to.
        position: Position,
    },
}

/// What names an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// A grade of it.
    Grade,
    /// An entry that speaks of it.
    Entry,
    /// A point of a challenge: which of them, from 0.
    Point(usize),
}

impl Refusal {
    /// This refusal, if the rule is broken: `Refusal::X.when(broken)?` reads as a sentence.
    ///
    /// # Errors
    /// Itself, if `broken`.
    pub fn when(self, broken: bool) -> Result<(), Self> {
        if broken { Err(self) } else { Ok(()) }
    }
}

/// The texts of a record.
fn texts(fields: &[FieldPath]) -> String {
    if fields.is_empty() { "none".to_owned() } else { list(fields) }
}

fn list<I: ToString>(items: &[I]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is wrong with the references, once even where one is repeated.
fn each_once(references: &[Dangling]) -> String {
    let mut said: Vec<String> = references.iter().map(ToString::to_string).collect();
    said.sort_unstable();
    said.dedup();
    said.join("; ")
}

/// The roles that a login may have: nobody comes as the service.
fn roles(roles: &[Role]) -> String {
    let roles = roles.iter().filter(|role| **role != Role::Service);
    roles.map(|role| role.as_str()).collect::<Vec<_>>().join(" or ")
}

fn at(last: Option<Position>) -> String {
    last.map_or_else(|| "none yet".to_owned(), |position| format!("position {position}"))
}
