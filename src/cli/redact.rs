//! `redact`: a text is erased, asked for by one records officer and decided by another.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    json,
    output::{Format, Output},
    tables,
};
use crate::{judgement::FieldPath, pb};

/// What `redact` is told.
#[derive(Debug, Clone, Subcommand)]
pub enum RedactVerb {
    /// Ask that a text of a record be erased.
    Request(RequestFlags),
    /// Order that it be erased, as another records officer asked: it cannot be undone.
    Approve(ApproveFlags),
    /// Refuse that it be erased; it can be asked for again.
    Refuse(RefuseFlags),
}

/// What every verb of `redact` is told.
#[derive(Debug, Clone, Args)]
pub struct RedactFlags {
    /// Why, in words, as it is recorded.
    #[arg(long, env = "JUDGEMENT_LEDGER_RATIONALE")]
    pub rationale: Option<String>,
    /// The id of the request, a UUID: sent again with the same one, it is recorded once. Default: a
    /// new one.
    #[arg(long, value_name = "UUID", env = "JUDGEMENT_LEDGER_REQUEST_ID")]
    pub request_id: Option<Uuid>,
    /// Check only: nothing is recorded.
    #[arg(long, env = "JUDGEMENT_LEDGER_VALIDATE_ONLY")]
    pub validate_only: bool,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// What `redact request` is told.
#[derive(Debug, Clone, Args)]
pub struct RequestFlags {
    /// The position of the record that has the text, as `history`, `audit` and `stream` show it.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub position: u64,
    /// The path of the text's field, for example `rationale`, `text` or `figures/0/measure`. A wrong
    /// one is refused with those that the record has.
    #[arg(long, env = "JUDGEMENT_LEDGER_FIELD", value_parser = flags::field)]
    pub field: FieldPath,
    /// What allows it by law.
    #[arg(long, env = "JUDGEMENT_LEDGER_LEGAL_BASIS", value_parser = flags::legal_basis())]
    pub basis: pb::LegalBasis,
    /// What stands in the place of the text, for example `a child`.
    #[arg(long, env = "JUDGEMENT_LEDGER_REPLACEMENT")]
    pub replacement: String,
    /// Under which reference it was asked for.
    #[arg(long, env = "JUDGEMENT_LEDGER_REFERENCE")]
    pub reference: Option<String>,
    /// How it is sent.
    #[command(flatten)]
    pub redact: RedactFlags,
}

/// What `redact approve` is told.
#[derive(Debug, Clone, Args)]
pub struct ApproveFlags {
    /// The position of the record that asks for it.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub request: u64,
    /// How it is sent.
    #[command(flatten)]
    pub redact: RedactFlags,
}

/// What `redact refuse` is told.
#[derive(Debug, Clone, Args)]
pub struct RefuseFlags {
    /// The position of the record that asks for it.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub request: u64,
    /// Why not.
    #[arg(long, env = "JUDGEMENT_LEDGER_GROUND")]
    pub ground: String,
    /// How it is sent.
    #[command(flatten)]
    pub redact: RedactFlags,
}

/// Sends what the verb says.
pub(super) async fn run(verb: &RedactVerb, output: &mut Output) -> Result<(), Failure> {
    match verb {
        RedactVerb::Request(flags) => request(flags, output).await,
        RedactVerb::Approve(flags) => approve(flags, output).await,
        RedactVerb::Refuse(flags) => refuse(flags, output).await,
    }
}

async fn request(flags: &RequestFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.redact.client).await?;
    let request = pb::RequestRedactionRequest {
        act: Some(act(&flags.redact)),
        validate_only: flags.redact.validate_only,
        position: flags.position,
        field: flags.field.to_string(),
        legal_basis: flags.basis.into(),
        reference: flags.reference.clone().unwrap_or_default(),
        replacement: flags.replacement.clone(),
    };
    let answer = client.assessments().request_redaction(request.clone()).await;
    let doing = || format!("the redaction of {} of record {}", flags.field, flags.position);
    let receipt = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    show(&flags.redact, output, &receipt, |width| {
        tables::redaction_requested(width, &request, &receipt)
    })
}

async fn approve(flags: &ApproveFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.redact.client).await?;
    let request = pb::ApproveRedactionRequest {
        act: Some(act(&flags.redact)),
        validate_only: flags.redact.validate_only,
        request_position: flags.request,
    };
    let answer = client.assessments().approve_redaction(request).await;
    let doing = || format!("the approval of record {}", flags.request);
    let receipt = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    show(&flags.redact, output, &receipt, |width| {
        tables::redaction_ordered(width, flags.request, &receipt)
    })
}

async fn refuse(flags: &RefuseFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.redact.client).await?;
    let request = pb::RefuseRedactionRequest {
        act: Some(act(&flags.redact)),
        validate_only: flags.redact.validate_only,
        request_position: flags.request,
        ground: flags.ground.clone(),
    };
    let answer = client.assessments().refuse_redaction(request).await;
    let doing = || format!("the refusal of record {}", flags.request);
    let receipt = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    show(&flags.redact, output, &receipt, |width| {
        tables::redaction_refused(width, (flags.request, &flags.ground), &receipt)
    })
}

fn act(flags: &RedactFlags) -> pb::Act {
    pb::Act {
        request_id: flags.request_id.unwrap_or_else(Uuid::new_v4).to_string(),
        rationale: flags.rationale.clone().unwrap_or_default(),
        ..pb::Act::default()
    }
}

fn show(
    flags: &RedactFlags,
    output: &mut Output,
    receipt: &pb::Receipt,
    table: impl FnOnce(u16) -> Vec<String>,
) -> Result<(), Failure> {
    match flags.client.format {
        Format::Json => output.line(&json::line(receipt)?),
        Format::Table => output.lines(&table(output.width())),
    }
}
