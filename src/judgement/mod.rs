//! The rules: what a judgement is, what may be done to it, and what has been.
//!
//! Pure: no IO, no lock, no clock, nothing async. Commands come in as [`Command`], [`decide`]
//! answers with an [`Event`] or the [`Refusal`] of the first rule that is broken, and
//! [`Assessment::evolve`] folds events into what stands. Scales, areas and reasons are data of a
//! [`Framework`], not code.
//!
//! The states of an edition, and the steps between them, stand in [`TRANSITIONS`].

mod act;
mod assessment;
mod challenge;
mod command;
mod comparison;
mod correction;
mod current;
mod custody;
mod dangling;
mod decide;
mod digest;
mod draft;
mod edition;
mod entry;
mod event;
mod framework;
mod hold;
mod id;
mod layout;
mod milestone;
mod person;
mod position;
mod proposal;
mod redaction;
mod refusal;
pub mod rights;
mod state;
mod text;
mod texts;

pub use act::{Act, Basis, EvidenceRef, Expected, ExpectedRevision, Origin};
pub use assessment::{Assessment, Fact, Judgement, Written};
pub use challenge::{
    Challenge, ChallengeDecided, ChallengeKind, ChallengeReceived, Challenged, Point, PointOutcome,
    Raised,
};
pub use command::{
    ApproveRedaction, AssessmentOrder, Command, CompleteRedaction, CorrectRecord, DecideChallenge,
    Grade, LockAssessment, Order, PlaceHold, PublishAssessment, ReceiveChallenge, RecordEntry,
    Redact, RefuseRedaction, RefuseSignOff, RegisterFramework, RegisterSubject, ReleaseHold,
    RenameSubject, ReopenAssessment, RequestRedaction, ReviseEntry, SetAddressee, SetGrade,
    ShareDraft, SignOff, WithdrawAssessment,
};
pub use comparison::{Comparison, compare};
pub use correction::{About, Amendment, CorrectedField, Correction, RecordCorrected, Wording};
pub use current::{Current, current, latest_first};
pub use custody::{AccessKind, AccessRecorded, KeyChange, KeyRotated, Run};
pub use dangling::{Dangling, Lack, Place};
pub use decide::{
    Asked, Correctable, Decision, Holder, Known, Opened, Peer, Redactable, Situation, Stage, decide,
};
pub use digest::{ItemProof, audience_digest, audience_proof, edition_digest, salted_item};
pub use draft::{Draft, DraftShared};
pub use edition::{
    AssessmentReopened, AssessmentWithdrawn, Edition, Fallback, Lapsed, Phase, SignOffRefused,
    Withdrawal,
};
pub use entry::{
    Citation, Comparator, EntryContent, EntryKind, Figure, FigureValue, FollowUp, FollowUpStatus,
    Kind, LetterPart, PartialDate,
};
pub use event::{
    Addressee, AddresseeSet, AssessmentLocked, AssessmentOpened, AssessmentPublished,
    AudienceDigest, Award, ChangeKind, EntryRecorded, EntryRevised, Event, FrameworkRegistered,
    GradeSet, Item, NonGrade, Period, PersonRegistered, Signature, SignedOff, Standing,
    SubjectRegistered, SubjectRenamed,
};
pub use framework::{
    Area, Descriptor, DescriptorSet, EntryKindRule, Framework, Level, Reason, Scale, ScaleKind,
    Section, SelfModeration,
};
pub use hold::{Hold, HoldKind, HoldPlaced, HoldReleased, Stops};
pub use id::{
    AreaId, AssessmentId, AudienceId, BadId, ChallengeId, ComparatorKind, Concept, Cycle, Decimal,
    DescriptorSetId, EntryId, FieldPath, FrameworkId, HoldId, Label, LevelCode, OrganisationId,
    PersonId, ReasonCode, RecordId, RequestId, ScaleId, SectionId, StreamId, SubjectId,
    VerifierKey,
};
pub use layout::{
    ADDRESSEE, Feed, Footnote, GradeTable, Layout, Letterhead, PUBLIC, PrintedSection,
};
pub use milestone::{Bearing, Milestone};
pub use person::{Caller, Decider, Deciding, Panel, Recorder, Role};
pub use position::{Position, Revision};
pub use redaction::{
    LegalBasis, RedactionCompleted, RedactionRefused, RedactionRequested, TextRedacted,
};
pub use refusal::{NamedBy, Refusal};
pub use rights::{Deed, RIGHTS, Right, When, Whose};
pub use state::{State, Step, TRANSITIONS, diagram};
pub use text::{TEXT_BYTES_MAX, Text, TextTooLong};
pub use texts::{Texts, Visit};
