//! What happened: the facts of the ledger, newest shape only.
//!
//! An event is generic over how its texts are held: `Event<Text>` as decided, with the words in
//! it; `Event<Commitment>` as stored, where the words lie sealed beside the record. See
//! [`super::Texts`] for the way between the two.

use jiff::civil::Date;

use super::{
    AccessRecorded, AreaId, AssessmentId, AssessmentReopened, AssessmentWithdrawn, AudienceId,
    ChallengeDecided, ChallengeReceived, Cycle, DraftShared, EntryContent, EntryId, FrameworkId,
    HoldPlaced, HoldReleased, KeyRotated, Label, LevelCode, OrganisationId, PersonId, Position,
    RecordCorrected, RecordId, RedactionCompleted, RedactionRefused, RedactionRequested, ScaleId,
    SignOffRefused, StreamId, SubjectId, TextRedacted,
};
use crate::merkle::Hash;

/// One fact. (Spec §4)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<T> {
    /// The directory learned of a person.
    PersonRegistered(PersonRegistered<T>),
    /// A framework can be used from now on.
    FrameworkRegistered(FrameworkRegistered),
    /// A subject can be assessed from now on.
    SubjectRegistered(SubjectRegistered),
    /// An assessment began.
    AssessmentOpened(AssessmentOpened<T>),
    /// The letter goes to somebody else.
    AddresseeSet(AddresseeSet<T>),
    /// An area has a grade, or none any more.
    GradeSet(GradeSet<T>),
    /// Something was written.
    EntryRecorded(EntryRecorded<T>),
    /// Something written was changed or struck.
    EntryRevised(EntryRevised<T>),
    /// The working edition is closed for signing.
    AssessmentLocked(AssessmentLocked),
    /// An organisation signed.
    SignedOff(SignedOff<T>),
    /// An edition is public.
    AssessmentPublished(AssessmentPublished),
    /// An organisation will not sign: the edition is open again.
    SignOffRefused(SignOffRefused<T>),
    /// An edition may change again: the same, or the next after a publication.
    AssessmentReopened(AssessmentReopened<T>),
    /// A published edition holds no more.
    AssessmentWithdrawn(AssessmentWithdrawn),
    /// Something must not happen for the time being.
    HoldPlaced(HoldPlaced),
    /// It may again.
    HoldReleased(HoldReleased),
    /// Somebody says that something is wrong.
    ChallengeReceived(ChallengeReceived<T>),
    /// It was decided whether a point of that is right.
    ChallengeDecided(ChallengeDecided<T>),
    /// Somebody outside was shown what was not published.
    DraftShared(DraftShared<T>),
    /// A record says something wrong about a decision, and what is right.
    RecordCorrected(RecordCorrected<T>),
    /// A subject is called differently from a day on.
    SubjectRenamed(SubjectRenamed),
    /// A records officer asks that a text of a record be erased.
    RedactionRequested(RedactionRequested<T>),
    /// Another one orders it: from here on nobody reads the text.
    TextRedacted(TextRedacted),
    /// Another one refuses it.
    RedactionRefused(RedactionRefused<T>),
    /// The text's key is destroyed.
    RedactionCompleted(RedactionCompleted),
    /// The ledger signs with another key, or with one of its keys no more.
    KeyRotated(KeyRotated),
    /// Somebody took evidence, an export or a case out of the ledger.
    AccessRecorded(AccessRecorded<T>),
}

impl<T> Event<T> {
    /// The event's name, as the specification writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PersonRegistered(_) => "PersonRegistered",
            Self::FrameworkRegistered(_) => "FrameworkRegistered",
            Self::SubjectRegistered(_) => "SubjectRegistered",
            Self::AssessmentOpened(_) => "AssessmentOpened",
            Self::AddresseeSet(_) => "AddresseeSet",
            Self::GradeSet(_) => "GradeSet",
            Self::EntryRecorded(_) => "EntryRecorded",
            Self::EntryRevised(_) => "EntryRevised",
            Self::AssessmentLocked(_) => "AssessmentLocked",
            Self::SignedOff(_) => "SignedOff",
            Self::AssessmentPublished(_) => "AssessmentPublished",
            Self::SignOffRefused(_) => "SignOffRefused",
            Self::AssessmentReopened(_) => "AssessmentReopened",
            Self::AssessmentWithdrawn(_) => "AssessmentWithdrawn",
            Self::HoldPlaced(_) => "HoldPlaced",
            Self::HoldReleased(_) => "HoldReleased",
            Self::ChallengeReceived(_) => "ChallengeReceived",
            Self::ChallengeDecided(_) => "ChallengeDecided",
            Self::DraftShared(_) => "DraftShared",
            Self::RecordCorrected(_) => "RecordCorrected",
            Self::SubjectRenamed(_) => "SubjectRenamed",
            Self::RedactionRequested(_) => "RedactionRequested",
            Self::TextRedacted(_) => "TextRedacted",
            Self::RedactionRefused(_) => "RedactionRefused",
            Self::RedactionCompleted(_) => "RedactionCompleted",
            Self::KeyRotated(_) => "KeyRotated",
            Self::AccessRecorded(_) => "AccessRecorded",
        }
    }

    /// The stream that the event belongs to; `None` for an event on an assessment, or on a record
    /// of any stream: then the record's header alone carries its name.
    #[must_use]
    pub fn own_stream(&self) -> Option<StreamId> {
        match self {
            Self::PersonRegistered(_) | Self::KeyRotated(_) | Self::AccessRecorded(_) => {
                Some(StreamId::Ledger)
            }
            Self::FrameworkRegistered(event) => Some(StreamId::Framework(event.framework.clone())),
            Self::SubjectRegistered(event) => Some(StreamId::Subject(event.subject.clone())),
            Self::SubjectRenamed(event) => Some(StreamId::Subject(event.subject.clone())),
            Self::AssessmentOpened(_)
            | Self::AddresseeSet(_)
            | Self::GradeSet(_)
            | Self::EntryRecorded(_)
            | Self::EntryRevised(_)
            | Self::AssessmentLocked(_)
            | Self::SignedOff(_)
            | Self::AssessmentPublished(_)
            | Self::HoldPlaced(_)
            | Self::HoldReleased(_)
            | Self::ChallengeReceived(_)
            | Self::ChallengeDecided(_)
            | Self::DraftShared(_)
            | Self::RecordCorrected(_)
            | Self::SignOffRefused(_)
            | Self::AssessmentReopened(_)
            | Self::AssessmentWithdrawn(_)
            | Self::RedactionRequested(_)
            | Self::TextRedacted(_)
            | Self::RedactionRefused(_)
            | Self::RedactionCompleted(_) => None,
        }
    }
}

/// See [`Event::PersonRegistered`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRegistered<T> {
    /// The opaque id that records use from now on.
    pub person: PersonId,
    /// The organisation for which the person acts.
    pub organisation: OrganisationId,
    /// The login or name.
    pub name: T,
}

/// See [`Event::FrameworkRegistered`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameworkRegistered {
    /// Which framework.
    pub framework: FrameworkId,
    /// The SHA-256 of the document that lies beside the record.
    pub document: [u8; 32],
}

/// See [`Event::SubjectRegistered`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRegistered {
    /// Which subject.
    pub subject: SubjectId,
    /// Its name, for example "Leicester City Council".
    pub name: Label,
    /// What it is, for example "local authority".
    pub kind: Label,
}

/// See [`Event::SubjectRenamed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRenamed {
    /// Which subject.
    pub subject: SubjectId,
    /// Its name from the record's effective day on.
    pub name: Label,
}

/// See [`Event::AssessmentOpened`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessmentOpened<T> {
    /// The framework it is pinned to for ever. (Spec §3.2)
    pub framework: FrameworkId,
    /// Which round of that framework.
    pub cycle: Cycle,
    /// The times that are assessed.
    pub periods: Vec<Period>,
    /// To whom the letter goes.
    pub addressee: Option<Addressee<T>>,
    /// Earlier assessments that it looks back on.
    pub earlier: Vec<AssessmentId>,
}

/// Days from and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

/// To whom a letter goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee<T> {
    /// The name.
    pub name: T,
    /// The role.
    pub role: Option<T>,
    /// The organisation.
    pub organisation: Option<T>,
    /// The lines of the address, top to bottom.
    pub lines: Vec<T>,
}

/// See [`Event::AddresseeSet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddresseeSet<T> {
    /// To whom the letter goes now.
    pub addressee: Addressee<T>,
}

/// See [`Event::GradeSet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeSet<T> {
    /// The area judged.
    pub area: AreaId,
    /// What it was given.
    pub award: Award<T>,
    /// How that differs from what stood before; the service says so, not the client.
    pub change: ChangeKind,
    /// What stood before, if anything.
    pub before: Option<Standing>,
}

/// What an area is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Award<T> {
    /// A level, or a reason for having none.
    pub standing: Standing,
    /// Words that bend it, as stated: "with an overall improving trend". (Spec §3.4)
    pub qualifier: Option<T>,
}

/// What stands for an area: a level on a scale, or a value that is no grade.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// A level.
    Level {
        /// The scale.
        scale: ScaleId,
        /// The level on it.
        level: LevelCode,
        /// The word as stated, where the award was made in words; one that the level accepts.
        word: Option<Label>,
    },
    /// No grade, and why.
    NotGraded(NonGrade),
}

impl Standing {
    /// What auditors call it, in any of these names: the level's code and the word as stated, or
    /// the value that is no grade.
    pub fn names(&self) -> impl Iterator<Item = Label> {
        let (code, word) = match self {
            Self::Level { level, word, .. } => (level.as_str(), word.as_ref()),
            Self::NotGraded(value) => (value.as_str(), None),
        };
        let word = word.filter(|word| word.as_str() != code);
        Label::parse(code).ok().into_iter().chain(word.cloned())
    }
}

/// Values that are no grade. (Spec §3.1)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NonGrade {
    /// It was not judged.
    NotJudged,
    /// It does not apply to the subject.
    NotApplicable,
    /// It is being looked at again.
    SubjectToReview,
}

impl NonGrade {
    /// The value as the specification writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotJudged => "NOT_JUDGED",
            Self::NotApplicable => "NOT_APPLICABLE",
            Self::SubjectToReview => "SUBJECT_TO_REVIEW",
        }
    }
}

/// How a grade differs from the one before, by rank and never by number. (Spec §3.3)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// No level stood before, or one that cannot be ranked against this one. A value that is no
    /// grade is awarded, too, where no level stood before.
    Awarded,
    /// A better level.
    Raised,
    /// A worse level.
    Lowered,
    /// The same level again, in whichever of its words, or the same value that is no grade: in
    /// the history, not counted as a change. (Spec §4.4)
    Reaffirmed,
    /// A level was taken away: a value that is no grade stands instead.
    Vacated,
}

impl ChangeKind {
    /// The kind as the specification writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Awarded => "AWARDED",
            Self::Raised => "RAISED",
            Self::Lowered => "LOWERED",
            Self::Reaffirmed => "REAFFIRMED",
            Self::Vacated => "VACATED",
        }
    }
}

/// See [`Event::EntryRecorded`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecorded<T> {
    /// The id that the client chose.
    pub entry: EntryId,
    /// What it says.
    pub content: EntryContent<T>,
}

/// See [`Event::EntryRevised`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRevised<T> {
    /// Which entry.
    pub entry: EntryId,
    /// What it says now; `None` if it was struck.
    pub content: Option<EntryContent<T>>,
}

/// See [`Event::AssessmentLocked`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessmentLocked {
    /// Which edition, from 1.
    pub edition: u32,
    /// What is signed: the digest of all items in force. (Spec §4.8)
    pub digest: Hash,
}

/// See [`Event::SignedOff`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOff<T> {
    /// For whom.
    pub organisation: OrganisationId,
    /// Which edition.
    pub edition: u32,
    /// What was signed.
    pub digest: Hash,
    /// Who signed, as the letter prints it.
    pub signature: Signature<T>,
}

/// A signature as the letter shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature<T> {
    /// The name as printed.
    pub name: T,
    /// The role as printed.
    pub role: Option<T>,
    /// The organisation as printed.
    pub organisation: Option<T>,
    /// The signature itself, as somebody read it.
    pub transcribed: Option<T>,
}

/// See [`Event::AssessmentPublished`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessmentPublished {
    /// Which edition.
    pub edition: u32,
    /// The date on the letter.
    pub letter_date: Date,
    /// What was signed and is now public.
    pub digest: Hash,
    /// What each audience may see of it, as a root over salted items. (Spec §4.8)
    pub audiences: Vec<AudienceDigest>,
}

/// The digest of what one audience may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceDigest {
    /// Which audience.
    pub audience: AudienceId,
    /// Salts each item, so that a proof of one tells nothing of another.
    pub salt: [u8; 32],
    /// The Merkle root over the salted items.
    pub root: Hash,
}

/// What gave an item of an assessment its present state: one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The position of the record.
    pub at: Position,
    /// Its id.
    pub record: RecordId,
    /// Its hash.
    pub hash: Hash,
}
