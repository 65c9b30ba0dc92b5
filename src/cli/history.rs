//! `history`: who changed which grade, when, why, on whose decision.

use clap::Args;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags, KnownAt, KnownFlags},
    json,
    output::{Format, Output},
    tables, wording,
};
use crate::{
    judgement::{AreaId, AssessmentId},
    pb::{self, get_grade_history_request},
};

/// How many rows are asked for at once.
const PAGE: i32 = 1000;

/// What `history` is told.
#[derive(Debug, Clone, Args)]
pub struct HistoryFlags {
    /// The assessment: `subjects/leicester-city/assessments/apa-2006`, or in short
    /// `leicester-city/apa-2006`.
    #[arg(value_parser = flags::assessment)]
    pub assessment: AssessmentId,
    /// One area, for example `enjoying-and-achieving`. Default: all.
    #[arg(long, env = "JUDGEMENT_LEDGER_AREA", value_parser = flags::area)]
    pub area: Option<AreaId>,
    /// What the ledger is asked to know.
    #[command(flatten)]
    pub known: KnownFlags,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows the history that the flags name: as a table, and drawn.
pub(super) async fn run(flags: &HistoryFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let rows = read(&client, request(flags)).await?;
    match flags.client.format {
        Format::Json => rows.iter().try_for_each(|row| output.line(&json::line(row)?)),
        Format::Table if rows.is_empty() => output.line("No grade has been set."),
        Format::Table => {
            output.lines(&tables::history(output.width(), &rows))?;
            output.line("")?;
            output.lines(&tables::timelines(output.width(), &rows))
        }
    }
}

/// Reads all pages of a history.
pub(super) async fn read(
    client: &Client,
    mut request: pb::GetGradeHistoryRequest,
) -> Result<Vec<pb::AuditRow>, Failure> {
    let mut rows = Vec::new();
    loop {
        let answer = client.audit().get_grade_history(request.clone()).await;
        let doing = || format!("reading the history of {}", request.assessment);
        let page = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
        rows.extend(page.rows);
        if page.next_page_token.is_empty() {
            return Ok(rows);
        }
        request.page_token = page.next_page_token;
    }
}

fn request(flags: &HistoryFlags) -> pb::GetGradeHistoryRequest {
    pb::GetGradeHistoryRequest {
        assessment: flags.assessment.to_string(),
        area: flags.area.as_ref().map(ToString::to_string).unwrap_or_default(),
        known_at: flags.known.known_at.map(known_at),
        page_size: PAGE,
        page_token: String::new(),
        min_position: flags.known.min_position.unwrap_or_default(),
    }
}

fn known_at(moment: KnownAt) -> get_grade_history_request::KnownAt {
    match moment {
        KnownAt::Position(position) => {
            get_grade_history_request::KnownAt::KnownAtPosition(position)
        }
        KnownAt::Time(time) => {
            get_grade_history_request::KnownAt::KnownAtTime(wording::timestamp(time))
        }
    }
}
