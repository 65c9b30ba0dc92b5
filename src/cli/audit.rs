//! `audit`: what was recorded across assessments, filtered; shown, or exported.

mod export;
mod sheet;
mod stated;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    client::Client,
    failure::Failure,
    flags::{ClientFlags, KnownAt, KnownFlags, ServerFlags},
    json,
    output::{self, Format, Output},
    tables, wording,
};
use crate::pb::{self, query_audit_request};
use export::Export;

pub use stated::FilterFlags;

/// What `audit --help` ends with.
pub(super) const AFTER_HELP: &str = "\
Exports (--format csv and jsonl) hold all rows unless --limit says otherwise, and begin with a line
that states the filter, the order and the position and time that they reflect. The same filter and
order with --known-at POSITION repeats an export to the byte, unless a text was erased since.

CSV follows RFC 4180. Its first record is that statement and its second the names of the columns;
all records have as many fields. A field that begins with one of = + - @ ' or a tab or line end is
written with a ' before it, so that no spreadsheet takes it for a formula: one that begins with '
stands for what follows it.";

/// The most rows that are asked for at once.
const PAGE: u32 = 1000;

/// How many rows are shown on a screen unless more are asked for.
const SHOWN: u32 = 50;

/// What `audit` is told.
#[derive(Debug, Clone, Args)]
pub struct AuditFlags {
    /// In which order.
    #[arg(long, env = "JUDGEMENT_LEDGER_ORDER", default_value = "newest-first")]
    pub order: Order,
    /// At most so many rows. Default: 50; all, if they are exported.
    #[arg(long, env = "JUDGEMENT_LEDGER_LIMIT", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// What the ledger is asked to know.
    #[command(flatten)]
    pub known: KnownFlags,
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerFlags,
    /// The file that holds the caller's token; else the token is taken from the environment
    /// variable `JUDGEMENT_LEDGER_TOKEN`.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How the answer is given.
    #[arg(long, env = "JUDGEMENT_LEDGER_FORMAT", default_value = "table")]
    pub format: AuditFormat,
    /// What to look for. Last, since its heading covers all that follows.
    #[command(flatten)]
    pub stated: FilterFlags,
}

/// How rows are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// A table for people.
    Table,
    /// Protobuf's JSON mapping for programs: one row a line.
    Json,
    /// An export of the same, that begins with what it is an export of.
    Jsonl,
    /// An export for spreadsheets, RFC 4180.
    Csv,
}

/// In which order rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// The last record first.
    NewestFirst,
    /// The first record first.
    OldestFirst,
}

impl Order {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NewestFirst => "newest-first",
            Self::OldestFirst => "oldest-first",
        }
    }
}

/// Shows or exports the rows that the flags ask for.
pub(super) async fn run(flags: &AuditFlags, output: &mut Output) -> Result<(), Failure> {
    let (server, token_file) = (flags.server.clone(), flags.token_file.clone());
    let caller = ClientFlags { server, token_file, format: Format::Json };
    let client = Client::connect(&caller).await?;
    match flags.format {
        AuditFormat::Table | AuditFormat::Json => show(flags, &client, output).await,
        AuditFormat::Jsonl => export::run(flags, &client, Export::lines(), output).await,
        AuditFormat::Csv => export::run(flags, &client, Export::sheet(), output).await,
    }
}

async fn show(flags: &AuditFlags, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let (mut rows, mut left) = (Vec::new(), flags.limit.unwrap_or(SHOWN));
    let mut request = request(flags);
    loop {
        let page = page(client, &mut request, Some(left)).await?;
        left = left.saturating_sub(count(&page));
        rows.extend(page.rows);
        if left == 0 || request.page_token.is_empty() {
            break;
        }
    }
    match flags.format {
        AuditFormat::Table if rows.is_empty() => output.line("No record meets all of this.")?,
        AuditFormat::Table => output.lines(&tables::audit_rows(output.width(), &rows))?,
        AuditFormat::Json | AuditFormat::Jsonl | AuditFormat::Csv => {
            rows.iter().try_for_each(|row| output.line(&json::line(row)?))?;
        }
    }
    if !request.page_token.is_empty() {
        output::note("there may be more: say a higher --limit");
    }
    Ok(())
}

/// The next page, of no more than `left` rows; `request` then asks for the one after it, or has no
/// page token.
async fn page(
    client: &Client,
    request: &mut pb::QueryAuditRequest,
    left: Option<u32>,
) -> Result<pb::QueryAuditResponse, Failure> {
    let size = left.map_or(PAGE, |left| left.min(PAGE));
    request.page_size = i32::try_from(size).unwrap_or_default();
    let answer = client.audit().query_audit(request.clone()).await;
    let page = answer.map_err(|status| Failure::refused("the query", status))?.into_inner();
    request.page_token.clone_from(&page.next_page_token);
    Ok(page)
}

fn count(page: &pb::QueryAuditResponse) -> u32 {
    u32::try_from(page.rows.len()).unwrap_or(u32::MAX)
}

fn request(flags: &AuditFlags) -> pb::QueryAuditRequest {
    let order = match flags.order {
        Order::NewestFirst => pb::AuditOrder::NewestFirst,
        Order::OldestFirst => pb::AuditOrder::OldestFirst,
    };
    pb::QueryAuditRequest {
        order: order.into(),
        expression: flags.stated.expression(),
        known_at: flags.known.known_at.map(known_at),
        min_position: flags.known.min_position.unwrap_or_default(),
        ..pb::QueryAuditRequest::default()
    }
}

fn known_at(moment: KnownAt) -> query_audit_request::KnownAt {
    match moment {
        KnownAt::Position(position) => query_audit_request::KnownAt::KnownAtPosition(position),
        KnownAt::Time(time) => query_audit_request::KnownAt::KnownAtTime(wording::timestamp(time)),
    }
}
