//! Closed sets and their numbers in the protos. A number, once given, is never given anew.

use crate::{
    judgement::{
        AccessKind, Basis, ChallengeKind, ChangeKind, CorrectedField, FollowUpStatus, HoldKind,
        KeyChange, Kind, LegalBasis, LetterPart, NonGrade, PointOutcome, Role, Stops,
    },
    pb,
};

/// A closed set of the rules whose values have numbers in the protos; 0 is none of them.
pub trait Numbered: Copy {
    /// The number of this value.
    fn number(self) -> i32;

    /// The value of this number, if one has it.
    fn numbered(number: i32) -> Option<Self>;

    /// The number of a value that may be absent: then 0.
    fn store_optional(value: Option<Self>) -> i32 {
        value.map_or(0, Self::number)
    }
}

/// The values are called the same on both sides; both matches break when either side grows.
macro_rules! numbered {
    ($ours:ident, $theirs:ident, [$($value:ident),+ $(,)?]) => {
        impl Numbered for $ours {
            fn number(self) -> i32 {
                i32::from(match self {
                    $(Self::$value => pb::$theirs::$value,)+
                })
            }

            fn numbered(number: i32) -> Option<Self> {
                match pb::$theirs::try_from(number) {
                    $(Ok(pb::$theirs::$value) => Some(Self::$value),)+
                    Ok(pb::$theirs::Unspecified) | Err(_) => None,
                }
            }
        }
    };
}

numbered!(
    Role,
    Role,
    [
        Inspector,
        LeadInspector,
        Moderator,
        Signatory,
        Publisher,
        RecordsOfficer,
        FrameworkAdmin,
        Auditor,
        Consumer,
        Service,
    ]
);
numbered!(Basis, Basis, [NewEvidence, SameEvidence, DataCorrected, Framework, Error]);
numbered!(ChangeKind, ChangeKind, [Awarded, Raised, Lowered, Reaffirmed, Vacated]);
numbered!(NonGrade, NonGrade, [NotJudged, NotApplicable, SubjectToReview]);
numbered!(
    Kind,
    EntryKind,
    [
        Narrative,
        Strength,
        AreaForImprovement,
        AspectForFocus,
        Evidence,
        FollowUp,
        LetterPart,
        TranscriptionNote,
        Tension,
    ]
);
numbered!(
    LetterPart,
    LetterPart,
    [Letterhead, Title, Salutation, Opening, Heading, LeadIn, Footnote, Confirmation, Valediction,]
);
numbered!(FollowUpStatus, FollowUpStatus, [Resolved, Improved, Maintained, Remains, NotReported]);
numbered!(HoldKind, HoldKind, [Representation, Complaint, Court, InformationRequest, Preservation]);
numbered!(Stops, HoldStops, [Publication, Erasure, Both]);
numbered!(ChallengeKind, ChallengeKind, [Accuracy, Representation, Complaint]);
numbered!(PointOutcome, PointOutcome, [Upheld, Partly, Refused]);
numbered!(
    CorrectedField,
    CorrectedField,
    [DecidedBy, DecidedOn, EffectiveOn, Reason, Transcription]
);
numbered!(
    LegalBasis,
    LegalBasis,
    [ErasureRequest, Objection, CourtOrder, RetentionExpired, UnlawfullyRecorded, Safeguarding,]
);
numbered!(KeyChange, KeyChange, [Added, Retired]);
numbered!(AccessKind, AccessKind, [Trail, EntryBundles, Case, Evidence, Stream, Letter, Openings]);
