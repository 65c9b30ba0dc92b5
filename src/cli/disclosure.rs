//! `disclosure`: what one recipient may see of a published edition.

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

/// What `disclosure` is told.
#[derive(Debug, Clone, Args)]
pub struct DisclosureFlags {
    /// The assessment: `subjects/leicester-city/assessments/apa-2006`, or in short
    /// `leicester-city/apa-2006`.
    #[arg(value_parser = flags::assessment)]
    pub name: AssessmentId,
    /// Whose view is shown: an organisation, `addressee` or `public`. Default: the caller's
    /// organisation.
    #[arg(long, env = "JUDGEMENT_LEDGER_RECIPIENT")]
    pub recipient: Option<String>,
    /// The edition published under this number. Default: the latest.
    #[arg(long, env = "JUDGEMENT_LEDGER_EDITION", value_parser = clap::value_parser!(u32).range(1..))]
    pub edition: Option<u32>,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows what the recipient sees.
pub(super) async fn run(flags: &DisclosureFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let request = pb::GetDisclosureRequest {
        name: flags.name.to_string(),
        recipient: flags.recipient.clone().unwrap_or_default(),
        edition: flags.edition.unwrap_or_default(),
        min_position: 0,
    };
    let answer = client.assessments().get_disclosure(request).await;
    let doing = || format!("the disclosure of {}", flags.name);
    let disclosure = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    match flags.client.format {
        Format::Json => output.line(&json::line(&disclosure)?),
        Format::Table => output.lines(&tables::disclosure(output.width(), &disclosure)),
    }
}
