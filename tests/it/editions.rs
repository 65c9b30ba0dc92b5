//! Editions as clients see them: signed, objected to, opened again, published, withdrawn.

use judgement_ledger::pb::{self, revision_expectation::State};
use tonic::{Code, Status};

use crate::served::{
    SUBJECT, Served, act, assessment, date, explained, grade, last, present, reason_of, text, time,
};

const AREAS: [(&str, &str); 8] = [
    ("childrens-services", "3"),
    ("capacity-to-improve", "3"),
    ("social-care", "3"),
    ("being-healthy", "good"),
    ("staying-safe", "good"),
    ("enjoying-and-achieving", "adequate"),
    ("making-a-positive-contribution", "good"),
    ("achieving-economic-well-being", "adequate"),
];

/// Whatever the revision is.
#[expect(clippy::unnecessary_wraps, reason = "messages hold their expectations as options")]
pub fn any() -> Option<pb::RevisionExpectation> {
    Some(pb::RevisionExpectation { state: Some(State::Any(true)) })
}

/// What an edition of `name` needs before it is published, and the steps to it.
pub struct Editing<'s> {
    served: &'s Served,
    pub name: String,
}

impl<'s> Editing<'s> {
    /// An assessment with a grade of every area, under apa/2006.
    pub async fn graded(served: &'s Served) -> Self {
        let name = served.open("apa-2006").await;
        let editing = Self { served, name };
        for (area, grade) in AREAS {
            editing.served.award(&editing.name, area, grade).await;
        }
        editing
    }

    /// An assessment of 2005 with a grade of every area that is demanded.
    pub async fn of_2005(served: &'s Served) -> Self {
        let name = served.open_under("apa-2005", "frameworks/apa/versions/2005", "2005").await;
        let editing = Self { served, name };
        editing.award_demanded().await;
        editing
    }

    /// Awards a grade of every area that its framework demands.
    pub async fn award_demanded(&self) {
        for area in self.demanded().await {
            let in_words = area.scales.iter().any(|scale| scale.contains("words"));
            let grade = if in_words { "good" } else { "3" };
            self.served.award(&self.name, &area.id, grade).await;
        }
    }

    /// An assessment of any subject that is there, to go on with.
    pub fn of(served: &'s Served, name: &str) -> Self {
        Self { served, name: name.to_owned() }
    }

    /// The same, published.
    pub async fn published_2005(served: &'s Served) -> Self {
        let editing = Self::of_2005(served).await;
        editing.published(1, date(2005, 12, 1)).await;
        editing
    }

    /// The areas that its framework demands.
    async fn demanded(&self) -> Vec<pb::Area> {
        let name = self.served.get(assessment(&self.name)).await.framework;
        let request = pb::GetFrameworkRequest { name };
        let framework = self.served.frameworks("auditor").get_framework(request).await.unwrap();
        framework.into_inner().areas.into_iter().filter(|area| area.demanded).collect()
    }

    pub async fn digest(&self) -> bytes::Bytes {
        let content = pb::AssessmentContent::Full.into();
        let request = pb::GetAssessmentRequest { content, ..assessment(&self.name) };
        self.served.get(request).await.digest
    }

    pub async fn lock(&self) -> pb::Receipt {
        let request = pb::LockAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            digest: self.digest().await,
            expected: any(),
            ..pb::LockAssessmentRequest::default()
        };
        self.served.assessments("lead").lock_assessment(request).await.unwrap().into_inner()
    }

    pub async fn sign(&self, login: &str, edition: u32) -> Result<pb::Receipt, Status> {
        let request = pb::SignOffAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            organisation: login.to_owned(),
            edition,
            digest: self.digest().await,
            signature: Some(pb::Signature {
                name: Some(present("FLO HADLEY")),
                ..pb::Signature::default()
            }),
            ..pb::SignOffAssessmentRequest::default()
        };
        let signed = self.served.assessments(login).sign_off_assessment(request).await;
        signed.map(tonic::Response::into_inner)
    }

    pub async fn refuse(&self, login: &str, edition: u32) -> Result<pb::Receipt, Status> {
        let request = pb::RefuseSignOffRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            organisation: login.to_owned(),
            edition,
            digest: self.digest().await,
            objection: "social care is not 3".to_owned(),
            ..pb::RefuseSignOffRequest::default()
        };
        let refused = self.served.assessments(login).refuse_sign_off(request).await;
        refused.map(tonic::Response::into_inner)
    }

    pub fn publication(&self, edition: u32) -> pb::PublishAssessmentRequest {
        pb::PublishAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            edition,
            letter_date: Some(date(2006, 11, 1)),
            expected: any(),
            ..pb::PublishAssessmentRequest::default()
        }
    }

    pub async fn publish(&self, edition: u32) -> Result<pb::Receipt, Status> {
        let request = self.publication(edition);
        let published = self.served.assessments("publisher").publish_assessment(request).await;
        published.map(tonic::Response::into_inner)
    }

    /// Locks, signs as all who must, and publishes with this date on the letter.
    pub async fn published(&self, edition: u32, dated: pb::google::r#type::Date) -> pb::Receipt {
        self.signed(edition).await;
        let letter_date = Some(dated);
        let request = pb::PublishAssessmentRequest { letter_date, ..self.publication(edition) };
        let published = self.served.assessments("publisher").publish_assessment(request).await;
        published.unwrap().into_inner()
    }

    /// Locks and signs as all who must.
    pub async fn signed(&self, edition: u32) {
        self.lock().await;
        for signer in ["ofsted", "csci"] {
            match self.sign(signer, edition).await {
                Ok(_) => {}
                // Under one framework both sign; under another it is not there for one of them.
                Err(status) => assert_eq!(reason_of(&status).0, "ASSESSMENT_NOT_FOUND"),
            }
        }
    }

    pub async fn reopen(&self, login: &str, reason: &str) -> Result<pb::Receipt, Status> {
        let request = pb::ReopenAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(pb::Act { reason: reason.to_owned(), ..act() }),
            authority: "the chief inspector".to_owned(),
            reference: "minute 4".to_owned(),
            expected: any(),
            ..pb::ReopenAssessmentRequest::default()
        };
        let reopened = self.served.assessments(login).reopen_assessment(request).await;
        reopened.map(tonic::Response::into_inner)
    }

    pub async fn withdraw(&self, edition: u32) -> Result<pb::Receipt, Status> {
        let request = pb::WithdrawAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(explained("DATA_CORRECTED")),
            edition,
            expected: any(),
            ..pb::WithdrawAssessmentRequest::default()
        };
        let withdrawn = self.served.assessments("publisher").withdraw_assessment(request).await;
        withdrawn.map(tonic::Response::into_inner)
    }

    /// What somebody reads in a view of it.
    pub async fn read(&self, login: &str, request: pb::GetAssessmentRequest) -> pb::Assessment {
        self.served.assessments(login).get_assessment(request).await.unwrap().into_inner()
    }

    fn view(&self, view: pb::AssessmentView) -> pb::GetAssessmentRequest {
        pb::GetAssessmentRequest { view: view.into(), ..assessment(&self.name) }
    }

    fn public(&self) -> pb::GetAssessmentRequest {
        self.view(pb::AssessmentView::Published)
    }

    async fn rows(&self, event: &str) -> Vec<pb::AuditRow> {
        let filter = pb::AuditFilter {
            assessment: self.name.clone(),
            event: event.to_owned(),
            ..pb::AuditFilter::default()
        };
        let request = pb::QueryAuditRequest { filter: Some(filter), ..Default::default() };
        self.served.audits().query_audit(request).await.unwrap().into_inner().rows
    }
}

/// What holds of the subject of the tests under apa, as those are told who may see all.
pub async fn current(served: &Served) -> pb::CurrentAssessment {
    let name = SUBJECT.to_owned();
    let request = pb::GetSubjectRequest { name, ..pb::GetSubjectRequest::default() };
    let subject = served.frameworks("auditor").get_subject(request).await.unwrap().into_inner();
    let list = pb::ListAssessmentsRequest { parent: SUBJECT.to_owned(), ..Default::default() };
    let listed = served.assessments("auditor").list_assessments(list).await.unwrap().into_inner();
    assert_eq!(listed.current, subject.current, "told alike wherever it is asked");
    assert_eq!(subject.current.len(), 1);
    subject.current.into_iter().next().unwrap()
}

fn rated(assessment: &str, edition: u32, instead_of: &str) -> pb::CurrentAssessment {
    pb::CurrentAssessment {
        family: "apa".to_owned(),
        assessment: assessment.to_owned(),
        edition,
        not_rated: false,
        instead_of: instead_of.to_owned(),
    }
}

fn not_rated(instead_of: &str) -> pb::CurrentAssessment {
    pb::CurrentAssessment {
        family: "apa".to_owned(),
        not_rated: true,
        instead_of: instead_of.to_owned(),
        ..pb::CurrentAssessment::default()
    }
}

#[tokio::test]
async fn scenario_10_one_organisation_objects() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    editing.lock().await;
    let signed = editing.sign("ofsted", 1).await.unwrap();
    let status = editing.publish(1).await.unwrap_err();
    let (reason, metadata) = reason_of(&status);
    assert_eq!((reason.as_str(), metadata["missing"].as_str()), ("UNSIGNED", "csci"));

    let refused = editing.refuse("csci", 1).await.unwrap();
    let read = served.get(assessment(&editing.name)).await;
    assert_eq!((read.state(), read.edition), (pb::AssessmentState::Open, 1));
    let rows = editing.rows("SignedOff").await;
    assert_eq!(rows.len(), 1, "the signature stays in the history");
    assert_eq!((rows[0].position, rows[0].lapsed_by), (signed.position, refused.position));
    let rows = editing.rows("SignOffRefused").await;
    assert_eq!((rows[0].signed_for.as_str(), rows[0].edition), ("csci", 1));
    assert_eq!(text(&rows[0].objection), "social care is not 3");

    // Put right, the edition is signed anew by both.
    let act = explained("FACTUAL_ACCURACY");
    let at = served.history(&editing.name, "social-care").await[0].position;
    served
        .set_as("inspector", &editing.name, "social-care", "2", act, Some(last(at)))
        .await
        .unwrap();
    editing.lock().await;
    editing.sign("csci", 1).await.unwrap();
    let status = editing.publish(1).await.unwrap_err();
    assert_eq!(reason_of(&status).1["missing"], "ofsted", "what lapsed counts no more");
    editing.sign("ofsted", 1).await.unwrap();
    editing.publish(1).await.unwrap();
    served.stop().await;
}

#[tokio::test]
async fn scenario_10_who_has_signed_or_is_of_another_organisation_cannot_object() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let status = editing.refuse("csci", 1).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).0),
        (Code::FailedPrecondition, "NOT_LOCKED".into())
    );
    editing.lock().await;
    editing.sign("ofsted", 1).await.unwrap();
    let status = editing.refuse("ofsted", 1).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).0),
        (Code::AlreadyExists, "ALREADY_SIGNED".into())
    );
    let mut request = pb::RefuseSignOffRequest {
        assessment: editing.name.clone(),
        act: Some(act()),
        organisation: "csci".to_owned(),
        edition: 1,
        digest: editing.digest().await,
        objection: "no".to_owned(),
        ..pb::RefuseSignOffRequest::default()
    };
    let status = served.assessments("ofsted").refuse_sign_off(request.clone()).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "WRONG_ORGANISATION");
    request.objection.clear();
    let status = served.assessments("csci").refuse_sign_off(request).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "INVALID_REQUEST");
    served.stop().await;
}

#[tokio::test]
async fn scenario_11_nobody_signs_for_another_organisation() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    editing.lock().await;
    let head = served.head().await;
    for (login, organisation) in [("ofsted", "csci"), ("csci", "ofsted")] {
        let request = pb::SignOffAssessmentRequest {
            assessment: editing.name.clone(),
            act: Some(act()),
            organisation: organisation.to_owned(),
            edition: 1,
            digest: editing.digest().await,
            signature: Some(pb::Signature {
                name: Some(present("FLO HADLEY")),
                ..pb::Signature::default()
            }),
            ..pb::SignOffAssessmentRequest::default()
        };
        let status = served.assessments(login).sign_off_assessment(request).await.unwrap_err();
        let (reason, metadata) = reason_of(&status);
        assert_eq!(
            (status.code(), reason.as_str()),
            (Code::PermissionDenied, "WRONG_ORGANISATION")
        );
        assert_eq!(metadata["organisation"], organisation);
    }
    assert_eq!(served.head().await, head, "nothing was recorded");
    editing.sign("ofsted", 1).await.unwrap();
    served.stop().await;
}

#[tokio::test]
async fn editing_after_the_first_signature_needs_the_edition_to_be_opened_again() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    editing.lock().await;
    let signed = editing.sign("ofsted", 1).await.unwrap();
    let at = served.history(&editing.name, "social-care").await[0].position;
    let set =
        |act| served.set_as("inspector", &editing.name, "social-care", "2", act, Some(last(at)));
    let status = set(explained("FACTUAL_ACCURACY")).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "NOT_OPEN");
    let reopened = editing.reopen("lead", "FACTUAL_ACCURACY").await.unwrap();
    set(explained("FACTUAL_ACCURACY")).await.unwrap();
    let rows = editing.rows("SignedOff").await;
    assert_eq!((rows[0].position, rows[0].lapsed_by), (signed.position, reopened.position));
    let rows = editing.rows("AssessmentReopened").await;
    assert_eq!((rows[0].edition, rows[0].reason.as_str()), (1, "FACTUAL_ACCURACY"));
    assert_eq!(text(&rows[0].authority), "the chief inspector");
    assert_eq!(text(&rows[0].reference), "minute 4");
    let status = editing.reopen("lead", "FACTUAL_ACCURACY").await.unwrap_err();
    assert_eq!(reason_of(&status).0, "ALREADY_OPEN");
    served.stop().await;
}

#[tokio::test]
async fn scenario_14_what_is_changed_after_publication_is_read_once_the_next_edition_is_out() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    editing.published(1, date(2006, 11, 1)).await;
    served.at("2006-11-20T09:00:00Z");
    let seen = async || {
        let read = editing.read("consumer", editing.public()).await;
        (read.edition, grade(&read, "childrens-services"))
    };
    let status = editing.reopen("lead", "REPRESENTATION_UPHELD").await.unwrap_err();
    assert_eq!(reason_of(&status).0, "NOT_PERMITTED");
    let reopened = editing.reopen("publisher", "REPRESENTATION_UPHELD").await.unwrap();
    let at = served.history(&editing.name, "childrens-services").await[0].position;
    let act = explained("REPRESENTATION_UPHELD");
    let (area, expected) = ("childrens-services", Some(last(at)));
    served.set_as("inspector", &editing.name, area, "4", act, expected).await.unwrap();
    assert_eq!(seen().await, (1, "3".to_owned()), "until edition 2 is out");
    let working = served.get(assessment(&editing.name)).await;
    assert_eq!((working.edition, working.state()), (2, pb::AssessmentState::Open));
    assert_eq!(grade(&working, area), "4");

    let published = editing.published(2, date(2006, 12, 1)).await;
    assert!(published.position > reopened.position);
    assert_eq!(seen().await, (2, "4".to_owned()));
    let first = pb::GetAssessmentRequest { edition: 1, ..assessment(&editing.name) };
    let first = editing.read("consumer", first).await;
    assert_eq!((first.edition, grade(&first, area).as_str()), (1, "3"), "as it was");
    let editions: Vec<_> = first.editions.iter().map(|it| it.edition).collect();
    assert_eq!(editions, [1, 2], "it says that there is a later one");
    assert_eq!(current(&served).await, rated(&editing.name, 2, ""));
    served.stop().await;
}

#[tokio::test]
async fn scenario_15_what_is_withdrawn_falls_back_to_the_assessment_before() {
    let served = Served::start().await;
    let earlier = Editing::published_2005(&served).await;
    let editing = Editing::graded(&served).await;
    editing.published(1, date(2006, 11, 1)).await;
    assert_eq!(current(&served).await, rated(&editing.name, 1, ""));
    served.at("2006-11-20T09:00:00Z");
    let before = served.head().await;
    let withdrawn = editing.withdraw(1).await.unwrap();

    assert_eq!(current(&served).await, rated(&earlier.name, 1, &editing.name));
    let list = pb::ListAssessmentsRequest { parent: SUBJECT.to_owned(), ..Default::default() };
    for (login, by) in [("auditor", Some("publisher@ofsted")), ("consumer", None)] {
        let list = served.assessments(login).list_assessments(list.clone()).await.unwrap();
        let listed = list.into_inner().assessments;
        let names: Vec<_> = listed.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, [&earlier.name, &editing.name]);
        assert_eq!(listed[1].state(), pb::AssessmentState::Withdrawn);
        let marked = listed[1].editions[0].withdrawn.as_ref().unwrap();
        assert_eq!(marked.position, withdrawn.position);
        assert_eq!(marked.recorded_at, Some(time("2006-11-20T09:00:00Z")));
        assert_eq!(marked.reason, "DATA_CORRECTED");
        assert_eq!(
            (marked.recorder_organisation.as_str(), &marked.fallback),
            ("ofsted", &earlier.name)
        );
        let person = marked.recorded_by.as_ref().map(|it| text(&it.name).to_owned());
        assert_eq!(person.as_deref(), by, "{login}");
    }
    let rows = editing.rows("AssessmentWithdrawn").await;
    assert_eq!((rows[0].edition, &rows[0].fallback), (1, &earlier.name));
    assert_eq!(text(&rows[0].recorded_by.as_ref().unwrap().name), "publisher@ofsted");

    // What was known before is known for ever, and the views can be lost.
    let then = pb::get_assessment_request::KnownAt::KnownAtPosition(before);
    let then = pb::GetAssessmentRequest { known_at: Some(then), ..editing.public() };
    assert_eq!(grade(&editing.read("auditor", then).await, "childrens-services"), "3");
    let name = earlier.name.clone();
    let withdrawn_name = editing.name.clone();
    let served = served.without_views().await;
    assert_eq!(current(&served).await, rated(&name, 1, &withdrawn_name));
    served.stop().await;
}

#[tokio::test]
async fn the_first_assessment_ever_withdrawn_is_not_rated_and_not_not_found() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    assert_eq!(current(&served).await, not_rated(""));
    let subject = pb::GetSubjectRequest { name: SUBJECT.to_owned(), ..Default::default() };
    let told = async || {
        let told = served.frameworks("consumer").get_subject(subject.clone()).await;
        told.unwrap().into_inner().current
    };
    assert_eq!(told().await, [], "nobody outside learns that an assessment was begun");
    let status = editing.withdraw(1).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).0.as_str()),
        (Code::FailedPrecondition, "NOT_PUBLISHED")
    );
    editing.published(1, date(2006, 11, 1)).await;
    // Kept answers must not outlive what they say.
    let seen = editing.read("consumer", editing.public()).await;
    assert_eq!(seen.judgements.len(), 1);
    editing.withdraw(1).await.unwrap();

    assert_eq!(current(&served).await, not_rated(&editing.name));
    assert_eq!(told().await, [not_rated(&editing.name)]);
    let first = pb::GetAssessmentRequest { edition: 1, ..assessment(&editing.name) };
    let full = pb::AssessmentContent::Full.into();
    for request in [editing.public(), first.clone()] {
        let request = pb::GetAssessmentRequest { content: full, ..request };
        let read = editing.read("consumer", request).await;
        assert_eq!(read.state(), pb::AssessmentState::Withdrawn);
        assert!(read.judgements.is_empty() && read.entries.is_empty(), "{read:?}");
        assert!(read.digest.is_empty() && read.addressee.is_none(), "{read:?}");
        assert_eq!(read.editions[0].withdrawn.as_ref().unwrap().fallback, "");
    }
    let as_it_was = editing.read("auditor", first).await;
    assert_eq!(grade(&as_it_was, "childrens-services"), "3", "the edition can be shown as it was");
    let status = editing.withdraw(1).await.unwrap_err();
    assert_eq!(reason_of(&status).1["state"], "it was withdrawn");
    served.stop().await;
}

#[tokio::test]
async fn edition_1_is_withdrawn_while_edition_2_is_open() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    editing.published(1, date(2006, 11, 1)).await;
    editing.reopen("publisher", "COMPLAINT_UPHELD").await.unwrap();
    editing.withdraw(1).await.unwrap();
    assert_eq!(current(&served).await, not_rated(&editing.name));
    let working = served.get(assessment(&editing.name)).await;
    assert_eq!((working.edition, working.state()), (2, pb::AssessmentState::Open));
    let public = editing.read("consumer", editing.public()).await;
    assert_eq!((public.edition, public.state()), (1, pb::AssessmentState::Withdrawn));
    editing.published(2, date(2006, 12, 1)).await;
    assert_eq!(current(&served).await, rated(&editing.name, 2, ""));
    served.stop().await;
}

#[tokio::test]
async fn withdrawn_then_re_awarded() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    editing.published(1, date(2006, 11, 1)).await;
    editing.withdraw(1).await.unwrap();
    editing.reopen("publisher", "COURT_ORDER").await.unwrap();
    let at = served.history(&editing.name, "childrens-services").await[0].position;
    let (area, act) = ("childrens-services", explained("COURT_ORDER"));
    let again = served.set_as("inspector", &editing.name, area, "3", act, Some(last(at))).await;
    assert_eq!(again.unwrap().change(), pb::ChangeKind::Reaffirmed);
    editing.published(2, date(2006, 12, 1)).await;
    assert_eq!(current(&served).await, rated(&editing.name, 2, ""));
    let public = editing.read("consumer", editing.public()).await;
    assert_eq!((public.edition, grade(&public, area).as_str()), (2, "3"));
    let withdrawn: Vec<_> = public.editions.iter().map(|it| it.withdrawn.is_some()).collect();
    assert_eq!(withdrawn, [true, false]);
    served.stop().await;
}

#[tokio::test]
async fn a_withdrawal_states_what_it_falls_back_to_and_a_retry_is_known() {
    use pb::withdraw_assessment_request::Fallback::{AssessmentInstead, NotRated};

    let served = Served::start().await;
    let earlier = Editing::published_2005(&served).await;
    let editing = Editing::graded(&served).await;
    editing.published(1, date(2006, 11, 1)).await;
    let request = |fallback, act: &pb::Act| pb::WithdrawAssessmentRequest {
        assessment: editing.name.clone(),
        act: Some(act.clone()),
        edition: 1,
        fallback: Some(fallback),
        expected: any(),
        ..pb::WithdrawAssessmentRequest::default()
    };
    let same = explained("COURT_ORDER");
    let client = || served.assessments("publisher");
    for (fallback, reason) in [
        (
            AssessmentInstead("subjects/leicester-city/assessments/none".to_owned()),
            "FALLBACK_NOT_PUBLISHED",
        ),
        (AssessmentInstead(editing.name.clone()), "FALLBACK_NOT_PUBLISHED"),
        (AssessmentInstead("apa-2005".to_owned()), "INVALID_REQUEST"),
        (NotRated(false), "INVALID_REQUEST"),
    ] {
        let withdrawn = client().withdraw_assessment(request(fallback, &same)).await;
        assert_eq!(reason_of(&withdrawn.unwrap_err()).0, reason);
    }
    let first = client().withdraw_assessment(request(NotRated(true), &same)).await.unwrap();
    assert_eq!(current(&served).await, not_rated(&editing.name), "though 2005 is in force");
    let again = client().withdraw_assessment(request(NotRated(true), &same)).await.unwrap();
    let first = first.into_inner();
    assert_eq!(again.into_inner(), pb::Receipt { replayed: true, ..first });
    let other = request(AssessmentInstead(earlier.name.clone()), &same);
    let status = client().withdraw_assessment(other).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "KEY_REUSED");
    served.stop().await;
}
