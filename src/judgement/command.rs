//! What may be ordered: one order for each event that a client can cause. (Spec §4)

use std::{fmt, sync::Arc};

use jiff::civil::Date;

use super::{
    AccessRecorded, Act, Addressee, AreaId, AssessmentId, AssessmentOpened, AudienceId, Caller,
    ChallengeId, ChallengeKind, Correction, EntryContent, EntryId, Expected, ExpectedRevision,
    Fallback, FieldPath, Framework, FrameworkId, HoldId, HoldKind, KeyRotated, Label, LegalBasis,
    LevelCode, NonGrade, OrganisationId, Point, PointOutcome, Position, ScaleId, Signature, Stops,
    StreamId, SubjectId,
};
use crate::merkle::Hash;

/// One command: who, under which circumstances, orders what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command<T> {
    /// Who sent it.
    pub caller: Caller,
    /// The circumstances.
    pub act: Act<T>,
    /// What is ordered.
    pub order: Order<T>,
}

/// What is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order<T> {
    /// Make a framework usable.
    RegisterFramework(RegisterFramework),
    /// Make a subject assessable.
    RegisterSubject(RegisterSubject),
    /// Call a subject differently from a day on.
    RenameSubject(RenameSubject),
    /// Record that the caller takes evidence out of the ledger. No request has it: the service
    /// orders it before it hands anything out.
    RecordAccess(AccessRecorded<T>),
    /// Something on one assessment.
    Assess(AssessmentId, AssessmentOrder<T>),
    /// Erase a text of a record of this stream, or do not.
    Redact(StreamId, Redact<T>),
    /// Say that the ledger signs with a key from now on, or no more: the service's own.
    RotateKey(KeyRotated),
}

/// What is ordered on one assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssessmentOrder<T> {
    /// Begin it.
    Open(AssessmentOpened<T>),
    /// Send the letter to somebody else.
    SetAddressee(SetAddressee<T>),
    /// Give an area a grade.
    SetGrade(SetGrade<T>),
    /// Write something.
    RecordEntry(RecordEntry<T>),
    /// Change or strike something written.
    ReviseEntry(ReviseEntry<T>),
    /// Close the working edition for signing.
    Lock(LockAssessment),
    /// Sign for an organisation.
    SignOff(SignOff<T>),
    /// Make the signed edition public.
    Publish(PublishAssessment),
    /// Refuse to sign for an organisation.
    RefuseSignOff(RefuseSignOff<T>),
    /// Let an edition change again.
    Reopen(ReopenAssessment<T>),
    /// Take a published edition back.
    Withdraw(WithdrawAssessment),
    /// Keep something from happening.
    PlaceHold(PlaceHold),
    /// Let it happen again.
    ReleaseHold(ReleaseHold),
    /// Note what somebody says is wrong.
    ReceiveChallenge(ReceiveChallenge<T>),
    /// Say whether a point of that is right.
    DecideChallenge(DecideChallenge<T>),
    /// Note that somebody outside was shown a draft.
    ShareDraft(ShareDraft<T>),
    /// Put right what a record says about a decision.
    Correct(CorrectRecord<T>),
}

impl<T> Order<T> {
    /// The stream that the order is about.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        match self {
            Self::RegisterFramework(order) => StreamId::Framework(order.framework.id.clone()),
            Self::RegisterSubject(order) => StreamId::Subject(order.subject.clone()),
            Self::RenameSubject(order) => StreamId::Subject(order.subject.clone()),
            Self::Assess(assessment, _) => StreamId::Assessment(assessment.clone()),
            Self::Redact(stream, _) => stream.clone(),
            Self::RecordAccess(_) | Self::RotateKey(_) => StreamId::Ledger,
        }
    }
}

/// See [`Order::RegisterFramework`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterFramework {
    /// The framework, checked.
    pub framework: Arc<Framework>,
    /// Its document, from which it was read.
    pub document: Arc<[u8]>,
}

/// See [`Order::RegisterSubject`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterSubject {
    /// The id to be.
    pub subject: SubjectId,
    /// Its name.
    pub name: Label,
    /// What it is.
    pub kind: Label,
}

/// See [`AssessmentOrder::SetAddressee`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAddressee<T> {
    /// The new addressee.
    pub addressee: Addressee<T>,
    /// The last record of the addressee, as the client knows it.
    pub expected: Option<Expected>,
}

/// See [`AssessmentOrder::SetGrade`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetGrade<T> {
    /// The area.
    pub area: AreaId,
    /// The grade, as the client states it.
    pub grade: Grade,
    /// Words that bend it.
    pub qualifier: Option<T>,
    /// The last record of the area, as the client knows it.
    pub expected: Option<Expected>,
}

/// A grade as a client states it: still to be found on a scale of the area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grade {
    /// A level by its code, on the named scale or on the one that has it.
    Level(Option<ScaleId>, LevelCode),
    /// A word that a level accepts.
    Word(Label),
    /// No grade, and why.
    NotGraded(NonGrade),
}

impl Grade {
    /// The bare code, word or value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Level(_, code) => code.as_str(),
            Self::Word(word) => word.as_str(),
            Self::NotGraded(value) => value.as_str(),
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.as_str();
        match self {
            Self::Level(None, _) => write!(f, "the level {given:?}"),
            Self::Level(Some(scale), _) => write!(f, "the level {given:?} of the scale {scale}"),
            Self::Word(_) => write!(f, "the word {given:?}"),
            Self::NotGraded(_) => f.write_str(given),
        }
    }
}

/// See [`AssessmentOrder::RecordEntry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry<T> {
    /// The id to be.
    pub entry: EntryId,
    /// What it says.
    pub content: EntryContent<T>,
}

/// See [`AssessmentOrder::ReviseEntry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviseEntry<T> {
    /// Which entry.
    pub entry: EntryId,
    /// What it says now; `None` strikes it.
    pub content: Option<EntryContent<T>>,
    /// The last record of the entry, as the client knows it.
    pub expected: Option<Expected>,
}

/// See [`AssessmentOrder::Lock`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockAssessment {
    /// The digest that the lead inspector saw.
    pub digest: Hash,
    /// The revision that the client knows.
    pub expected: Option<ExpectedRevision>,
}

/// See [`AssessmentOrder::SignOff`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOff<T> {
    /// For whom.
    pub organisation: OrganisationId,
    /// Which edition.
    pub edition: u32,
    /// What is signed.
    pub digest: Hash,
    /// The signature as the letter shows it.
    pub signature: Signature<T>,
    /// The revision that the client knows.
    pub expected: Option<ExpectedRevision>,
}

/// See [`AssessmentOrder::Publish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishAssessment {
    /// Which edition.
    pub edition: u32,
    /// The date on the letter.
    pub letter_date: Date,
    /// The revision that the client knows.
    pub expected: Option<ExpectedRevision>,
}

/// See [`AssessmentOrder::RefuseSignOff`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefuseSignOff<T> {
    /// For whom.
    pub organisation: OrganisationId,
    /// Which edition.
    pub edition: u32,
    /// What is not signed.
    pub digest: Hash,
    /// What is wrong with it.
    pub objection: T,
    /// The revision that the client knows.
    pub expected: Option<ExpectedRevision>,
}

/// See [`AssessmentOrder::Reopen`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReopenAssessment<T> {
    /// Who allowed it.
    pub authority: T,
    /// Under which reference.
    pub reference: Option<T>,
    /// The revision that the client knows.
    pub expected: Option<ExpectedRevision>,
}

/// See [`AssessmentOrder::Withdraw`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawAssessment {
    /// Which edition.
    pub edition: u32,
    /// What holds instead; absent means the default of Spec §4.
    pub fallback: Option<Fallback>,
    /// The revision that the client knows.
    pub expected: Option<ExpectedRevision>,
}

/// See [`Order::RenameSubject`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameSubject {
    /// Which subject.
    pub subject: SubjectId,
    /// Its name from the act's effective day on.
    pub name: Label,
    /// The last record of the subject, as the client knows it.
    pub expected: Option<Expected>,
}

/// See [`AssessmentOrder::PlaceHold`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceHold {
    /// The id to be.
    pub hold: HoldId,
    /// Why it is placed.
    pub kind: HoldKind,
    /// What it stops.
    pub stops: Stops,
}

/// What is ordered about the erasure of a text. (Spec §4)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redact<T> {
    /// Ask for it.
    Request(RequestRedaction<T>),
    /// Order it.
    Approve(ApproveRedaction),
    /// Refuse it.
    Refuse(RefuseRedaction<T>),
    /// Say that it is done: the service's own.
    Complete(CompleteRedaction),
}

/// See [`Redact::Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRedaction<T> {
    /// The record that has the text.
    pub record: Position,
    /// Where in it the text stands.
    pub field: FieldPath,
    /// What allows it by law.
    pub basis: LegalBasis,
    /// Under which reference it was asked for.
    pub reference: Option<T>,
    /// What is to stand in the place of the text.
    pub replacement: T,
}

/// See [`Redact::Approve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveRedaction {
    /// The record that asks for it.
    pub request: Position,
}

/// See [`Redact::Refuse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefuseRedaction<T> {
    /// The record that asks for it.
    pub request: Position,
    /// Why not.
    pub ground: T,
}

/// See [`Redact::Complete`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteRedaction {
    /// The record that orders it.
    pub order: Position,
    /// The size of the published checkpoint that covered the order; 0 if none is published.
    pub checkpoint_size: u64,
}

/// See [`AssessmentOrder::ReleaseHold`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseHold {
    /// Which hold.
    pub hold: HoldId,
    /// The last record of the hold, as the client knows it.
    pub expected: Option<Expected>,
}

/// See [`AssessmentOrder::ReceiveChallenge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveChallenge<T> {
    /// The id to be.
    pub challenge: ChallengeId,
    /// From whom it came.
    pub from: T,
    /// What sort it is.
    pub kind: ChallengeKind,
    /// Its points.
    pub points: Vec<Point<T>>,
    /// The day by which it has to be decided.
    pub due: Option<Date>,
}

/// See [`AssessmentOrder::DecideChallenge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideChallenge<T> {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// Which of its points, from 1.
    pub point: u32,
    /// What is decided.
    pub outcome: PointOutcome,
    /// Why.
    pub why: T,
    /// The last decision on the point, as the client knows it.
    pub expected: Option<Expected>,
}

/// See [`AssessmentOrder::ShareDraft`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareDraft<T> {
    /// Who was shown it.
    pub recipient: T,
    /// What was shown: the assessment as known at this position; absent means as it stands.
    pub position: Option<Position>,
    /// As whom.
    pub audience: AudienceId,
}

/// See [`AssessmentOrder::Correct`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectRecord<T> {
    /// The record to be corrected.
    pub record: Position,
    /// What is right instead.
    pub to: Correction<T>,
    /// The last correction of that field of the record, as the client knows it.
    pub expected: Option<Expected>,
}

/// The framework that an assessment order needs, if it opens an assessment.
impl<T> AssessmentOrder<T> {
    /// The framework to be pinned, for an order that opens.
    #[must_use]
    pub const fn opens_under(&self) -> Option<&FrameworkId> {
        match self {
            Self::Open(order) => Some(&order.framework),
            Self::SetAddressee(_)
            | Self::SetGrade(_)
            | Self::RecordEntry(_)
            | Self::ReviseEntry(_)
            | Self::Lock(_)
            | Self::SignOff(_)
            | Self::Publish(_)
            | Self::RefuseSignOff(_)
            | Self::Reopen(_)
            | Self::Withdraw(_)
            | Self::PlaceHold(_)
            | Self::ReleaseHold(_)
            | Self::ReceiveChallenge(_)
            | Self::DecideChallenge(_)
            | Self::ShareDraft(_)
            | Self::Correct(_) => None,
        }
    }
}
