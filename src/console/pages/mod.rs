//! The pages: what each asks the services, and what it shows of the answers.

pub(super) mod assessment;
pub(super) mod audit;
pub(super) mod compare;
pub(super) mod framework;
pub(super) mod history;
pub(super) mod home;
pub(super) mod letter;
mod picture;
pub(super) mod record;
mod rows;
pub(super) mod sign_in;
pub(super) mod stream;
pub(super) mod subject;

use askama::Template;
use axum::response::Html;

use super::{fault::Fault, moment::Moment, visitor::Visitor};
use crate::{
    judgement::AssessmentId,
    pb::{self, query_audit_request::KnownAt},
    wording::{self, time},
};

/// The most that a page asks for at once.
const PAGE_MAX: i32 = 1_000;

/// How many pages of answers one page of the console may gather: some MiB, since it is made in memory.
const GATHERED_MAX: usize = 8;

/// What stands around every page.
pub(super) struct Frame {
    title: String,
    visitor: Option<Named>,
    /// Whether the way to other pages is shown to whom nobody knows.
    leads_on: bool,
}

/// Who is signed in.
struct Named {
    login: String,
    acting: String,
    form_token: Option<String>,
}

impl Frame {
    /// Around a page of this title.
    pub(super) fn new(title: impl Into<String>, visitor: Option<&Visitor>) -> Self {
        let visitor = visitor.map(|it| Named {
            login: it.login.clone(),
            acting: format!("{}, {}", it.roles.join(", "), it.organisation),
            form_token: it.form_token.clone(),
        });
        Self { title: title.into(), visitor, leads_on: false }
    }

    /// Around a page that says why there is no other.
    pub(super) fn of_fault() -> Self {
        Self { title: "Not shown".to_owned(), visitor: None, leads_on: true }
    }
}

/// A page that says why there is no other.
#[derive(Template)]
#[template(path = "fault.html", config = "src/console/askama.toml")]
pub(super) struct FaultPage {
    pub(super) frame: Frame,
    pub(super) said: String,
    pub(super) details: Vec<String>,
    pub(super) advice: &'static str,
}

/// A page, or that it cannot be written.
pub(super) type Shown = Result<Html<String>, Fault>;

fn shown(page: &impl Template) -> Shown {
    Ok(Html(page.render()?))
}

/// A resource name as the address of its page.
fn page_of(name: &str) -> String {
    format!("{}/{name}", crate::rpc::PAGES)
}

/// The assessment that an address names.
fn assessment_at(subject: &str, assessment: &str) -> Result<String, Fault> {
    let name = format!("subjects/{subject}/assessments/{assessment}");
    let parsed = AssessmentId::parse(&name);
    parsed.map(|id| id.to_string()).map_err(|error| Fault::Asked(error.to_string()))
}

/// The moment that an answer reflects, in words, and how it is asked for again.
struct Read {
    position: u64,
    at: String,
}

impl Read {
    fn of(token: Option<&pb::ReadToken>) -> Self {
        let position = token.map_or(0, |it| it.position);
        Self { position, at: time(token.and_then(|it| it.recorded_at.as_ref())) }
    }
}

/// A framework; what it says is registered reference data, for everybody.
async fn framework(visitor: &Visitor, name: &str) -> Result<pb::Framework, Fault> {
    let request = pb::GetFrameworkRequest { name: name.to_owned() };
    Ok(visitor.frameworks().get_framework(request).await?.into_inner())
}

/// A subject, as it was called when so many records were there.
async fn subject(visitor: &Visitor, name: &str, read: &Read) -> Result<pb::Subject, Fault> {
    let request = pb::GetSubjectRequest {
        name: name.to_owned(),
        known_at_position: read.position,
        ..pb::GetSubjectRequest::default()
    };
    Ok(visitor.frameworks().get_subject(request).await?.into_inner())
}

/// The subject's resource name in an assessment's.
fn subject_of(assessment: &str) -> &str {
    assessment.split_once("/assessments/").map_or(assessment, |(subject, _)| subject)
}

/// What an assessment is called: its subject, its framework and its cycle.
fn titled(subject: &pb::Subject, assessment: &pb::Assessment) -> String {
    let framework = wording::rows::stream(&assessment.framework);
    format!("{} – {framework}, cycle {}", subject.display_name, assessment.cycle)
}

/// What happened to an assessment beside its entries, oldest first, as known at a moment.
async fn happened(
    visitor: &Visitor,
    assessment: &str,
    moment: &Moment,
) -> Result<Vec<pb::AuditRow>, Fault> {
    let expression = "NOT event = EntryRecorded AND NOT event = EntryRevised".to_owned();
    let filter = pb::AuditFilter { assessment: assessment.to_owned(), ..Default::default() };
    let mut request = pb::QueryAuditRequest {
        filter: Some(filter),
        expression,
        order: pb::AuditOrder::OldestFirst.into(),
        page_size: PAGE_MAX,
        known_at: moment.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
        ..pb::QueryAuditRequest::default()
    };
    let mut rows = Vec::new();
    for _ in 0..GATHERED_MAX {
        let answer = visitor.audits().query_audit(request.clone()).await?.into_inner();
        rows.extend(answer.rows);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return Ok(rows);
        }
    }
    Err(too_long("judgement-ledger audit"))
}

/// A part would look like the whole, and hide what comes after it.
fn too_long(verb: &str) -> Fault {
    Fault::Asked(format!("there is more than fits on a page: {verb} shows all of it"))
}

/// Whether a refusal says no more than that something is not for this visitor.
fn is_hidden(status: &tonic::Status) -> bool {
    matches!(status.code(), tonic::Code::PermissionDenied | tonic::Code::NotFound)
}

/// Pairs as the query of an address; those without a value are left out.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let stated = pairs.iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(stated).finish();
    if query.is_empty() { query } else { format!("?{query}") }
}
