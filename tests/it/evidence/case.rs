//! Cases: one assessment for a court or for somebody who asked for information.

use std::{fs, path::Path};

use judgement_ledger::{evidence::TextCounts, pb};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

use super::{
    Copied, Folder, case_of, evidence, exempt, export_case, files_in, key_of,
    told::{EXEMPTION, Story, records_of, told},
};
use crate::{
    erasure::erase_wholly,
    served::{Ground, SUBJECT, Served, act, explained, last, reason_of},
};

fn json(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap()
}

/// The positions of the records of a part.
fn records(case: &Value, part: &str) -> Vec<u64> {
    let all = case["records"].as_array().unwrap().iter();
    all.filter(|it| it["part"] == part).map(|it| it["position"].as_u64().unwrap()).collect()
}

const NO_SCHEDULE: &str = "position,revision,recorded_at,event,withheld,exemption\n";

#[test]
fn a_case_for_a_court_has_all_records_of_the_assessment_and_what_explains_them() {
    let told = told();
    let folder = told.court();
    let report = Folder::Case.verify(&folder, std::slice::from_ref(&told.key)).unwrap();
    let case = json(&folder);
    assert_eq!(
        (&case["kind"], &case["assessment"]),
        (&"COURT".into(), &told.story.name.as_str().into())
    );
    assert!(report.checkpoints[0].trusted);
    assert_eq!(report.remarks, Vec::<String>::new());
    assert_eq!(report.records, case["records"].as_array().unwrap().len() as u64);
    // A rationale and a name are erased; each by an order that is in the case.
    let lines = fs::read_to_string(folder.join("texts.jsonl")).unwrap();
    let texts =
        TextCounts { verified: lines.lines().count() as u64, redacted: 2, sealed: 0, withheld: 0 };
    assert_eq!(report.texts, texts);
    let (own, context) = (records(&case, "ASSESSMENT"), records(&case, "CONTEXT"));
    for at in [told.story.redacted, told.story.order, told.story.signature] {
        assert!(own.contains(&at), "record {at}");
    }
    assert!(context.contains(&told.story.named), "a person who is named");
    assert!(context.contains(&case["handed_out_at"].as_u64().unwrap()));
    assert_eq!(fs::read_to_string(folder.join("schedule.csv")).unwrap(), NO_SCHEDULE);
    let documents: Vec<_> =
        files_in(&folder).into_keys().filter(|it| it.starts_with("doc")).collect();
    assert_eq!(documents.len(), 1, "the framework's: {documents:?}");
    // Without a key that is trusted, the ledger's own word counts as that and no more.
    let own_word = Folder::Case.verify(&folder, &[]).unwrap();
    assert!(!own_word.checkpoints[0].trusted);
}

#[test]
fn a_case_for_information_lists_what_it_withholds_and_does_not_give_it() {
    let told = told();
    let (folder, story) = (told.withheld(), &told.story);
    let report = Folder::Case.verify(&folder, std::slice::from_ref(&told.key)).unwrap();
    let (at, field, said) = story.open;
    let files = files_in(&folder);
    let case = json(&folder);
    assert_eq!(case["kind"], "INFORMATION_REQUEST");
    let exemption = serde_json::json!([{"position": at, "field": field, "exemption": EXEMPTION}]);
    assert_eq!(case["exemptions"], exemption);

    // The text is in no file, while the record that commits to it is there.
    let line = format!("{{\"position\":{at},\"field\":\"{field}\"");
    assert!(!String::from_utf8_lossy(&files["texts.jsonl"]).contains(&line), "{said}");
    assert!(files.contains_key(&format!("records/{at}.record")));
    // The record is not there, while its proof is.
    assert!(!files.contains_key(&format!("records/{}.record", story.signature)));
    assert!(files.contains_key(&format!("proofs/{}.tlog-proof", story.signature)));
    let line = format!("{{\"position\":{},", story.signature);
    assert!(!String::from_utf8_lossy(&files["texts.jsonl"]).contains(&line));

    let schedule = csv::Reader::from_reader(&files["schedule.csv"][..]).into_records();
    let rows: Vec<csv::StringRecord> = schedule.map(Result::unwrap).collect();
    let row = |at: u64| rows.iter().find(|it| it[0] == at.to_string()).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!([&row(at)[3], &row(at)[4], &row(at)[5]], ["GradeSet", field, EXEMPTION]);
    assert!(row(at)[1].parse::<u64>().is_ok() && row(at)[2].starts_with("2006-10-01T"), "{rows:?}");
    let signature = row(story.signature);
    assert_eq!(
        [&signature[1], &signature[2], &signature[3]],
        ["", "", ""],
        "nothing is told of it"
    );
    assert_eq!([&signature[4], &signature[5]], ["the whole record", EXEMPTION]);

    let lines = String::from_utf8_lossy(&files["texts.jsonl"]).lines().count() as u64;
    let texts = TextCounts { verified: lines, redacted: 2, sealed: 0, withheld: 1 };
    assert_eq!(report.texts, texts);
    let [remark] = report.remarks.as_slice() else { panic!("{:?}", report.remarks) };
    assert!(remark.contains("was not computed anew, since records are withheld"), "{remark}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_request_for_a_case_is_told_at_once() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let set = served.award(&name, "staying-safe", "good").await.position;
    let clients = served.clients();
    let court = case_of(&name, pb::CaseKind::Court);
    let refused = async |login: &str, request: pb::ExportCaseRequest| {
        evidence(&clients, login).export_case(request).await.unwrap_err()
    };
    let violations = |status: &tonic::Status| {
        use tonic_types::StatusExt as _;
        assert_eq!(reason_of(status).0, "INVALID_REQUEST", "{status:?}");
        let named = status.get_details_bad_request().unwrap().field_violations;
        named.into_iter().map(|it| format!("{}: {}", it.field, it.description)).collect::<Vec<_>>()
    };

    let request = pb::ExportCaseRequest {
        assessment: "leicester".to_owned(),
        case_kind: 0,
        purpose: " ".to_owned(),
        exemptions: vec![
            exempt(0, "rationale", "s.40"),
            exempt(set, "Rationale!", ""),
            exempt(set, "", &"x".repeat(201)),
            exempt(set, "", "two\nlines"),
        ],
    };
    let said = violations(&refused("auditor", request).await);
    let fields: Vec<_> = said.iter().map(|it| it.split(": ").next().unwrap()).collect();
    let expected = [
        "assessment",
        "case_kind",
        "purpose",
        "exemptions[0].position",
        "exemptions[1].exemption",
        "exemptions[1].field",
        "exemptions[2].exemption",
        "exemptions[3].exemption",
    ];
    assert_eq!(fields, expected, "{said:?}");

    // What the assessment does not have cannot be withheld of it.
    let request = pb::ExportCaseRequest {
        exemptions: vec![
            exempt(1, "", "s.40"),
            exempt(9_999, "rationale", "s.40"),
            exempt(set, "rationale", "s.40"),
            exempt(set, "", &"x".repeat(200)),
        ],
        ..court.clone()
    };
    let said = violations(&refused("auditor", request).await);
    let expected = [
        "exemptions: record 1 is none of the assessment's".to_owned(),
        format!("exemptions: record {set} has no text rationale; it has none"),
        "exemptions: record 9999 is none of the assessment's".to_owned(),
    ];
    assert_eq!(said, expected);

    let many = pb::ExportCaseRequest {
        exemptions: vec![exempt(set, "", "s.40"); 10_001],
        ..court.clone()
    };
    assert_eq!(violations(&refused("auditor", many).await), ["exemptions: are at most 10000"]);

    for login in ["inspector", "lead", "moderator", "publisher", "ofsted", "admin", "consumer"] {
        let status = refused(login, court.clone()).await;
        let (reason, metadata) = reason_of(&status);
        assert_eq!((status.code(), reason.as_str()), (Code::PermissionDenied, "NOT_PERMITTED"));
        assert_eq!(metadata["roles"], "auditor, records-officer", "{login}");
    }
    let unknown = format!("{SUBJECT}/assessments/apa-1999");
    let status = refused("officer", case_of(&unknown, pb::CaseKind::Court)).await;
    let (reason, metadata) = reason_of(&status);
    assert_eq!((status.code(), reason.as_str()), (Code::NotFound, "ASSESSMENT_NOT_FOUND"));
    assert_eq!(metadata["assessment"], unknown);
    assert!(records_of(&clients, &["AccessRecorded"]).await.is_empty(), "nothing left the ledger");

    // A records officer may, and it is recorded.
    let files = evidence(&clients, "officer").export_case(court).await.unwrap().into_inner();
    let folder = TempDir::new().unwrap();
    super::write(files, folder.path()).await.unwrap();
    Folder::Case.verify(folder.path(), &[]).unwrap();
    assert_eq!(records_of(&clients, &["AccessRecorded"]).await.len(), 1);
    served.stop().await;
}

/// A grade whose rationale is erased: the record, its order, and the record that asked for it.
async fn erased(served: &Served, name: &str) -> (u64, u64, u64) {
    let first = served.award(name, "staying-safe", "good").await.position;
    let why = pb::Act { rationale: "a child said so".to_owned(), ..explained("MODERATION") };
    let expected = Some(last(first));
    let set = served.set_as("moderator", name, "staying-safe", "adequate", why, expected).await;
    let set = set.unwrap().position;
    let order = erase_wholly(&served.clients(), set, "rationale").await;
    let asked = records_of(&served.clients(), &["RedactionRequested"]).await;
    (set, order, asked[0].record.as_ref().unwrap().position)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_may_withhold_a_record_whose_text_was_erased_and_the_orders_to_erase_it() {
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let name = served.open("apa-2006").await;
    let (set, order, asked) = erased(&served, &name).await;
    let clients = served.clients();
    let key = key_of(&ground.path);
    for (withheld, redacted) in [
        (vec![], 1),
        // What was erased is not kept back: nobody has it.
        (vec![exempt(set, "rationale", "s.40")], 1),
        (vec![exempt(asked, "", "s.40")], 1),
        (vec![exempt(set, "", "s.40")], 0),
        (vec![exempt(set, "", "s.40"), exempt(order, "", "s.40")], 0),
    ] {
        let folder = TempDir::new().unwrap();
        let request = pb::ExportCaseRequest {
            exemptions: withheld.clone(),
            ..case_of(&name, pb::CaseKind::InformationRequest)
        };
        export_case(&clients, request, folder.path()).await;
        let report = Folder::Case.verify(folder.path(), std::slice::from_ref(&key));
        let report = report.unwrap_or_else(|wrong| panic!("{withheld:?}: {wrong}"));
        assert_eq!((report.texts.redacted, report.texts.withheld), (redacted, 0), "{withheld:?}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_does_not_withhold_the_order_that_explains_why_a_text_of_it_is_gone() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let (set, order, _) = erased(&served, &name).await;
    let clients = served.clients();
    let request = pb::ExportCaseRequest {
        exemptions: vec![exempt(order, "", "s.40")],
        ..case_of(&name, pb::CaseKind::InformationRequest)
    };
    let refused = evidence(&clients, "auditor").export_case(request).await.unwrap_err();
    assert_eq!(reason_of(&refused).0, "INVALID_REQUEST");
    let said = format!("record {order} orders to erase a text of record {set}");
    assert!(refused.message().contains(&said), "{}", refused.message());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_framework_whose_rationale_was_erased_explains_a_case_all_the_same() {
    let served = Served::start().await;
    let request = pb::GetFrameworkRequest { name: "frameworks/apa/versions/2006".to_owned() };
    let mut framework =
        served.frameworks("admin").get_framework(request).await.unwrap().into_inner();
    framework.name = "frameworks/apa/versions/2006-b".to_owned();
    let register = pb::RegisterFrameworkRequest {
        act: Some(pb::Act { rationale: "as a child said".to_owned(), ..act() }),
        framework: Some(framework.clone()),
        ..pb::RegisterFrameworkRequest::default()
    };
    let registered = served.frameworks("admin").register_framework(register).await;
    let registered = registered.unwrap().into_inner().position;
    erase_wholly(&served.clients(), registered, "rationale").await;
    let name = served.open_under("apa-2006-b", &framework.name, "2006").await;
    let folder = TempDir::new().unwrap();
    export_case(&served.clients(), case_of(&name, pb::CaseKind::Court), folder.path()).await;
    let report = Folder::Case.verify(folder.path(), &[]).unwrap();
    assert_eq!(report.texts.redacted, 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_of_a_story_verifies_right_after_an_export_of_the_whole() {
    // Records of other streams lie between, and handings out among them.
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let clients = served.clients();
    let story = Story::tell(&clients, &ground.path).await;
    let folder = TempDir::new().unwrap();
    super::export_whole(&clients, "the audit", &folder.path().join("whole")).await;
    for number in 0..2 {
        let case = folder.path().join(format!("case-{number}"));
        export_case(&clients, case_of(&story.name, pb::CaseKind::Court), &case).await;
        Folder::Case.verify(&case, &[key_of(&ground.path)]).unwrap();
        let copied = Copied::of(&case);
        copied.remove("checkpoint");
        assert!(Folder::Case.verify(copied.path(), &[]).is_err());
    }
    served.stop().await;
}
