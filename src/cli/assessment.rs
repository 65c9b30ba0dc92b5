//! `assessment`: what stands, stood, or was published.

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags, KnownAt, KnownFlags},
    json,
    output::{Format, Output},
    tables, wording,
};
use crate::{
    judgement::AssessmentId,
    pb::{self, get_assessment_request},
};

/// What `assessment` is told.
#[derive(Debug, Clone, Args)]
pub struct AssessmentFlags {
    /// The assessment: `subjects/leicester-city/assessments/apa-2006`, or in short
    /// `leicester-city/apa-2006`.
    #[arg(value_parser = flags::assessment)]
    pub name: AssessmentId,
    /// Which state is shown.
    #[arg(long, env = "JUDGEMENT_LEDGER_VIEW", default_value = "working")]
    pub view: View,
    /// The edition published under this number, instead of a view.
    #[arg(long, env = "JUDGEMENT_LEDGER_EDITION", value_parser = clap::value_parser!(u32).range(1..))]
    pub edition: Option<u32>,
    /// What the ledger is asked to know.
    #[command(flatten)]
    pub known: KnownFlags,
    /// What held on a day. Default: today.
    #[arg(long, value_name = "DAY", env = "JUDGEMENT_LEDGER_EFFECTIVE_AT", value_parser = flags::day)]
    pub effective_at: Option<Date>,
    /// What sources state to have been decided by a day, whenever it was recorded.
    #[arg(
        long,
        value_name = "DAY",
        env = "JUDGEMENT_LEDGER_STATED_AT",
        value_parser = flags::day,
        conflicts_with = "effective_at"
    )]
    pub stated_at: Option<Date>,
    /// Grades only, without what was written.
    #[arg(long, env = "JUDGEMENT_LEDGER_GRADES_ONLY")]
    pub grades_only: bool,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Which state of an assessment is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum View {
    /// With all that was recorded.
    Working,
    /// The latest edition published.
    Published,
}

/// Shows the assessment that the flags name.
pub(super) async fn run(flags: &AssessmentFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let assessment = read(&client, request(flags)).await?;
    match flags.client.format {
        Format::Json => output.line(&json::line(&assessment)?),
        Format::Table => {
            let framework = framework(&client, &assessment.framework).await?;
            // Of what is published, an area without a grade may as well be hidden.
            let is_working = flags.edition.is_none() && flags.view == View::Working;
            let all = is_working.then_some(&framework);
            output.lines(&tables::summary(output.width(), &assessment, all))?;
            let entries = &assessment.entries;
            output.lines(&tables::entries(output.width(), entries, Some(&framework)))
        }
    }
}

/// What `request` asks for, with the entries of all pages.
pub(super) async fn read(
    client: &Client,
    mut request: pb::GetAssessmentRequest,
) -> Result<pb::Assessment, Failure> {
    let mut service = client.assessments();
    let mut entries = Vec::new();
    loop {
        let answer = service.get_assessment(request.clone()).await;
        let doing = || format!("reading {}", request.name);
        let answer = answer.map_err(|status| Failure::refused(doing(), status))?;
        let mut assessment = answer.into_inner();
        entries.append(&mut assessment.entries);
        request.page_token = std::mem::take(&mut assessment.next_page_token);
        if request.page_token.is_empty() {
            return Ok(pb::Assessment { entries, ..assessment });
        }
    }
}

/// The framework called `name`: headings and ungraded areas come from it.
pub(super) async fn framework(client: &Client, name: &str) -> Result<pb::Framework, Failure> {
    let request = pb::GetFrameworkRequest { name: name.to_owned() };
    let answer = client.frameworks().get_framework(request).await;
    let doing = format!("reading {name}");
    Ok(answer.map_err(|status| Failure::refused(doing, status))?.into_inner())
}

fn request(flags: &AssessmentFlags) -> pb::GetAssessmentRequest {
    let view = match flags.view {
        View::Working => pb::AssessmentView::Working,
        View::Published => pb::AssessmentView::Published,
    };
    let content =
        if flags.grades_only { pb::AssessmentContent::Grades } else { pb::AssessmentContent::Full };
    pb::GetAssessmentRequest {
        name: flags.name.to_string(),
        view: if flags.edition.is_some() { pb::AssessmentView::Unspecified } else { view }.into(),
        edition: flags.edition.unwrap_or_default(),
        known_at: flags.known.known_at.map(known_at),
        effective_at: flags.effective_at.map(wording::day),
        stated_at: flags.stated_at.map(wording::day),
        content: content.into(),
        min_position: flags.known.min_position.unwrap_or_default(),
        page_size: 0,
        page_token: String::new(),
    }
}

fn known_at(moment: KnownAt) -> get_assessment_request::KnownAt {
    match moment {
        KnownAt::Position(position) => get_assessment_request::KnownAt::KnownAtPosition(position),
        KnownAt::Time(time) => {
            get_assessment_request::KnownAt::KnownAtTime(wording::timestamp(time))
        }
    }
}
