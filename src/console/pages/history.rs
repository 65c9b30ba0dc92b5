//! How the grades of an assessment came about: a picture, and the same as a table.

use askama::Template;
use axum::extract::Path;
use serde::Deserialize;

use super::{
    Frame, GATHERED_MAX, PAGE_MAX, Read, Shown, assessment_at, framework, happened, page_of,
    picture::Picture,
    rows::{Row, details},
    shown, subject, subject_of, too_long,
};
use crate::{
    console::{
        asked::Query,
        fault::Fault,
        moment::{self, Moment},
        visitor::Visitor,
    },
    pb::{self, get_grade_history_request::KnownAt},
    wording::{label, rows::stream},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    area: String,
    known_at: String,
}

#[derive(Template)]
#[template(path = "history.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    here: String,
    short: String,
    title: String,
    area: String,
    asked: Asked,
    read: Read,
    picture: Picture,
    rows: Vec<(Row, Vec<(&'static str, String)>)>,
}

/// Shows it.
pub(in crate::console) async fn page(
    visitor: Visitor,
    Path((of, named)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let name = assessment_at(&of, &named)?;
    let asked_at = moment::Asked { known_at: asked.known_at.clone(), ..moment::Asked::default() };
    let moment = Moment::read(&asked_at)?;
    let (rows, read) = changes(&visitor, &name, &asked.area, &moment).await?;
    let events = happened(&visitor, &name, &moment).await?;
    let request = pb::GetAssessmentRequest { name: name.clone(), ..Default::default() };
    let pinned = visitor.assessments().get_assessment(request).await?.into_inner().framework;
    let framework = framework(&visitor, &pinned).await?;
    let read = Read::of(read.as_ref());
    let subject = subject(&visitor, subject_of(&name), &read).await?;
    let area = framework.areas.iter().find(|it| it.id == asked.area);
    let area = area.map(|it| label(&it.label)).unwrap_or_default();
    let title = format!("{} – grade history", subject.display_name);
    shown(&Page {
        frame: Frame::new(title, Some(&visitor)),
        here: page_of(&name),
        short: stream(&name),
        title: subject.display_name,
        area,
        asked,
        read,
        picture: Picture::of(&rows, &events, &framework),
        rows: rows.iter().map(|row| (Row::of(row), details(row))).collect(),
    })
}

/// The changes of one area, or of all, oldest first.
async fn changes(
    visitor: &Visitor,
    assessment: &str,
    area: &str,
    moment: &Moment,
) -> Result<(Vec<pb::AuditRow>, Option<pb::ReadToken>), Fault> {
    let mut request = pb::GetGradeHistoryRequest {
        assessment: assessment.to_owned(),
        area: area.to_owned(),
        known_at: moment.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
        page_size: PAGE_MAX,
        ..pb::GetGradeHistoryRequest::default()
    };
    let mut rows = Vec::new();
    for _ in 0..GATHERED_MAX {
        let answer = visitor.audits().get_grade_history(request.clone()).await?.into_inner();
        rows.extend(answer.rows);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return Ok((rows, answer.read));
        }
    }
    Err(too_long("judgement-ledger history"))
}
