//! Searching what was recorded, across assessments.

use askama::Template;
use serde::Deserialize;

use super::{Frame, Read, Shown, query, rows::Row, shown};
use crate::{
    console::{
        asked::Query,
        fault::Fault,
        moment::{self, Moment},
        visitor::Visitor,
    },
    pb::{self, query_audit_request::KnownAt},
    rpc::PAGES,
};

/// Rows of a page.
const ROWS: i32 = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    filter: String,
    order: String,
    known_at: String,
    page_token: String,
}

#[derive(Template)]
#[template(path = "audit.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    asked: Asked,
    refused: Vec<String>,
    read: Option<Read>,
    rows: Vec<Row>,
    next: Option<String>,
    command: String,
    examples: [(&'static str, String); 5],
}

/// Searches; without a filter shows the newest records.
pub(in crate::console) async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Shown {
    let at = moment::Asked { known_at: asked.known_at.clone(), ..moment::Asked::default() };
    let oldest = asked.order == "oldest-first";
    let order = if oldest { pb::AuditOrder::OldestFirst } else { pb::AuditOrder::NewestFirst };
    let request = pb::QueryAuditRequest {
        expression: asked.filter.trim().to_owned(),
        order: order.into(),
        page_size: ROWS,
        page_token: asked.page_token.clone(),
        known_at: Moment::read(&at)?.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
        ..pb::QueryAuditRequest::default()
    };
    let answer = visitor.audits().query_audit(request).await;
    let (found, refused) = match answer {
        Ok(answer) => (answer.into_inner(), Vec::new()),
        // A slip in the filter is put right where it was made.
        Err(status) if status.code() == tonic::Code::InvalidArgument => {
            (pb::QueryAuditResponse::default(), said(&status))
        }
        Err(status) => return Err(Fault::from(status)),
    };
    let next = (!found.next_page_token.is_empty()).then(|| {
        let asked = [
            ("filter", asked.filter.as_str()),
            ("order", &asked.order),
            ("known_at", &asked.known_at),
            ("page_token", &found.next_page_token),
        ];
        query(&asked)
    });
    shown(&Page {
        frame: Frame::new("Audit", Some(&visitor)),
        command: command(&asked, found.read.as_ref()),
        read: found.read.as_ref().map(|it| Read::of(Some(it))),
        rows: found.rows.iter().map(Row::of).collect(),
        refused,
        next,
        asked,
        examples: EXAMPLES.map(|(said, filter)| (said, filter.to_owned())),
    })
}

/// What auditors suspect, as filters.
const EXAMPLES: [(&str, &str); 5] = [
    ("Raised after somebody had signed", "change = RAISED AND after_signature = true"),
    ("Changed after a draft was shown", "event = GradeSet AND after_draft = true"),
    ("Changed in the last two days before publication", "hours_to_publication < 48"),
    ("Backdated by more than a week", "event = GradeSet AND backdated_days > 7"),
    ("Decided in moderation", "reason = MODERATION"),
];

fn said(status: &tonic::Status) -> Vec<String> {
    use tonic_types::StatusExt as _;
    let violations = status.get_details_bad_request().map(|it| it.field_violations);
    let violations = violations.unwrap_or_default();
    if violations.is_empty() {
        return vec![status.message().to_owned()];
    }
    violations.into_iter().map(|it| it.description).collect()
}

/// The same on the command line, as known then, for a spreadsheet.
fn command(asked: &Asked, read: Option<&pb::ReadToken>) -> String {
    let quoted = |it: &str| format!("'{}'", it.replace('\'', "'\\''"));
    let mut command = "judgement-ledger audit".to_owned();
    if !asked.filter.trim().is_empty() {
        command = format!("{command} --filter {}", quoted(asked.filter.trim()));
    }
    if asked.order == "oldest-first" {
        command.push_str(" --order oldest-first");
    }
    if let Some(read) = read {
        command = format!("{command} --known-at {}", read.position);
    }
    format!("{command} --format csv > audit.csv")
}

impl Page {
    fn link(filter: &str) -> String {
        format!("{PAGES}/audit{}", query(&[("filter", filter)]))
    }
}
