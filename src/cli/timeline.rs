//! `timeline`: a subject over the years.

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
    judgement::SubjectId,
    pb::{self, get_subject_timeline_request},
};

/// What `timeline` is told.
#[derive(Debug, Clone, Args)]
pub struct TimelineFlags {
    /// The subject, for example `leicester-city`.
    #[arg(value_parser = flags::subject)]
    pub subject: SubjectId,
    /// What the ledger is asked to know.
    #[command(flatten)]
    pub known: KnownFlags,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows the timeline.
pub(super) async fn run(flags: &TimelineFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let request = pb::GetSubjectTimelineRequest {
        subject: format!("subjects/{}", flags.subject),
        known_at: flags.known.known_at.map(known_at),
        min_position: flags.known.min_position.unwrap_or_default(),
    };
    let answer = client.reports().get_subject_timeline(request).await;
    let answer = answer.map_err(|status| Failure::refused("the timeline", status))?;
    let timeline = answer.into_inner();
    match flags.client.format {
        Format::Json => output.line(&json::line(&timeline)?),
        Format::Table => output.lines(&tables::subject_timeline(output.width(), &timeline)),
    }
}

fn known_at(moment: KnownAt) -> get_subject_timeline_request::KnownAt {
    match moment {
        KnownAt::Position(position) => {
            get_subject_timeline_request::KnownAt::KnownAtPosition(position)
        }
        KnownAt::Time(time) => {
            get_subject_timeline_request::KnownAt::KnownAtTime(wording::timestamp(time))
        }
    }
}
