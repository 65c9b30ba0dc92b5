//! Who may do what: **the one table** of the specification (§5.3, §6): call × role × organisation ×
//! state. What the rules allow a command to, what the face lets through and what it shows are all
//! looked up here; `src/rpc/rights.md` is this table, printed.
//!
//! A row gives a right; what no row gives nobody has.

use super::Role::{
    self, Auditor, Consumer, FrameworkAdmin, Inspector, LeadInspector, Moderator, Publisher,
    RecordsOfficer, Service, Signatory,
};

/// A right: who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// What is done.
    pub deed: Deed,
    /// In which case.
    pub when: When,
    /// Any of these roles will do.
    pub roles: &'static [Role],
    /// Of which organisation the caller must be.
    pub whose: Whose,
}

/// In which case a right is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// In any.
    Always,
    /// History is entered: the act says that it is transcribed. (Spec §4.9)
    Transcribed,
    /// The reason given is one of moderation under the framework.
    Moderating,
    /// It is not, or there is none.
    Grading,
    /// No edition was published.
    Unpublished,
    /// An edition is published, and the next is not begun.
    Published,
    /// The next edition is being worked on.
    Amending,
    /// There is no such assessment, or none that the caller may know of.
    NotThere,
    /// What stands inside is asked for: working views, drafts, readings by dates.
    Inside,
    /// What is published is asked for.
    Outside,
    /// What another recipient sees is asked for.
    ForAnother,
}

impl When {
    /// The case, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Transcribed => "history is entered",
            Self::Moderating => "the reason is one of moderation",
            Self::Grading => "the reason is another, or none",
            Self::Unpublished => "no edition was published",
            Self::Published => "an edition is published",
            Self::Amending => "the next edition is worked on",
            Self::NotThere => "there is no such assessment, to be told so",
            Self::Inside => "what stands inside",
            Self::Outside => "what is published",
            Self::ForAnother => "what another recipient sees",
        }
    }
}

/// Of which organisation the caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Of any: it concerns no assessment.
    Any,
    /// Of one that judges: which signs under the assessment's framework. To others the assessment is
    /// not there.
    Judging,
    /// Of one that judges, for itself only.
    Signing,
    /// Of one that judges; of a record that no assessment has, of the organisation whose it is: the
    /// person's whom it introduces, else the recorder's. To others the record is not there.
    Owning,
    /// Of one that judges; the auditor of any.
    JudgingOrAuditor,
    /// Of any, and sees what is shown to an audience of its organisation.
    Shown,
}

impl Whose {
    /// The organisation, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Judging => "one that judges",
            Self::Signing => "one that judges, for itself",
            Self::Owning => "one that judges; of what no assessment has, the one whose it is",
            Self::JudgingOrAuditor => "one that judges; of the auditor any",
            Self::Shown => "any, and sees what is shown to it",
        }
    }
}

const WRITERS: &[Role] =
    &[Inspector, LeadInspector, Moderator, Signatory, Publisher, RecordsOfficer, FrameworkAdmin];
const INSIDERS: &[Role] = &[
    Auditor,
    Inspector,
    LeadInspector,
    Moderator,
    Signatory,
    Publisher,
    RecordsOfficer,
    FrameworkAdmin,
];
const EVERYBODY: &[Role] = &[
    Inspector,
    LeadInspector,
    Moderator,
    Signatory,
    Publisher,
    RecordsOfficer,
    FrameworkAdmin,
    Auditor,
    Consumer,
];
const FOR_OTHERS: &[Role] = &[Auditor, Publisher];

macro_rules! deeds {
    ($($service:ident { $($deed:ident: $($when:ident $roles:tt $whose:ident),+;)+ })+) => {
        /// What is done: a call of the face, or what the service does by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the calls are described in the proto")]
        pub enum Deed {
            $($($deed,)+)+
        }

        impl Deed {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$($(Self::$deed,)+)+];

            /// The service and the call.
            #[must_use]
            pub const fn call(self) -> (&'static str, &'static str) {
                match self {
                    $($(Self::$deed => (stringify!($service), stringify!($deed)),)+)+
                }
            }
        }

        /// The table.
        pub const RIGHTS: &[Right] = &[
            $($($(Right {
                deed: Deed::$deed,
                when: When::$when,
                roles: deeds!(@roles $roles),
                whose: Whose::$whose,
            },)+)+)+
        ];
    };
    (@roles [$($role:ident)+]) => { &[$($role),+] };
    (@roles ($roles:ident)) => { $roles };
}

deeds! {
    AssessmentService {
        OpenAssessment: Always [LeadInspector] Judging, Transcribed [RecordsOfficer] Judging;
        SetAddressee: Always [LeadInspector] Judging, Transcribed [RecordsOfficer] Judging;
        SetGrade: Grading [Inspector] Judging, Moderating [Moderator] Judging,
            NotThere [Inspector Moderator] Any, Transcribed [RecordsOfficer] Judging;
        RecordEntry: Always [Inspector] Judging, Transcribed [RecordsOfficer] Judging;
        ReviseEntry: Always [Inspector] Judging, Transcribed [RecordsOfficer] Judging;
        LockAssessment: Always [LeadInspector] Judging, Transcribed [RecordsOfficer] Judging;
        SignOffAssessment: Always [Signatory] Signing, Transcribed [RecordsOfficer] Judging;
        RefuseSignOff: Always [Signatory] Signing, Transcribed [RecordsOfficer] Judging;
        PublishAssessment: Always [Publisher] Judging, Transcribed [RecordsOfficer] Judging;
        PublishAssessments: Always [Publisher] Judging, Transcribed [RecordsOfficer] Judging;
        ReopenAssessment: Unpublished [LeadInspector] Judging, Published [Publisher] Judging,
            Amending [LeadInspector] Judging, NotThere [LeadInspector Publisher] Any,
            Transcribed [RecordsOfficer] Judging;
        WithdrawAssessment: Always [Publisher] Judging, Transcribed [RecordsOfficer] Judging;
        PlaceHold: Always [Publisher RecordsOfficer] Judging, Transcribed [RecordsOfficer] Judging;
        ReleaseHold: Always [Publisher RecordsOfficer] Judging, Transcribed [RecordsOfficer] Judging;
        ReceiveChallenge: Unpublished [LeadInspector] Judging, Published [Publisher] Judging,
            Amending [LeadInspector Publisher] Judging, NotThere [LeadInspector Publisher] Any,
            Transcribed [RecordsOfficer] Judging;
        DecideChallenge: Unpublished [LeadInspector] Judging, Published [Publisher] Judging,
            Amending [LeadInspector Publisher] Judging, NotThere [LeadInspector Publisher] Any,
            Transcribed [RecordsOfficer] Judging;
        ShareDraft: Always [LeadInspector] Judging, Transcribed [RecordsOfficer] Judging;
        CorrectRecord: Always [RecordsOfficer] Judging, Transcribed [RecordsOfficer] Judging;
        RequestRedaction: Always [RecordsOfficer] Owning, Transcribed [RecordsOfficer] Owning;
        ApproveRedaction: Always [RecordsOfficer] Owning, Transcribed [RecordsOfficer] Owning;
        RefuseRedaction: Always [RecordsOfficer] Owning, Transcribed [RecordsOfficer] Owning;
        ApplyBatch: Always (WRITERS) Judging;
        ApplyStream: Always (WRITERS) Judging;
        GetAssessment: Inside (INSIDERS) JudgingOrAuditor, Outside (EVERYBODY) Shown;
        ListAssessments: Inside (INSIDERS) JudgingOrAuditor, Outside (EVERYBODY) Shown;
        RenderLetter: Inside (INSIDERS) JudgingOrAuditor, Outside (EVERYBODY) Shown,
            ForAnother (FOR_OTHERS) JudgingOrAuditor;
        GetDisclosure: Outside (EVERYBODY) Shown, ForAnother (FOR_OTHERS) JudgingOrAuditor;
        GetFeed: Outside (EVERYBODY) Shown, ForAnother (FOR_OTHERS) JudgingOrAuditor;
    }
    AuditService {
        GetGradeHistory: Inside (INSIDERS) JudgingOrAuditor;
        QueryAudit: Inside (INSIDERS) JudgingOrAuditor;
        StreamRecords: Inside (INSIDERS) JudgingOrAuditor;
    }
    EvidenceService {
        ExportEvidence: Always [Auditor] Any;
        ExportCase: Inside [Auditor RecordsOfficer] JudgingOrAuditor;
        GetRecipients: Inside (INSIDERS) JudgingOrAuditor;
    }
    FrameworkService {
        RegisterFramework: Always [FrameworkAdmin Service] Any, Transcribed [RecordsOfficer] Any;
        GetFramework: Always (EVERYBODY) Any;
        ListFrameworks: Always (EVERYBODY) Any;
        RegisterSubject: Always [FrameworkAdmin Service] Any, Transcribed [RecordsOfficer] Any;
        GetSubject: Always (EVERYBODY) Any;
        RenameSubject: Always [FrameworkAdmin] Any, Transcribed [RecordsOfficer] Any;
        ListSubjects: Always (EVERYBODY) Any;
    }
    ReportService {
        CompareAssessments: Inside (INSIDERS) JudgingOrAuditor, Outside (EVERYBODY) Shown;
        SummarizeGrades: Inside (INSIDERS) JudgingOrAuditor, Outside (EVERYBODY) Shown;
        GetSubjectTimeline: Inside (INSIDERS) JudgingOrAuditor, Outside (EVERYBODY) Shown;
    }
    TransparencyService {
        GetCheckpoint: Always (EVERYBODY) Any;
        GetInclusionProof: Always (EVERYBODY) Any;
        GetConsistencyProof: Always (EVERYBODY) Any;
        GetTile: Always (EVERYBODY) Any;
        GetEntryBundle: Inside [Auditor] Any;
        GetTrail: Inside (INSIDERS) JudgingOrAuditor;
    }
    Itself {
        RotateKey: Always [Service] Any;
        CompleteRedaction: Always [Service] Any;
        RecordAccess: Always (INSIDERS) Any;
    }
}

/// The roles of which any will do, in this case; none where nobody may.
#[must_use]
pub fn roles(deed: Deed, when: When) -> &'static [Role] {
    let row = RIGHTS.iter().find(|it| it.deed == deed && it.when == when);
    row.map_or(&[], |row| row.roles)
}

/// The roles of which any will do in some case or other.
#[must_use]
pub fn roles_in_any_case(deed: Deed) -> Vec<Role> {
    let rows = RIGHTS.iter().filter(|it| it.deed == deed);
    let mut roles: Vec<Role> = Vec::new();
    for role in rows.flat_map(|row| row.roles).copied() {
        if !roles.contains(&role) && role != Service {
            roles.push(role);
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_of_a_deed_stands_once_and_no_deed_is_for_nobody() {
        for (place, right) in RIGHTS.iter().enumerate() {
            let twin = RIGHTS.iter().position(|it| (it.deed, it.when) == (right.deed, right.when));
            assert_eq!(twin, Some(place), "{:?} {:?}", right.deed, right.when);
            assert!(!right.roles.is_empty(), "{:?}", right.deed);
        }
        for deed in Deed::ALL {
            assert!(RIGHTS.iter().any(|it| it.deed == *deed), "{deed:?}");
        }
    }

    #[test]
    fn the_auditor_writes_nothing_and_the_consumer_sees_nothing_inside() {
        for right in RIGHTS {
            let writes = matches!(right.whose, Whose::Judging | Whose::Signing | Whose::Owning);
            assert!(!(writes && right.roles.contains(&Auditor)), "{:?}", right.deed);
            let inside = right.when == When::Inside || right.when == When::ForAnother;
            assert!(!(inside && right.roles.contains(&Consumer)), "{:?}", right.deed);
        }
    }

    #[test]
    fn the_service_is_nobody_who_calls() {
        assert_eq!(roles_in_any_case(Deed::RotateKey), []);
        assert_eq!(roles_in_any_case(Deed::RegisterFramework), [FrameworkAdmin, RecordsOfficer]);
        assert_eq!(roles(Deed::SetGrade, When::Always), [], "it depends on the reason");
    }
}
