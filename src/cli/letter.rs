//! `letter`: a published edition, or a draft that was shared, as the letter.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags, KnownAt, KnownFlags, ServerFlags},
    json,
    output::{self, Format, Output},
    wording,
};
use crate::{
    judgement::AssessmentId,
    pb::{self, render_letter_request},
};

/// What `letter` is told.
#[derive(Debug, Clone, Args)]
pub struct LetterFlags {
    /// The assessment: `subjects/leicester-city/assessments/apa-2006`, or in short
    /// `leicester-city/apa-2006`.
    #[arg(value_parser = flags::assessment)]
    pub name: AssessmentId,
    /// The edition published under this number. Default: the latest.
    #[arg(long, env = "JUDGEMENT_LEDGER_EDITION", value_parser = clap::value_parser!(u32).range(1..))]
    pub edition: Option<u32>,
    /// The draft shared under this number, as its recipient was shown it.
    #[arg(long, env = "JUDGEMENT_LEDGER_DRAFT", conflicts_with_all = ["edition", "recipient"],
        value_parser = clap::value_parser!(u32).range(1..))]
    pub draft: Option<u32>,
    /// What was known, and when.
    #[command(flatten)]
    pub known: KnownFlags,
    /// The letter as this recipient gets it: an organisation, `addressee` or `public`. Default: as
    /// the caller may see it.
    #[arg(long, env = "JUDGEMENT_LEDGER_RECIPIENT")]
    pub recipient: Option<String>,
    /// As what it is written; JSON is the answer with all that is known of the edition.
    #[arg(long, env = "JUDGEMENT_LEDGER_LETTER_FORMAT", default_value = "markdown")]
    pub format: LetterFormat,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerFlags,
    /// The file that holds the caller's token; else the token is taken from the environment
    /// variable `JUDGEMENT_LEDGER_TOKEN`.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

/// As what a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LetterFormat {
    /// To be read as it is.
    Markdown,
    /// A page to be printed on A4.
    Html,
    /// The whole answer, with the letter as Markdown in it.
    Json,
}

/// Prints the letter.
pub(super) async fn run(flags: &LetterFlags, output: &mut Output) -> Result<(), Failure> {
    let (server, token_file) = (flags.server.clone(), flags.token_file.clone());
    let client = ClientFlags { server, token_file, format: Format::Table };
    let client = Client::connect(&client).await?;
    let format = match flags.format {
        LetterFormat::Markdown | LetterFormat::Json => pb::LetterFormat::Markdown,
        LetterFormat::Html => pb::LetterFormat::Html,
    };
    let request = pb::RenderLetterRequest {
        name: flags.name.to_string(),
        edition: flags.edition.unwrap_or_default(),
        format: format.into(),
        recipient: flags.recipient.clone().unwrap_or_default(),
        min_position: flags.known.min_position.unwrap_or_default(),
        draft: flags.draft.unwrap_or_default(),
        known_at: flags.known.known_at.map(known_at),
    };
    let answer = client.assessments().render_letter(request).await;
    let doing = || format!("the letter of {}", flags.name);
    let letter = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    if letter.superseded_by > 0 {
        let (edition, latest) = (letter.edition, letter.superseded_by);
        output::note(&format!("this is edition {edition}; edition {latest} has taken its place"));
    }
    match flags.format {
        LetterFormat::Json => output.line(&json::line(&letter)?),
        LetterFormat::Markdown | LetterFormat::Html => output.line(letter.text.trim_end()),
    }
}

fn known_at(moment: KnownAt) -> render_letter_request::KnownAt {
    match moment {
        KnownAt::Position(position) => render_letter_request::KnownAt::KnownAtPosition(position),
        KnownAt::Time(time) => {
            render_letter_request::KnownAt::KnownAtTime(wording::timestamp(time))
        }
    }
}
