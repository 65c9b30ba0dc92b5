//! The table of rights, written out by hand from the specification and from what the proto says of each
//! call, and never from [`RIGHTS`]: a row of the product that is wrong, missing or too much is seen here.

use std::collections::{BTreeMap, BTreeSet};

use judgement_ledger::judgement::{RIGHTS, Right, Role};

use crate::calls::PROTO;

/// A call, its cases, and from where each is known. A case is the state or the question, the roles of
/// which any will do, and the organisation:
///
/// - roles: `I`nspector, `L`ead inspector, `M`oderator, `S`ignatory, `P`ublisher, `R`ecords officer,
///   `F`ramework admin, `A`uditor, `C`onsumer, and `@` for the service itself;
/// - `judging`: of one that signs under the framework; `itself`: of such a one, for itself alone;
///   `owner`: of such a one, and of what no assessment has, the one whose it is; `or-auditor`: of such a
///   one, or the auditor of any; `shown`: of any, and sees what is shown to it; `any`: of any.
///
/// Spec §4.9: a records officer may transcribe any role's act: every command has that case.
/// Spec §5.3: what stands inside is for the auditor, or a role in the assessment's organisations; a
/// consumer has none such (§6: "published views and its own feeds"). Another recipient's view is for
/// auditor and publisher alone.
const CLAUSES: &str = "
AssessmentService.OpenAssessment       Always L judging, Transcribed R judging                | §4 lead inspector
AssessmentService.SetAddressee         Always L judging, Transcribed R judging                | §4 lead inspector
AssessmentService.SetGrade             Grading I judging, Moderating M judging, NotThere IM any, Transcribed R judging | §4 inspector; moderator for moderation reasons
AssessmentService.RecordEntry          Always I judging, Transcribed R judging                | §4 inspector
AssessmentService.ReviseEntry          Always I judging, Transcribed R judging                | §4 inspector
AssessmentService.LockAssessment       Always L judging, Transcribed R judging                | §4 lead inspector
AssessmentService.SignOffAssessment    Always S itself, Transcribed R judging                 | §4 signatory of that organisation; §4.9 signatures included
AssessmentService.RefuseSignOff        Always S itself, Transcribed R judging                 | §4 same
AssessmentService.PublishAssessment    Always P judging, Transcribed R judging                | §4 publisher
AssessmentService.PublishAssessments   Always P judging, Transcribed R judging                | §4.7, §4 publisher
AssessmentService.ReopenAssessment     Unpublished L judging, Published P judging, Amending L judging, NotThere LP any, Transcribed R judging | §4 lead inspector; after publication the publisher
AssessmentService.WithdrawAssessment   Always P judging, Transcribed R judging                | §4 publisher
AssessmentService.PlaceHold            Always PR judging, Transcribed R judging               | §4 publisher; records officer
AssessmentService.ReleaseHold          Always PR judging, Transcribed R judging               | §4 publisher; records officer
AssessmentService.ReceiveChallenge     Unpublished L judging, Published P judging, Amending LP judging, NotThere LP any, Transcribed R judging | §4 lead inspector; publisher after publication; proto: while another edition is being worked on, either
AssessmentService.DecideChallenge      Unpublished L judging, Published P judging, Amending LP judging, NotThere LP any, Transcribed R judging | proto: the same roles as ReceiveChallenge
AssessmentService.ShareDraft           Always L judging, Transcribed R judging                | §4 lead inspector
AssessmentService.CorrectRecord        Always R judging, Transcribed R judging                | §4 records officer
AssessmentService.RequestRedaction     Always R owner, Transcribed R owner                    | §4 records officers; proto: none whose texts are the caller's organisation's to erase
AssessmentService.ApproveRedaction     Always R owner, Transcribed R owner                    | §4 by another person's credential
AssessmentService.RefuseRedaction      Always R owner, Transcribed R owner                    | §4 by another person's credential
AssessmentService.ApplyBatch           Always ILMSPRF judging                                 | §4.7 each command as by itself
AssessmentService.ApplyStream          Always ILMSPRF judging                                 | §4.6 each command as by itself
AssessmentService.GetAssessment        Inside AILMSPRF or-auditor, Outside ILMSPRFAC shown    | §5.3 working views
AssessmentService.ListAssessments      Inside AILMSPRF or-auditor, Outside ILMSPRFAC shown    | §5.3 as GetAssessment
AssessmentService.RenderLetter         Inside AILMSPRF or-auditor, Outside ILMSPRFAC shown, ForAnother AP or-auditor | §5.3; proto: drafts for the auditor and every role that writes
AssessmentService.GetDisclosure        Outside ILMSPRFAC shown, ForAnother AP or-auditor      | §5.3
AssessmentService.GetFeed              Outside ILMSPRFAC shown, ForAnother AP or-auditor      | §5.3
AuditService.GetGradeHistory           Inside AILMSPRF or-auditor                             | proto: the auditor, or a role in an organisation that judges
AuditService.QueryAudit                Inside AILMSPRF or-auditor                             | §5.3
AuditService.StreamRecords             Inside AILMSPRF or-auditor                             | §5.3
EvidenceService.ExportEvidence         Always A any                                           | proto: the auditor
EvidenceService.ExportCase             Inside AR or-auditor                                   | proto: the auditor or the records officer
EvidenceService.GetRecipients          Inside AILMSPRF or-auditor                             | proto: the auditor, or a role in an organisation that judges
FrameworkService.RegisterFramework     Always F@ any, Transcribed R any                       | §4 framework admin; §3.6 built in
FrameworkService.GetFramework          Always ILMSPRFAC any                                   | §3, reference data
FrameworkService.ListFrameworks        Always ILMSPRFAC any                                   | §3, reference data
FrameworkService.RegisterSubject       Always F@ any, Transcribed R any                       | §4 framework admin; see UNSTATED
FrameworkService.GetSubject            Always ILMSPRFAC any                                   | §2, reference data
FrameworkService.RenameSubject         Always F any, Transcribed R any                        | §4 framework admin
FrameworkService.ListSubjects          Always ILMSPRFAC any                                   | §2, reference data
ReportService.CompareAssessments       Inside AILMSPRF or-auditor, Outside ILMSPRFAC shown    | §5.3
ReportService.SummarizeGrades          Inside AILMSPRF or-auditor, Outside ILMSPRFAC shown    | §5.3
ReportService.GetSubjectTimeline       Inside AILMSPRF or-auditor, Outside ILMSPRFAC shown    | §5.3
TransparencyService.GetCheckpoint      Always ILMSPRFAC any                                   | proto: no more than a credential
TransparencyService.GetInclusionProof  Always ILMSPRFAC any                                   | proto: no more than a credential
TransparencyService.GetConsistencyProof Always ILMSPRFAC any                                  | proto: no more than a credential
TransparencyService.GetTile            Always ILMSPRFAC any                                   | proto: no more than a credential
TransparencyService.GetEntryBundle     Inside A any                                           | see UNSTATED
TransparencyService.GetTrail           Inside AILMSPRF or-auditor                             | §5.3
Itself.RotateKey                       Always @ any                                           | §4 the service
Itself.CompleteRedaction               Always @ any                                           | §4 RedactionCompleted, by the ledger itself
Itself.RecordAccess                    Always AILMSPRF any                                    | §4 the service, for whoever took something out
";

/// Where the product's row is not what the specification says, and is kept as it is here: a second
/// look is due at each, and at none else.
const UNSTATED: [(&str, &str); 2] = [
    (
        "TransparencyService.GetEntryBundle",
        "§5.3 says the auditor or a role in the assessment's organisations; a bundle holds neighbouring \
         records of all assessments, so that only who may see all gets any: narrower",
    ),
    (
        "FrameworkService.RegisterSubject",
        "§4 names the framework admin alone, and the proto's ROLE_SERVICE built-in frameworks and the \
         directory; no caller is the service",
    ),
];

/// A row: the call, the case, the roles and the organisation.
type Row = (String, String, BTreeSet<&'static str>, &'static str);

fn role(letter: char) -> &'static str {
    match letter {
        'I' => "inspector",
        'L' => "lead-inspector",
        'M' => "moderator",
        'S' => "signatory",
        'P' => "publisher",
        'R' => "records-officer",
        'F' => "framework-admin",
        'A' => "auditor",
        'C' => "consumer",
        '@' => "service",
        other => panic!("{other} is no role"),
    }
}

fn organisation(word: &str) -> &'static str {
    match word {
        "any" => "Any",
        "judging" => "Judging",
        "itself" => "Signing",
        "owner" => "Owning",
        "or-auditor" => "JudgingOrAuditor",
        "shown" => "Shown",
        other => panic!("{other} is no organisation"),
    }
}

/// The rows of the clauses.
fn clauses() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for line in CLAUSES.lines().filter(|line| !line.is_empty()) {
        let (said, source) = line.split_once('|').unwrap();
        assert!(!source.trim().is_empty(), "{line}: from where?");
        let (call, cases) = said.trim().split_once(' ').unwrap();
        for case in cases.split(',') {
            let words: Vec<_> = case.split_whitespace().collect();
            let [when, roles, whose] = words[..] else { panic!("{line}") };
            let roles: BTreeSet<_> = roles.chars().map(role).collect();
            let row = (call.to_owned(), when.to_owned(), roles, organisation(whose));
            assert!(rows.insert(row), "{line}: twice");
        }
    }
    rows
}

/// The rows of the product.
fn rows(rights: &[Right]) -> BTreeSet<Row> {
    let row = |right: &Right| {
        let (service, call) = right.deed.call();
        let roles = right.roles.iter().map(|it| it.as_str()).collect();
        let whose = organisation_of(right);
        (format!("{service}.{call}"), format!("{:?}", right.when), roles, whose)
    };
    rights.iter().map(row).collect()
}

fn organisation_of(right: &Right) -> &'static str {
    use judgement_ledger::judgement::Whose;
    match right.whose {
        Whose::Any => "Any",
        Whose::Judging => "Judging",
        Whose::Signing => "Signing",
        Whose::Owning => "Owning",
        Whose::JudgingOrAuditor => "JudgingOrAuditor",
        Whose::Shown => "Shown",
    }
}

/// What only one of two tables has.
fn differences(clauses: &BTreeSet<Row>, rows: &BTreeSet<Row>) -> Vec<String> {
    let missing = clauses.difference(rows).map(|row| format!("not in the product: {row:?}"));
    let more = rows.difference(clauses).map(|row| format!("not in the specification: {row:?}"));
    missing.chain(more).collect()
}

#[test]
fn the_table_of_rights_is_what_the_specification_says() {
    let (clauses, rows) = (clauses(), rows(RIGHTS));
    assert_eq!(rows.len(), RIGHTS.len(), "each stands once");
    let differences = differences(&clauses, &rows);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    println!("{} rows", rows.len());
    for (call, why) in UNSTATED {
        assert!(clauses.iter().any(|row| row.0 == call), "{call}: {why}");
    }
}

/// A call of the proto without a clause fails, and so does a clause without a call.
#[test]
fn every_call_of_the_proto_has_its_clause() {
    let methods = PROTO.services().flat_map(|service| {
        let named = |method: prost_reflect::MethodDescriptor| {
            format!("{}.{}", service.name(), method.name())
        };
        service.methods().map(named).collect::<Vec<_>>()
    });
    let calls: BTreeSet<String> = methods.collect();
    assert!(calls.len() > 40, "{calls:?}");
    let said: BTreeSet<String> = clauses().into_iter().map(|row| row.0).collect();
    let said = said.into_iter().filter(|it| !it.starts_with("Itself.")).collect();
    assert_eq!(calls, said);
}

/// Spec §6, of all rows at once: nobody is auditor and writer, a consumer goes nowhere inside.
#[test]
fn the_clauses_are_of_one_mind_about_each_role() {
    let mut cases: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (call, when, roles, _) in clauses() {
        for role in roles {
            cases.entry(role).or_default().insert(format!("{call} {when}"));
        }
    }
    let named: BTreeSet<&str> = Role::ALL.into_iter().map(Role::as_str).collect();
    assert_eq!(cases.keys().copied().collect::<BTreeSet<_>>(), named, "every role may something");
    let changes: BTreeSet<String> = cases["records-officer"]
        .iter()
        .filter(|it| it.ends_with(" Transcribed"))
        .cloned()
        .collect();
    let commands = changes.iter().map(|it| it.split(' ').next().unwrap());
    for command in commands.chain(["AssessmentService.ApplyBatch", "AssessmentService.ApplyStream"])
    {
        for reader in ["auditor", "consumer"] {
            let writes = cases[reader].iter().any(|it| it.split(' ').next() == Some(command));
            assert!(!writes, "the {reader} writes nothing: {command}");
        }
    }
    for case in &cases["consumer"] {
        assert!(case.ends_with(" Outside") || case.ends_with(" Always"), "{case}");
    }
}

/// The negative control: whatever of one row is another, the comparison finds it.
#[test]
fn a_right_that_differs_in_anything_is_found() {
    let clauses = clauses();
    let found = |planted: &[Right]| differences(&clauses, &rows(planted)).len();
    assert_eq!(found(RIGHTS), 0);
    for (at, right) in RIGHTS.iter().enumerate() {
        let mut planted = RIGHTS.to_vec();
        planted.remove(at);
        assert_eq!(found(&planted), 1, "{right:?} is gone");

        // For all roles, and for all of its own but one.
        let everybody: &[Role] = &Role::ALL;
        let mut planted = RIGHTS.to_vec();
        planted[at].roles = everybody;
        assert_eq!(found(&planted), 2, "{right:?} for all");
        planted[at].roles = &right.roles[1..];
        assert_eq!(found(&planted), 2, "{right:?} without its first role");

        for other in RIGHTS {
            let mut planted = RIGHTS.to_vec();
            planted[at].whose = other.whose;
            let differs = other.whose != right.whose;
            assert_eq!(found(&planted), if differs { 2 } else { 0 }, "{:?}", planted[at]);
            planted[at].whose = right.whose;
            planted[at].when = other.when;
            let differs = other.when != right.when;
            assert_eq!(found(&planted) > 0, differs, "{:?}", planted[at]);
        }
    }
}
