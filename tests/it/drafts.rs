//! Letters that somebody was shown or sent, as they were: drafts, and what was found mistaken since.
//! (Spec §4 `DraftShared`, `RecordCorrected`; §5 `RenderLetter`)

use judgement_ledger::pb::{self, render_letter_request::KnownAt, stated_correction::Field};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    editions::Editing,
    served::{Served, act, assessment, date, explained, last, present, reason_of},
};

const SAFE: &str = "staying-safe";
const CHILDREN: &str = "childrens-services";

async fn render(
    served: &Served,
    login: &str,
    request: pb::RenderLetterRequest,
) -> Result<pb::RenderLetterResponse, Status> {
    let answer = served.assessments(login).render_letter(request).await;
    answer.map(tonic::Response::into_inner)
}

fn draft(name: &str, draft: u32) -> pb::RenderLetterRequest {
    pb::RenderLetterRequest { name: name.to_owned(), draft, ..pb::RenderLetterRequest::default() }
}

fn edition(name: &str, edition: u32) -> pb::RenderLetterRequest {
    pb::RenderLetterRequest { name: name.to_owned(), edition, ..pb::RenderLetterRequest::default() }
}

async fn share(served: &Served, name: &str, audience: &str) -> pb::Receipt {
    let request = pb::ShareDraftRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        recipient: "the director of children's services".to_owned(),
        audience: audience.to_owned(),
        ..pb::ShareDraftRequest::default()
    };
    served.assessments("lead").share_draft(request).await.unwrap().into_inner()
}

/// Puts the text of an entry right that a record words.
async fn correct(served: &Served, name: &str, position: u64, said: &str) -> u64 {
    let wording = pb::Wording { text: Some(present(said)), ..pb::Wording::default() };
    let request = pb::CorrectRecordRequest {
        assessment: name.to_owned(),
        act: Some(explained("CLERICAL_ERROR")),
        position,
        to: Some(pb::StatedCorrection { field: Some(Field::Transcription(wording)) }),
        expected: Some(pb::Expectation { last: Some(pb::expectation::Last::Any(true)) }),
        ..pb::CorrectRecordRequest::default()
    };
    served.assessments("officer").correct_record(request).await.unwrap().into_inner().position
}

#[tokio::test]
async fn what_had_the_council_been_shown_and_when() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let name = editing.name.clone();
    served.at("2006-10-10T09:00:00Z");
    served.narrate(&name, SAFE, "Children are safe.").await.unwrap();
    let first = share(&served, &name, "addressee").await;
    let shown = render(&served, "auditor", draft(&name, 1)).await.unwrap();
    assert_eq!((shown.draft, shown.edition, shown.position), (1, 1, first.position));
    assert_eq!((shown.letter_date, shown.superseded_by), (None, 0));
    let notice = "> This is draft 1, as it was shared with the director of children's services on \
                  2006-10-10. It was not published.\n\n";
    assert!(shown.text.starts_with(notice), "{}", shown.text);
    assert!(shown.text.contains("Children are safe."), "{}", shown.text);

    served.at("2006-10-20T09:00:00Z");
    let stood = served.history(&name, CHILDREN).await.last().unwrap().position;
    let how = explained("FACTUAL_ACCURACY");
    let set = served.set_as("inspector", &name, CHILDREN, "4", how, Some(last(stood))).await;
    set.unwrap();
    share(&served, &name, "audit-commission").await;

    // Who gets grades alone was shown no letter.
    let grades = render(&served, "lead", draft(&name, 2)).await.unwrap();
    assert!(grades.text.contains("| 4 |\n") && !grades.text.contains("| 3 |\n"), "{grades:?}");
    assert!(!grades.text.contains("Children are safe."), "{}", grades.text);
    assert!(!grades.text.contains("Ms S Lock"), "{}", grades.text);

    // Publishing another state does not change what was shown.
    editing.published(1, date(2006, 11, 1)).await;
    let again = render(&served, "inspector", draft(&name, 1)).await.unwrap();
    assert_eq!(again.text, shown.text);
    let html = pb::RenderLetterRequest { format: pb::LetterFormat::Html.into(), ..draft(&name, 1) };
    let html = render(&served, "auditor", html).await.unwrap().text;
    assert!(html.contains("This is draft 1, as it was shared with the director"), "{html}");
    served.stop().await;
}

#[tokio::test]
async fn a_draft_is_for_who_sees_drafts_and_must_be_there() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let name = editing.name.clone();
    let before = served.head().await;
    share(&served, &name, "addressee").await;
    for login in ["council", "consumer"] {
        let refused = render(&served, login, draft(&name, 1)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{login}");
    }
    let not_yet = pb::RenderLetterRequest {
        known_at: Some(KnownAt::KnownAtPosition(before)),
        ..draft(&name, 1)
    };
    for (request, number) in [(draft(&name, 2), "draft-2"), (not_yet, "draft-1")] {
        let missing = render(&served, "auditor", request).await.unwrap_err();
        let (reason, metadata) = reason_of(&missing);
        assert_eq!((missing.code(), reason.as_str()), (Code::NotFound, "EDITION_NOT_FOUND"));
        assert_eq!(metadata["edition"], number);
    }
    let both = pb::RenderLetterRequest {
        edition: 1,
        recipient: "addressee".to_owned(),
        ..draft(&name, 1)
    };
    let refused = render(&served, "auditor", both).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["draft", "recipient"]);
    served.stop().await;
}

#[tokio::test]
async fn what_was_corrected_before_publication_is_printed_right_and_since_then_marked() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let name = editing.name.clone();
    let written = served.narrate(&name, SAFE, "Children are save.").await.unwrap().position;
    correct(&served, &name, written, "Children are safe.").await;
    editing.published(1, date(2006, 11, 1)).await;
    let sent = render(&served, "council", edition(&name, 1)).await.unwrap();
    assert!(sent.text.contains("\nChildren are safe.\n"), "{}", sent.text);
    assert!(!sent.text.contains("save"), "{}", sent.text);

    editing.reopen("publisher", "CLERICAL_ERROR").await.unwrap();
    let by = correct(&served, &name, written, "Most children are safe.").await;
    let marked = render(&served, "council", edition(&name, 1)).await.unwrap();
    let mark = format!("Children are safe. \\[corrected by record {by}\\]");
    assert_eq!(marked.text, sent.text.replace("Children are safe.", &mark));
    let then = pb::RenderLetterRequest {
        known_at: Some(KnownAt::KnownAtPosition(by - 1)),
        ..edition(&name, 1)
    };
    assert_eq!(render(&served, "council", then).await.unwrap().text, sent.text);
    editing.published(2, date(2006, 12, 1)).await;
    let next = render(&served, "council", edition(&name, 2)).await.unwrap();
    assert!(next.text.contains("\nMost children are safe.\n"), "{}", next.text);
    served.stop().await;
}

#[tokio::test]
async fn who_sees_what_is_published_sees_nothing_that_stood_or_was_said_before() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let name = editing.name.clone();
    let written = served.narrate(&name, SAFE, "A child is named.").await.unwrap().position;
    correct(&served, &name, written, "Children are safe.").await;
    let stood = served.history(&name, CHILDREN).await.last().unwrap().position;
    served.at("2006-10-20T09:00:00Z");
    let how = explained("FACTUAL_ACCURACY");
    let set = served.set_as("inspector", &name, CHILDREN, "4", how, Some(last(stood))).await;
    set.unwrap();
    editing.published(1, date(2006, 11, 1)).await;

    let published = pb::GetAssessmentRequest {
        view: pb::AssessmentView::Published.into(),
        content: pb::AssessmentContent::Full.into(),
        ..assessment(&name)
    };
    let day = Some(date(2006, 10, 11));
    let effective = pb::GetAssessmentRequest { effective_at: day, ..published.clone() };
    let stated = pb::GetAssessmentRequest { stated_at: day, ..published.clone() };
    let side = |effective_at, stated_at| pb::ComparedState {
        assessment: name.clone(),
        state: "edition-1".to_owned(),
        effective_at,
        stated_at,
        ..pb::ComparedState::default()
    };
    for login in ["council", "consumer"] {
        for asked in [&effective, &stated] {
            let refused = served.assessments(login).get_assessment(asked.clone()).await;
            assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied, "{login}");
        }
        for before in [side(day, None), side(None, day)] {
            let request = pb::CompareAssessmentsRequest {
                before: Some(before),
                after: Some(side(None, None)),
                ..pb::CompareAssessmentsRequest::default()
            };
            let refused = served.clients().reports(login).compare_assessments(request).await;
            assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied, "{login}");
        }
    }
    let seen = |login: &'static str| {
        let request = published.clone();
        let served = &served;
        async move { served.assessments(login).get_assessment(request).await.unwrap().into_inner() }
    };
    let (council, auditor) = (seen("council").await, seen("auditor").await);
    assert_eq!(council.entries[0].content, auditor.entries[0].content);
    assert_eq!(
        (council.entries[0].former.is_some(), auditor.entries[0].former.is_some()),
        (false, true)
    );
    let older = served.assessments("auditor").get_assessment(effective).await.unwrap();
    let grade_then = crate::served::grade(&older.into_inner(), CHILDREN);
    assert_eq!(grade_then, "3", "who sees all reads by days");
    served.stop().await;
}
