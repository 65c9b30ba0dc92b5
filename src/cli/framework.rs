//! `framework`: which frameworks there are, what one of them says, and whether a file is one.

mod check;

use clap::{Args, Subcommand};

use super::{
    assessment,
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    json,
    output::{Format, Output},
    tables,
};
use crate::{judgement::FrameworkId, pb};

pub use check::CheckFlags;

/// How many frameworks are asked for at once.
const PAGE: i32 = 100;

/// What `framework` is told.
#[derive(Debug, Clone, Subcommand)]
pub enum FrameworkVerb {
    /// Show all frameworks.
    List(ListFlags),
    /// Show one framework: its areas, scales and reasons.
    Show(ShowFlags),
    /// Check a framework file, without a server: every fault, its place and what to do.
    Check(CheckFlags),
    /// Print the format of framework files as a JSON Schema.
    Schema,
}

/// What `framework list` is told.
#[derive(Debug, Clone, Args)]
pub struct ListFlags {
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// What `framework show` is told.
#[derive(Debug, Clone, Args)]
pub struct ShowFlags {
    /// The framework: `frameworks/apa/versions/2006`, or in short `apa/2006`.
    #[arg(value_parser = flags::framework)]
    pub name: FrameworkId,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows what the verb asks for.
pub(super) async fn run(verb: &FrameworkVerb, output: &mut Output) -> Result<(), Failure> {
    match verb {
        FrameworkVerb::List(flags) => list(flags, output).await,
        FrameworkVerb::Show(flags) => show(flags, output).await,
        FrameworkVerb::Check(flags) => check::check(flags, output),
        FrameworkVerb::Schema => check::schema(output),
    }
}

async fn list(flags: &ListFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let mut service = client.frameworks();
    let mut frameworks = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListFrameworksRequest { page_size: PAGE, page_token };
        let answer = service.list_frameworks(request).await;
        let doing = "listing the frameworks";
        let page = answer.map_err(|status| Failure::refused(doing, status))?.into_inner();
        frameworks.extend(page.frameworks);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    match flags.client.format {
        Format::Json => frameworks.iter().try_for_each(|it| output.line(&json::line(it)?)),
        Format::Table => output.lines(&tables::overview(output.width(), &frameworks)),
    }
}

async fn show(flags: &ShowFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let framework = assessment::framework(&client, &flags.name.to_string()).await?;
    match flags.client.format {
        Format::Json => output.line(&json::line(&framework)?),
        Format::Table => output.lines(&tables::detail(output.width(), &framework)),
    }
}
