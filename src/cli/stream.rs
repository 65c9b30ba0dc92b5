//! `stream`: records from a position on, then live.

use clap::Args;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    json,
    output::{self, Format, Output},
    tables::{self, Line},
};
use crate::{
    judgement::StreamId,
    pb::{self, stream_records_response::Message},
};

/// What `stream` is told.
#[derive(Debug, Clone, Args)]
pub struct StreamFlags {
    /// Records after this position. Default: from the first.
    #[arg(long, value_name = "POSITION", env = "JUDGEMENT_LEDGER_AFTER", default_value_t = 0)]
    pub after: u64,
    /// Only records of this stream, a resource name. May be repeated.
    #[arg(
        long,
        env = "JUDGEMENT_LEDGER_STREAM",
        value_delimiter = ',',
        value_parser = flags::stream
    )]
    pub stream: Vec<StreamId>,
    /// Only this event, for example `GradeSet`. May be repeated.
    #[arg(long, env = "JUDGEMENT_LEDGER_EVENTS", value_delimiter = ',')]
    pub event: Vec<String>,
    /// Only what meets this expression, as `audit --filter` takes it.
    #[arg(long, value_name = "EXPRESSION", env = "JUDGEMENT_LEDGER_FILTER")]
    pub filter: Option<String>,
    /// End when caught up, instead of going on live.
    #[arg(long, env = "JUDGEMENT_LEDGER_CATCH_UP_ONLY")]
    pub catch_up_only: bool,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows records as they come.
pub(super) async fn run(flags: &StreamFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let request = pb::StreamRecordsRequest {
        after_position: flags.after,
        streams: flags.stream.iter().map(ToString::to_string).collect(),
        events: flags.event.clone(),
        catch_up_only: flags.catch_up_only,
        expression: flags.filter.clone().unwrap_or_default(),
    };
    let failed = |after, status| {
        Failure::refused(format!("the stream (go on with --after {after})"), status)
    };
    let answer = client.audit().stream_records(request).await;
    let mut last = flags.after;
    let mut messages = answer.map_err(|status| failed(flags.after, status))?.into_inner();
    while let Some(message) = messages.message().await.map_err(|status| failed(last, status))? {
        last = reached(&message).unwrap_or(last);
        show(&message, flags.client.format, output)?;
    }
    Ok(())
}

/// The position up to which nothing is missing once `message` is read.
fn reached(message: &pb::StreamRecordsResponse) -> Option<u64> {
    match message.message.as_ref()? {
        Message::Record(streamed) => streamed.record.as_ref().map(|record| record.position),
        Message::CaughtUp(at) => Some(at.position),
        Message::Checkpoint(at) => Some(at.position),
    }
}

fn show(
    message: &pb::StreamRecordsResponse,
    format: Format,
    output: &mut Output,
) -> Result<(), Failure> {
    match format {
        Format::Json => output.line(&json::line(message)?),
        Format::Table => match tables::message(message) {
            Some(Line::Data(line)) => output.line(&line),
            Some(Line::News(news)) => {
                output::note(&news);
                Ok(())
            }
            None => Ok(()),
        },
    }
}
