//! `audit`: what was recorded across assessments, filtered.

use clap::{Args, ValueEnum};
use jiff::{Timestamp, civil::Date};

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    json,
    output::{self, Format, Output},
    tables, wording,
};
use crate::{
    judgement::{AreaId, AssessmentId, SubjectId},
    pb,
};

/// The most rows that are asked for at once.
const PAGE: u32 = 1000;

/// What `audit` is told.
#[derive(Debug, Clone, Args)]
pub struct AuditFlags {
    /// In which order.
    #[arg(long, env = "JUDGEMENT_LEDGER_ORDER", default_value = "newest-first")]
    pub order: Order,
    /// At most so many rows.
    #[arg(long, env = "JUDGEMENT_LEDGER_LIMIT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
    /// What to look for. Last, since its heading covers all that follows.
    #[command(flatten)]
    pub filter: FilterFlags,
}

/// What a row must meet: every flag that is given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterFlags {
    /// The assessment, long or short.
    #[arg(long, env = "JUDGEMENT_LEDGER_ASSESSMENT", value_parser = flags::assessment)]
    pub assessment: Option<AssessmentId>,
    /// The subject, for example `subjects/leicester-city` or `leicester-city`.
    #[arg(long, env = "JUDGEMENT_LEDGER_SUBJECT", value_parser = flags::subject)]
    pub subject: Option<SubjectId>,
    /// The area, for example `staying-safe`.
    #[arg(long, env = "JUDGEMENT_LEDGER_AREA", value_parser = flags::area)]
    pub area: Option<AreaId>,
    /// What areas of several frameworks have in common, for example `ecm.staying-safe`.
    #[arg(long, env = "JUDGEMENT_LEDGER_CONCEPT")]
    pub concept: Option<String>,
    /// Who recorded it: a login, name or id.
    #[arg(long, value_name = "PERSON", env = "JUDGEMENT_LEDGER_RECORDED_BY")]
    pub recorded_by: Option<String>,
    /// Who decided it, alone or on a panel: a login, name or id.
    #[arg(long, value_name = "PERSON", env = "JUDGEMENT_LEDGER_DECIDED_BY")]
    pub decided_by: Option<String>,
    /// The organisation of who recorded or decided it, or whose signature it is.
    #[arg(long, env = "JUDGEMENT_LEDGER_ORGANISATION")]
    pub organisation: Option<String>,
    /// The reason code, for example `MODERATION`.
    #[arg(long, env = "JUDGEMENT_LEDGER_REASON")]
    pub reason: Option<String>,
    /// On what the decision rests.
    #[arg(long, env = "JUDGEMENT_LEDGER_BASIS", value_parser = flags::basis())]
    pub basis: Option<pb::Basis>,
    /// How a grade changed.
    #[arg(long, env = "JUDGEMENT_LEDGER_CHANGE", value_parser = flags::change_kind())]
    pub change: Option<pb::ChangeKind>,
    /// The event's name, for example `GradeSet`.
    #[arg(long, env = "JUDGEMENT_LEDGER_EVENT")]
    pub event: Option<String>,
    /// Holds from this day or later.
    #[arg(long, value_name = "DAY", env = "JUDGEMENT_LEDGER_EFFECTIVE_FROM", value_parser = flags::day)]
    pub effective_from: Option<Date>,
    /// Holds from this day or earlier.
    #[arg(long, value_name = "DAY", env = "JUDGEMENT_LEDGER_EFFECTIVE_TO", value_parser = flags::day)]
    pub effective_to: Option<Date>,
    /// Recorded at this time or later.
    #[arg(long, value_name = "TIME", env = "JUDGEMENT_LEDGER_RECORDED_FROM", value_parser = flags::time)]
    pub recorded_from: Option<Timestamp>,
    /// Recorded before this time.
    #[arg(long, value_name = "TIME", env = "JUDGEMENT_LEDGER_RECORDED_BEFORE", value_parser = flags::time)]
    pub recorded_before: Option<Timestamp>,
}

/// In which order rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// The last record first.
    NewestFirst,
    /// The first record first.
    OldestFirst,
}

/// Shows the rows that the flags ask for.
pub(super) async fn run(flags: &AuditFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let mut audit = client.audit();
    let (mut rows, mut left, mut page_token) = (Vec::new(), flags.limit, String::new());
    loop {
        let answer = audit.query_audit(request(flags, left, page_token)).await;
        let page = answer.map_err(|status| Failure::refused("the query", status))?.into_inner();
        left = left.saturating_sub(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
        rows.extend(page.rows);
        page_token = page.next_page_token;
        if left == 0 || page_token.is_empty() {
            break;
        }
    }
    match flags.client.format {
        Format::Json => rows.iter().try_for_each(|row| output.line(&json::line(row)?))?,
        Format::Table if rows.is_empty() => output.line("No record meets all of this.")?,
        Format::Table => output.lines(&tables::audit_rows(output.width(), &rows))?,
    }
    if !page_token.is_empty() {
        output::note("there may be more: say a higher --limit");
    }
    Ok(())
}

fn request(flags: &AuditFlags, left: u32, page_token: String) -> pb::QueryAuditRequest {
    let order = match flags.order {
        Order::NewestFirst => pb::AuditOrder::NewestFirst,
        Order::OldestFirst => pb::AuditOrder::OldestFirst,
    };
    pb::QueryAuditRequest {
        filter: Some(filter(&flags.filter)),
        order: order.into(),
        page_size: i32::try_from(left.min(PAGE)).unwrap_or_default(),
        page_token,
        min_position: 0,
    }
}

fn filter(flags: &FilterFlags) -> pb::AuditFilter {
    let flags = flags.clone();
    let subject = flags.subject.map(|subject| format!("subjects/{subject}"));
    pb::AuditFilter {
        assessment: flags.assessment.map(|it| it.to_string()).unwrap_or_default(),
        subject: subject.unwrap_or_default(),
        area: flags.area.map(|it| it.to_string()).unwrap_or_default(),
        concept: flags.concept.unwrap_or_default(),
        recorded_by: flags.recorded_by.unwrap_or_default(),
        decided_by: flags.decided_by.unwrap_or_default(),
        organisation: flags.organisation.unwrap_or_default(),
        reason: flags.reason.unwrap_or_default(),
        basis: flags.basis.unwrap_or_default().into(),
        change: flags.change.unwrap_or_default().into(),
        event: flags.event.unwrap_or_default(),
        effective_from: flags.effective_from.map(wording::day),
        effective_to: flags.effective_to.map(wording::day),
        recorded_from: flags.recorded_from.map(wording::timestamp),
        recorded_before: flags.recorded_before.map(wording::timestamp),
    }
}
