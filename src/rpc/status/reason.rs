//! The reasons that programs may branch on, each with its gRPC code: the table of
//! `proto/judgement/ledger/v1/errors.proto`.

use tonic::Code;

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $written:literal => $code:ident,)+) => {
        /// Why a call is refused or fails. Stable: never renamed. (Spec §5.1)
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in the order of the proto.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The reason as `google.rpc.ErrorInfo` carries it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $written,)+
                }
            }

            /// The reason that is written so.
            #[must_use]
            pub fn parse(written: &str) -> Option<Self> {
                match written {
                    $($written => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The gRPC code of every refusal for this reason.
            #[must_use]
            pub const fn code(self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)+
                }
            }
        }
    };
}

reasons! {
    // Requests that cannot be read, whatever the ledger holds.
    /// Fields of the request are malformed; `BadRequest` lists them. Metadata: `violations` (how many
    /// there are), `command` (of a batch, from 0).
    InvalidRequest = "INVALID_REQUEST" => InvalidArgument,
    /// The bytes are no such message, or the message is cut short.
    Malformed = "MALFORMED" => InvalidArgument,
    /// The message is larger than this service takes, or the answer would be larger than clients
    /// take.
    MessageTooLarge = "MESSAGE_TOO_LARGE" => ResourceExhausted,
    /// A command is larger than 256 KiB. Metadata: `bytes`, `bytes_max`, `command`.
    CommandTooLarge = "COMMAND_TOO_LARGE" => ResourceExhausted,
    /// What would be stored is too large. Metadata: `what`, `bytes`, `bytes_max`.
    RecordTooLarge = "RECORD_TOO_LARGE" => InvalidArgument,
    /// There is no such method.
    MethodUnknown = "METHOD_UNKNOWN" => Unimplemented,
    /// The message is compressed in a way that this server does not know.
    EncodingUnknown = "ENCODING_UNKNOWN" => Unimplemented,
    // Credentials.
    /// The call carries no credential.
    CredentialMissing = "CREDENTIAL_MISSING" => Unauthenticated,
    /// The credential is not one that this ledger takes.
    CredentialInvalid = "CREDENTIAL_INVALID" => Unauthenticated,
    /// The credential has expired, or the client certificate: a stream ends then, too. Metadata:
    /// `resume_after` (of a stream of records: the position to go on after).
    CredentialExpired = "CREDENTIAL_EXPIRED" => Unauthenticated,
    // Who may.
    /// The caller lacks the role. Metadata: `roles` (any of these would do); of a letter `letter_to`
    /// (the audiences that get it).
    NotPermitted = "NOT_PERMITTED" => PermissionDenied,
    /// A signatory signs for the own organisation only, and an assessment is opened by an organisation
    /// that judges under its framework. Metadata: `caller`, `organisation` or `framework`, `signers`.
    WrongOrganisation = "WRONG_ORGANISATION" => PermissionDenied,
    /// Who decided a grade cannot moderate it. Metadata: `area`.
    SelfModeration = "SELF_MODERATION" => PermissionDenied,
    // What is not there.
    /// No such framework is registered. Metadata: `framework`.
    FrameworkNotFound = "FRAMEWORK_NOT_FOUND" => NotFound,
    /// No such subject is registered. Metadata: `subject`.
    SubjectNotFound = "SUBJECT_NOT_FOUND" => NotFound,
    /// No such assessment was opened. Metadata: `assessment`.
    AssessmentNotFound = "ASSESSMENT_NOT_FOUND" => NotFound,
    /// No such entry was recorded. Metadata: `entry`.
    EntryNotFound = "ENTRY_NOT_FOUND" => NotFound,
    /// No such edition was published. Metadata: `edition`.
    EditionNotFound = "EDITION_NOT_FOUND" => NotFound,
    /// There is no record at that position. Metadata: `position`.
    RecordNotFound = "RECORD_NOT_FOUND" => NotFound,
    // What is there already.
    /// The name is taken. Metadata: `name`.
    Exists = "EXISTS" => AlreadyExists,
    /// The organisation signed this edition. Metadata: `organisation`, `edition`.
    AlreadySigned = "ALREADY_SIGNED" => AlreadyExists,
    /// The request id is bound to another content, for ever. Metadata: `position` (of the first).
    KeyReused = "KEY_REUSED" => AlreadyExists,
    // What makes no sense under the framework.
    /// The framework has no such area. Metadata: `area`, `framework`, `areas`.
    AreaNotInFramework = "AREA_NOT_IN_FRAMEWORK" => InvalidArgument,
    /// The area takes no grade. Metadata: `area`.
    AreaNotGradable = "AREA_NOT_GRADABLE" => InvalidArgument,
    /// The area takes no such level, word, value or scale; `BadRequest` names the field. Metadata:
    /// `area`, `given`, `valid`.
    LevelNotOnScale = "LEVEL_NOT_ON_SCALE" => InvalidArgument,
    /// The framework lists no such reason. Metadata: `reason`, `reasons`.
    ReasonNotInFramework = "REASON_NOT_IN_FRAMEWORK" => InvalidArgument,
    /// The framework takes no entry of this kind. Metadata: `kind`.
    KindNotAllowed = "KIND_NOT_ALLOWED" => InvalidArgument,
    /// A revision keeps the kind of its entry. Metadata: `entry`, `kind`.
    KindChanged = "KIND_CHANGED" => InvalidArgument,
    /// The letter has no such section. Metadata: `section`, `sections`.
    SectionNotInFramework = "SECTION_NOT_IN_FRAMEWORK" => InvalidArgument,
    /// An entry must say something. Metadata: `kind`, `needs`.
    EntryEmpty = "ENTRY_EMPTY" => InvalidArgument,
    /// The command refers to entries that are not there as they are meant; `BadRequest` says for
    /// each reference why. Metadata: `entries`.
    DanglingReference = "DANGLING_REFERENCE" => InvalidArgument,
    // What the command does not say.
    /// What changes something says why. Metadata: `needs`.
    RationaleRequired = "RATIONALE_REQUIRED" => InvalidArgument,
    /// A day has not come yet. Metadata: `field`.
    DateInFuture = "DATE_IN_FUTURE" => InvalidArgument,
    /// A period ends before it begins.
    PeriodReversed = "PERIOD_REVERSED" => InvalidArgument,
    /// History says when it was decided.
    TranscriptionUndated = "TRANSCRIPTION_UNDATED" => InvalidArgument,
    /// What changes something says what it believes to be there. Metadata: `position` (the last
    /// record) or `revision`, as it is.
    ExpectationRequired = "EXPECTATION_REQUIRED" => InvalidArgument,
    // What the state forbids.
    /// Grades and entries change in an open edition only. Metadata: `edition`, `state`.
    NotOpen = "NOT_OPEN" => FailedPrecondition,
    /// Signing and publishing need a locked edition. Metadata: `edition`, `state`.
    NotLocked = "NOT_LOCKED" => FailedPrecondition,
    /// Another edition is the working one. Metadata: `given`, `working`.
    OtherEdition = "OTHER_EDITION" => FailedPrecondition,
    /// The entry is struck already. Metadata: `entry`.
    EntryStruck = "ENTRY_STRUCK" => FailedPrecondition,
    /// Something that the framework demands is missing; `PreconditionFailure` lists it. Metadata:
    /// `missing`.
    Incomplete = "INCOMPLETE" => FailedPrecondition,
    /// Not all have signed. Metadata: `missing` (the organisations).
    Unsigned = "UNSIGNED" => FailedPrecondition,
    // Somebody else was first.
    /// Somebody else was first. Metadata: `item`, `position` and `record_id` of the winner; for a
    /// whole assessment `revision` and `position`.
    StaleExpectation = "STALE_EXPECTATION" => Aborted,
    /// The edition is not what the caller saw. Metadata: `digest` (as it is).
    OtherDigest = "OTHER_DIGEST" => Aborted,
    /// Others introduced the same persons at that moment; nothing was recorded. `RetryInfo` says when
    /// to try again.
    DirectoryMoved = "DIRECTORY_MOVED" => Aborted,
    // What is used up.
    /// There is more to do than can be queued; nothing was recorded. `RetryInfo` says when to try
    /// again.
    Busy = "BUSY" => ResourceExhausted,
    /// The reader of a stream is too slow. Metadata: `resume_after` (the position to go on after).
    SlowReader = "SLOW_READER" => ResourceExhausted,
    /// The disk is full; nothing was recorded. Reads go on.
    DiskFull = "DISK_FULL" => ResourceExhausted,
    // What may work later.
    /// The clock jumped ahead; nothing was recorded. Metadata: `ahead_s`.
    ClockUntrusted = "CLOCK_UNTRUSTED" => Unavailable,
    /// The journal cannot be used just now; nothing was recorded.
    JournalUnavailable = "JOURNAL_UNAVAILABLE" => Unavailable,
    /// It may or may not have been recorded: send it again with the same request id.
    OutcomeUnknown = "OUTCOME_UNKNOWN" => Unavailable,
    /// The ledger has stopped taking commands; nothing was recorded.
    Stopped = "STOPPED" => Unavailable,
    /// The server is going down: go on elsewhere. Metadata: `resume_after` (of a stream of
    /// records: the position to go on after).
    Draining = "DRAINING" => Unavailable,
    /// The ledger has not reached the position in time. Metadata: `position`, `head`.
    PositionNotReached = "POSITION_NOT_REACHED" => Unavailable,
    /// The views are being rebuilt. `RetryInfo` says when to try again.
    Rebuilding = "REBUILDING" => Unavailable,
    // What went wrong.
    /// The deadline passed; a command may have been recorded: send it again with the same request id.
    DeadlineExceeded = "DEADLINE_EXCEEDED" => DeadlineExceeded,
    /// Stored bytes are not what was stored. Metadata: `position`, where it is known.
    RecordUnreadable = "RECORD_UNREADABLE" => DataLoss,
    /// A defect of the server.
    Internal = "INTERNAL" => Internal,
    // What the state of an edition forbids, beside the above.
    /// The edition is open already. Metadata: `edition`.
    AlreadyOpen = "ALREADY_OPEN" => FailedPrecondition,
    /// Only the edition in force can be withdrawn. Metadata: `edition`, `state`.
    NotPublished = "NOT_PUBLISHED" => FailedPrecondition,
    /// A withdrawal falls back to an assessment of the same subject that is published and not
    /// withdrawn. Metadata: `fallback`.
    FallbackNotPublished = "FALLBACK_NOT_PUBLISHED" => FailedPrecondition,
    // Holds, challenges, drafts, corrections.
    /// No such hold was placed. Metadata: `hold`.
    HoldNotFound = "HOLD_NOT_FOUND" => NotFound,
    /// The hold is released already. Metadata: `hold`.
    HoldReleased = "HOLD_RELEASED" => FailedPrecondition,
    /// A hold stops this. Metadata: `holds`.
    OnHold = "ON_HOLD" => FailedPrecondition,
    /// No such challenge was received. Metadata: `challenge`.
    ChallengeNotFound = "CHALLENGE_NOT_FOUND" => NotFound,
    /// The challenge has no such point. Metadata: `challenge`, `point`, `points` (how many it
    /// has).
    PointNotFound = "POINT_NOT_FOUND" => NotFound,
    /// The framework has no such audience. Metadata: `audience`, `audiences`.
    AudienceNotInFramework = "AUDIENCE_NOT_IN_FRAMEWORK" => InvalidArgument,
    /// The assessment was not there at that position, or nothing is recorded there yet. Metadata:
    /// `position`, `opened`.
    PositionOutsideAssessment = "POSITION_OUTSIDE_ASSESSMENT" => InvalidArgument,
    /// That is no mistake of a record of this sort. Metadata: `field`, `event`.
    NotCorrectable = "NOT_CORRECTABLE" => InvalidArgument,
    // Redactions.
    /// The record has no such text: it has none there, or what is there is structural. Metadata:
    /// `field`, `event`, `fields` (the texts that it has).
    NotErasable = "NOT_ERASABLE" => InvalidArgument,
    /// The erasure of the text was asked for already, and nobody has decided that yet. Metadata:
    /// `request_position`.
    RedactionPending = "REDACTION_PENDING" => FailedPrecondition,
    /// The text is erased already. Metadata: `position` (of the last record of its redaction).
    AlreadyRedacted = "ALREADY_REDACTED" => FailedPrecondition,
    /// No such record asks for the erasure of a text. Metadata: `position`.
    RedactionNotFound = "REDACTION_NOT_FOUND" => NotFound,
    /// The request was decided already. Metadata: `request_position`, `position` (of the last record
    /// of the redaction).
    RedactionDecided = "REDACTION_DECIDED" => FailedPrecondition,
    /// Who asks that a text be erased does not decide that. Metadata: `request_position`.
    SelfApproval = "SELF_APPROVAL" => PermissionDenied,
    // What was signed.
    /// The journal is not the one that was signed: nothing is recorded until the right one is back.
    /// Reads go on. Metadata: `signed`, `head` (how many records each has).
    ReadOnly = "READ_ONLY" => FailedPrecondition,
    /// No checkpoint covers the position in time. Metadata: `position`, `covered` (how many records
    /// the newest covers).
    NotCovered = "NOT_COVERED" => Unavailable,
    /// There is no such file, or not yet.
    FileNotFound = "FILE_NOT_FOUND" => NotFound,
    /// A text was erased while evidence of it was made: take it out again. Metadata: `position`,
    /// `order_position`.
    ErasedMeanwhile = "ERASED_MEANWHILE" => Aborted,
    /// The keys of the credential's issuer cannot be had just now: come back with it.
    CredentialUnchecked = "CREDENTIAL_UNCHECKED" => Unavailable,
    /// The caller calls more often than one caller may: slow down, or send many commands in one
    /// batch or stream.
    TooFrequent = "TOO_FREQUENT" => ResourceExhausted,
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_reflect::{DescriptorPool, Value};
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::pb;

    fn proto() -> prost_types::FileDescriptorProto {
        let set = FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap();
        let name = "judgement/ledger/v1/errors.proto";
        set.file.into_iter().find(|file| file.name() == name).unwrap()
    }

    /// Some numbers may be left out; the names come in the order of the numbers.
    #[test]
    fn the_proto_lists_the_same_reasons_in_the_same_order() {
        let values = &proto().enum_type[0].value;
        assert!(values.is_sorted_by_key(prost_types::EnumValueDescriptorProto::number));
        let listed = values[1..].iter().map(|value| value.name().strip_prefix("ERROR_REASON_"));
        let listed: Vec<_> = listed.map(Option::unwrap).collect();
        let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(listed, reasons);
    }

    #[test]
    fn the_proto_states_each_reason_with_its_code() {
        let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
        let option = pool.get_extension_by_name("judgement.ledger.v1.grpc_code").unwrap();
        let reasons = pool.get_enum_by_name("judgement.ledger.v1.ErrorReason").unwrap();
        for reason in Reason::ALL {
            let name = format!("ERROR_REASON_{}", reason.as_str());
            let value = reasons.get_value_by_name(&name).unwrap();
            let stated = value.options().get_extension(&option).into_owned();
            assert_eq!(stated, Value::EnumNumber(reason.code().into()), "{reason:?}");
        }
    }

    #[test]
    fn a_reason_is_upper_snake_case_of_at_most_63_characters() {
        for reason in Reason::ALL {
            let written = reason.as_str();
            assert!(written.len() <= 63, "{written}");
            assert!(written.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{written}");
        }
    }
}
