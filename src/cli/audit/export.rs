//! Exports: all rows of a query, a page at a time, behind a line that says what they are.

use serde_json::json;

use super::{AuditFlags, count, page, request, sheet};
use crate::{
    cli::{client::Client, failure::Failure, json, output::Output, wording},
    pb,
};

/// What was asked, and of which moment the answer is: enough to ask it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) filter: String,
    pub(super) order: &'static str,
    pub(super) position: u64,
    /// When that was recorded, in UTC.
    pub(super) recorded_at: String,
    pub(super) limit: Option<u32>,
}

/// How an export is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Export {
    begin: fn(&Statement) -> Result<Vec<u8>, Failure>,
    rows: fn(&[pb::AuditRow]) -> Result<Vec<u8>, Failure>,
}

impl Export {
    /// A JSON object a line.
    pub(super) fn lines() -> Self {
        Self { begin: |statement| Ok(statement_line(statement)), rows: row_lines }
    }

    /// For spreadsheets.
    pub(super) fn sheet() -> Self {
        Self { begin: sheet::begin, rows: sheet::rows }
    }
}

/// Writes an export. No more than one page of it is held in memory.
pub(super) async fn run(
    flags: &AuditFlags,
    client: &Client,
    export: Export,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut request = request(flags);
    let mut left = flags.limit;
    let mut begun = false;
    loop {
        let page = page(client, &mut request, left).await?;
        if !begun {
            let read = page.read.ok_or(Failure::Unexpected { what: "moment" })?;
            output.write(&(export.begin)(&statement(flags, &request.expression, &read))?)?;
            begun = true;
        }
        output.write(&(export.rows)(&page.rows)?)?;
        left = left.map(|left| left.saturating_sub(count(&page)));
        if left == Some(0) || request.page_token.is_empty() {
            return Ok(());
        }
    }
}

fn statement(flags: &AuditFlags, filter: &str, read: &pb::ReadToken) -> Statement {
    Statement {
        filter: filter.to_owned(),
        order: flags.order.as_str(),
        position: read.position,
        recorded_at: wording::instant(read.recorded_at.as_ref()),
        limit: flags.limit,
    }
}

fn statement_line(statement: &Statement) -> Vec<u8> {
    let Statement { filter, order, position, recorded_at, limit } = statement;
    let export = json!({
        "export": {
            "filter": filter,
            "order": order,
            "knownAtPosition": position.to_string(),
            "knownAtTime": recorded_at,
            "limit": limit,
        }
    });
    format!("{export}\n").into_bytes()
}

fn row_lines(rows: &[pb::AuditRow]) -> Result<Vec<u8>, Failure> {
    let mut lines = String::new();
    for row in rows {
        lines.push_str(&json::line(row)?);
        lines.push('\n');
    }
    Ok(lines.into_bytes())
}
