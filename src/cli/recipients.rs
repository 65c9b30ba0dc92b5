//! `recipients`: who received what of an assessment.

use clap::Args;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    json,
    output::{Format, Output},
    tables,
};
use crate::{judgement::AssessmentId, pb};

/// What `recipients` is told.
#[derive(Debug, Clone, Args)]
pub struct RecipientsFlags {
    /// The assessment: `subjects/leicester-city/assessments/apa-2006`, or in short
    /// `leicester-city/apa-2006`.
    #[arg(value_parser = flags::assessment)]
    pub assessment: AssessmentId,
    /// Only who received what the record at this position says.
    #[arg(long, env = "JUDGEMENT_LEDGER_POSITION")]
    pub position: Option<u64>,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows who received what.
pub(super) async fn run(flags: &RecipientsFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let request = pb::GetRecipientsRequest {
        assessment: flags.assessment.to_string(),
        position: flags.position.unwrap_or_default(),
        min_position: 0,
    };
    let answer = client.evidence().get_recipients(request).await;
    let doing = || format!("the recipients of {}", flags.assessment);
    let answer = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    match flags.client.format {
        Format::Json => output.line(&json::line(&answer)?),
        Format::Table => output.lines(&tables::recipients(output.width(), &answer.recipients)),
    }
}
