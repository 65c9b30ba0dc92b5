//! What readers and auditors are told: all that was recorded, marked as what it is.

use judgement_ledger::pb;
use tonic_types::StatusExt as _;

use crate::{
    served::{Served, act, assessment, date, explained, last, present},
    story::{Telling, assessment_of, tell},
};

const SAFE: &str = "staying-safe";
const HEALTHY: &str = "being-healthy";
const ENJOYING: &str = "enjoying-and-achieving";

/// The positions of the rows that a filter finds, oldest first.
async fn found(served: &Served, filter: pb::AuditFilter) -> Vec<u64> {
    rows(served, filter).await.iter().map(|row| row.position).collect()
}

async fn rows(served: &Served, filter: pb::AuditFilter) -> Vec<pb::AuditRow> {
    let request = pb::QueryAuditRequest {
        filter: Some(filter),
        order: pb::AuditOrder::OldestFirst.into(),
        ..pb::QueryAuditRequest::default()
    };
    served.audits().query_audit(request).await.unwrap().into_inner().rows
}

async fn revise(
    served: &Served,
    name: &str,
    last_at: u64,
    (entry, revision): (&str, pb::revise_entry_request::Revision),
) -> pb::Receipt {
    let request = pb::ReviseEntryRequest {
        assessment: name.to_owned(),
        act: Some(explained("CLERICAL_ERROR")),
        entry_id: entry.to_owned(),
        revision: Some(revision),
        expected: Some(last(last_at)),
        ..pb::ReviseEntryRequest::default()
    };
    served.assessments("inspector").revise_entry(request).await.unwrap().into_inner()
}

fn narrative(area: &str, said: &str) -> pb::EntryContent {
    pb::EntryContent {
        kind: pb::EntryKind::Narrative.into(),
        section: area.to_owned(),
        area: area.to_owned(),
        order: 1,
        text: Some(present(said)),
        ..pb::EntryContent::default()
    }
}

#[tokio::test]
async fn an_area_is_found_by_all_that_was_said_of_it_and_taken_back() {
    use pb::revise_entry_request::Revision::{Content, Strike};
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let graded = served.award(&name, SAFE, "good").await.position;
    let written = served.narrate(&name, SAFE, "Children are safe.").await.unwrap().position;
    let moved = Content(narrative(HEALTHY, "Children are well."));
    let moved = revise(&served, &name, written, ("nar-staying-safe", moved)).await.position;
    let struck = revise(&served, &name, moved, ("nar-staying-safe", Strike(true))).await.position;

    let check = async |served: &Served| {
        for (area, expected) in
            [(SAFE, vec![graded, written, moved]), (HEALTHY, vec![moved, struck])]
        {
            let area_alone = pb::AuditFilter { area: area.to_owned(), ..Default::default() };
            let here = pb::AuditFilter { assessment: name.clone(), ..area_alone.clone() };
            let concept = pb::AuditFilter { concept: format!("ecm.{area}"), ..Default::default() };
            let both = pb::AuditFilter { concept: format!("ecm.{area}"), ..here.clone() };
            for filter in [area_alone, here, concept, both] {
                assert_eq!(found(served, filter.clone()).await, expected, "{filter:?}");
            }
        }
        let nowhere = pb::AuditFilter { area: ENJOYING.to_owned(), ..Default::default() };
        assert!(found(served, nowhere).await.is_empty(), "nothing was said of it");
        let history = served.history(&name, SAFE).await;
        let history: Vec<_> = history.iter().map(|row| row.position).collect();
        assert_eq!(history, [graded], "the history of a grade has grades alone");
    };
    check(&served).await;
    let served = served.without_views().await;
    check(&served).await;
    served.stop().await;
}

#[tokio::test]
async fn a_row_tells_a_strike_from_a_rewording() {
    use pb::revise_entry_request::Revision::{Content, Strike};
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let written = served.narrate(&name, SAFE, "Children are save.").await.unwrap().position;
    let reworded = Content(narrative(SAFE, "Children are safe."));
    let reworded = revise(&served, &name, written, ("nar-staying-safe", reworded)).await.position;
    revise(&served, &name, reworded, ("nar-staying-safe", Strike(true))).await;
    let filter = pb::AuditFilter { area: SAFE.to_owned(), ..Default::default() };
    let told = rows(&served, filter).await;
    let told: Vec<_> = told.iter().map(|row| (row.event.as_str(), row.struck)).collect();
    let expected = [("EntryRecorded", false), ("EntryRevised", false), ("EntryRevised", true)];
    assert_eq!(told, expected);
    served.stop().await;
}

/// The circumstances of what a records officer reads in the printed letter.
fn transcribed(day: i32) -> pb::Act {
    let source = "the letter as printed".to_owned();
    pb::Act {
        decided_on: Some(date(2006, 9, day)),
        transcription: Some(pb::Transcription { source, ..pb::Transcription::default() }),
        ..act()
    }
}

const GRADES: [(&str, &str); 8] = [
    ("childrens-services", "3"),
    ("capacity-to-improve", "3"),
    ("social-care", "3"),
    (HEALTHY, "good"),
    (SAFE, "good"),
    (ENJOYING, "adequate"),
    ("making-a-positive-contribution", "good"),
    ("achieving-economic-well-being", "adequate"),
];

/// A letter entered later: graded on the 11th, locked on the 20th, signed for Ofsted on the 15th
/// and for CSCI on the 21st, if its printed dates are believed, published on the 22nd. Answers the
/// assessment's name and the positions of the signatures.
async fn history_entered_later(served: &Served) -> (String, [u64; 2]) {
    served.at("2006-11-20T09:00:00Z");
    let name = served.open("apa-2006").await;
    let mut officer = served.assessments("officer");
    for (area, grade) in GRADES {
        let request = served.set_request(&name, area, grade, transcribed(11), None);
        officer.set_grade(request).await.unwrap();
    }
    let entry = pb::RecordEntryRequest {
        assessment: name.clone(),
        act: Some(transcribed(12)),
        entry_id: "n1".to_owned(),
        content: Some(narrative(SAFE, "Children are safe.")),
        ..Default::default()
    };
    officer.record_entry(entry).await.unwrap();
    let full = pb::AssessmentContent::Full.into();
    let read = served.get(pb::GetAssessmentRequest { content: full, ..assessment(&name) }).await;
    let any = pb::RevisionExpectation { state: Some(pb::revision_expectation::State::Any(true)) };
    let lock = pb::LockAssessmentRequest {
        assessment: name.clone(),
        act: Some(transcribed(20)),
        digest: read.digest.clone(),
        expected: Some(any),
        ..Default::default()
    };
    officer.lock_assessment(lock).await.unwrap();
    let mut signed = [0, 0];
    for (at, (organisation, day)) in signed.iter_mut().zip([("ofsted", 15), ("csci", 21)]) {
        let signature =
            pb::Signature { name: Some(present("A Signatory")), ..pb::Signature::default() };
        let request = pb::SignOffAssessmentRequest {
            assessment: name.clone(),
            act: Some(transcribed(day)),
            organisation: organisation.to_owned(),
            edition: 1,
            digest: read.digest.clone(),
            signature: Some(signature),
            ..Default::default()
        };
        *at = officer.sign_off_assessment(request).await.unwrap().into_inner().position;
    }
    let publish = pb::PublishAssessmentRequest {
        assessment: name.clone(),
        act: Some(transcribed(22)),
        edition: 1,
        letter_date: Some(date(2006, 9, 22)),
        expected: Some(any),
        ..Default::default()
    };
    officer.publish_assessment(publish).await.unwrap();
    (name, signed)
}

#[tokio::test]
async fn a_signature_is_found_by_the_organisation_it_is_of() {
    let served = Served::start().await;
    let (_, [ofsted, csci]) = history_entered_later(&served).await;
    let signatures = pb::AuditFilter { event: "SignedOff".to_owned(), ..Default::default() };
    let told = rows(&served, signatures.clone()).await;
    let told: Vec<_> = told.iter().map(|row| (row.position, row.signed_for.as_str())).collect();
    assert_eq!(told, [(ofsted, "ofsted"), (csci, "csci")]);
    // A records officer of Ofsted entered both.
    let of_csci = pb::AuditFilter { organisation: "csci".to_owned(), ..signatures };
    assert_eq!(found(&served, of_csci).await, [csci]);
    served.stop().await;
}

#[tokio::test]
async fn history_entered_later_is_marked_wherever_it_is_answered() {
    let served = Served::start().await;
    let (name, _) = history_entered_later(&served).await;
    let full = pb::AssessmentContent::Full.into();
    let read = served.get(pb::GetAssessmentRequest { content: full, ..assessment(&name) }).await;
    assert_eq!(read.judgements.len(), 8);
    assert!(read.judgements.iter().all(|it| it.transcribed));
    let marked: Vec<_> =
        read.entries.iter().map(|it| (it.entry_id.as_str(), it.transcribed)).collect();
    assert_eq!(marked, [("n1", true)]);
    let marked: Vec<_> =
        read.signatures.iter().map(|it| (it.organisation.as_str(), it.transcribed)).collect();
    assert_eq!(marked, [("csci", true), ("ofsted", true)]);

    let witnessed = served.open_under("apa-2005", "frameworks/apa/versions/2005", "2005").await;
    served.narrate(&witnessed, SAFE, "Children are safe.").await.unwrap();
    let request = pb::GetAssessmentRequest { content: full, ..assessment(&witnessed) };
    let read = served.get(request).await;
    let marked: Vec<_> = read.entries.iter().map(|it| it.transcribed).collect();
    assert_eq!(marked, [false]);
    served.stop().await;
}

#[tokio::test]
async fn what_sources_state_keeps_the_order_in_which_an_edition_came_about() {
    use pb::AssessmentState::{Locked, Open, Published};
    let served = Served::start().await;
    let (name, signed) = history_entered_later(&served).await;
    let stated = async |day: i32| {
        let full = pb::AssessmentContent::Full.into();
        let stated_at = Some(date(2006, 9, day));
        let request = pb::GetAssessmentRequest { content: full, stated_at, ..assessment(&name) };
        let read = served.get(request).await;
        let signatures: Vec<_> = read.signatures.iter().map(|it| it.position).collect();
        (read.state(), read.judgements.len(), read.entries.len(), signatures)
    };
    let [ofsted, csci] = signed;
    assert_eq!(stated(10).await, (Open, 0, 0, vec![]));
    assert_eq!(stated(11).await, (Open, 8, 0, vec![]));
    assert_eq!(stated(20).await, (Locked, 8, 1, vec![ofsted]), "it was dated before the lock");
    assert_eq!(stated(22).await, (Published, 8, 1, vec![csci, ofsted]));
    served.stop().await;
}

/// A client that takes no message above 4 MiB, as most do unless told otherwise.
#[tokio::test]
async fn a_letter_of_any_size_is_read_page_by_page_and_all_pages_are_of_one_moment() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let mut inspector = served.assessments("inspector");
    let count = 100;
    let write = |number: u32| pb::RecordEntryRequest {
        assessment: name.clone(),
        act: Some(act()),
        entry_id: format!("n{number:03}"),
        content: Some(pb::EntryContent { order: number, ..narrative(SAFE, &"x".repeat(60_000)) }),
        ..Default::default()
    };
    for number in 0..count {
        inspector.record_entry(write(number)).await.unwrap();
    }
    let full = pb::GetAssessmentRequest {
        content: pb::AssessmentContent::Full.into(),
        ..assessment(&name)
    };
    let mut auditor = served.assessments("auditor");
    let first = auditor.get_assessment(full.clone()).await.unwrap().into_inner();
    assert!(!first.next_page_token.is_empty());
    let mut ids: Vec<_> = first.entries.iter().map(|it| it.entry_id.clone()).collect();
    let mut page_token = first.next_page_token.clone();
    // What comes later is not of this moment.
    inspector.record_entry(write(count)).await.unwrap();
    while !page_token.is_empty() {
        let next = pb::GetAssessmentRequest { page_token, ..full.clone() };
        let next = auditor.get_assessment(next).await.unwrap().into_inner();
        assert_eq!((next.read, &next.digest), (first.read, &first.digest));
        ids.extend(next.entries.iter().map(|it| it.entry_id.clone()));
        page_token = next.next_page_token;
    }
    assert_eq!(ids, (0..count).map(|number| format!("n{number:03}")).collect::<Vec<_>>());

    let of_three = pb::GetAssessmentRequest { page_size: 3, ..full.clone() };
    let few = auditor.get_assessment(of_three).await.unwrap().into_inner();
    assert_eq!(few.entries.len(), 3);
    let other =
        pb::GetAssessmentRequest { page_token: few.next_page_token.clone(), edition: 1, ..full };
    let refused = auditor.get_assessment(other).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "a token is of one request alone");
    served.stop().await;
}

/// Answers of grades are kept and given again: never another revision's, day's or reader's.
#[tokio::test]
async fn grades_are_those_of_the_revision_the_day_and_the_reader() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let words = |read: &pb::Assessment| -> Vec<String> {
        read.judgements.iter().map(|it| it.award.clone().unwrap().word).collect()
    };
    let first = served.award(&name, SAFE, "good").await.position;
    for _ in 0..2 {
        assert_eq!(words(&served.get(assessment(&name)).await), ["good"]);
    }
    served.at("2006-10-12T10:00:00Z");
    let second = served.moderate(&name, SAFE, "adequate", first).await.position;
    for _ in 0..2 {
        let read = served.get(assessment(&name)).await;
        assert_eq!(
            (words(&read), read.read.unwrap().position),
            (vec!["adequate".to_owned()], second)
        );
    }
    // A record elsewhere moves the moment and nothing else.
    let elsewhere = served.open_under("apa-2005", "frameworks/apa/versions/2006", "2005").await;
    let later = served.award(&elsewhere, SAFE, "good").await.position;
    let read = served.get(assessment(&name)).await;
    assert_eq!((words(&read), read.read.unwrap().position), (vec!["adequate".to_owned()], later));

    let day = Some(date(2006, 9, 30));
    let before = pb::GetAssessmentRequest { effective_at: day, ..assessment(&name) };
    assert!(served.get(before).await.judgements.is_empty(), "nothing held on that day yet");
    let known_at = Some(pb::get_assessment_request::KnownAt::KnownAtPosition(first));
    let known = pb::GetAssessmentRequest { known_at, ..assessment(&name) };
    assert_eq!(words(&served.get(known).await), ["good"]);

    // The letter that a story publishes, read by an auditor and by its public in turn.
    let telling = Telling { long_text_bytes: 10, evidence: 0 };
    tell(&served.clients(), 0, telling).await;
    let published = pb::GetAssessmentRequest {
        view: pb::AssessmentView::Published.into(),
        ..assessment(&assessment_of(0))
    };
    let areas = async |login| -> Vec<String> {
        let read = served.assessments(login).get_assessment(published.clone()).await.unwrap();
        read.into_inner().judgements.into_iter().map(|it| it.area).collect()
    };
    let (all, shown) = (areas("auditor").await, areas("consumer").await);
    assert!(!shown.is_empty() && shown.len() < all.len(), "{shown:?} of {all:?}");
    assert_eq!((areas("auditor").await, areas("consumer").await), (all, shown));
    served.stop().await;
}

#[tokio::test]
async fn grades_come_without_pages() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let page_of = |page_size: i32, token: &str| pb::GetAssessmentRequest {
        page_size,
        page_token: token.to_owned(),
        ..assessment(&name)
    };
    for (request, field) in [(page_of(3, ""), "page_size"), (page_of(0, "1"), "page_token")] {
        let refused = served.assessments("auditor").get_assessment(request).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field);
    }
    served.stop().await;
}
