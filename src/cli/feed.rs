//! `feed`: scores as they are published.

use clap::Args;

use super::{
    client::Client,
    failure::Failure,
    flags::ClientFlags,
    json,
    output::{self, Format, Output},
    tables,
};
use crate::pb::{self, get_feed_response::Message};

/// What `feed` is told.
#[derive(Debug, Clone, Args)]
pub struct FeedFlags {
    /// The scheme, for example `CPA`.
    pub scheme: String,
    /// The block of it, for example `children and young people service block`. Default: all.
    #[arg(long, env = "JUDGEMENT_LEDGER_BLOCK")]
    pub block: Option<String>,
    /// Whose feed it is: an organisation. Default: the caller's.
    #[arg(long, env = "JUDGEMENT_LEDGER_RECIPIENT")]
    pub recipient: Option<String>,
    /// Only what was published after this position. Default: from the first.
    #[arg(long, value_name = "POSITION", env = "JUDGEMENT_LEDGER_AFTER", default_value_t = 0)]
    pub after: u64,
    /// End when caught up, instead of going on live.
    #[arg(long, env = "JUDGEMENT_LEDGER_CATCH_UP_ONLY")]
    pub catch_up_only: bool,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows scores as they come.
pub(super) async fn run(flags: &FeedFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let request = pb::GetFeedRequest {
        scheme: flags.scheme.clone(),
        block: flags.block.clone().unwrap_or_default(),
        recipient: flags.recipient.clone().unwrap_or_default(),
        after_position: flags.after,
        catch_up_only: flags.catch_up_only,
    };
    let failed =
        |after, status| Failure::refused(format!("the feed (go on with --after {after})"), status);
    let answer = client.assessments().get_feed(request).await;
    let mut last = flags.after;
    let mut messages = answer.map_err(|status| failed(flags.after, status))?.into_inner();
    while let Some(message) = messages.message().await.map_err(|status| failed(last, status))? {
        last = reached(&message).unwrap_or(last);
        show(&message, flags.client.format, output)?;
    }
    Ok(())
}

/// What a reader is told who is there until it has all, without a word of progress.
///
/// # Errors
/// [`Failure`] if the service refuses, or cannot be reached.
pub(in crate::cli) async fn read(
    client: &Client,
    request: pb::GetFeedRequest,
) -> Result<Vec<pb::FeedUpdate>, Failure> {
    let failed = |status| Failure::refused("the feed".to_owned(), status);
    let mut messages = client.assessments().get_feed(request).await.map_err(failed)?.into_inner();
    let mut updates = Vec::new();
    while let Some(message) = messages.message().await.map_err(failed)? {
        match message.message {
            Some(Message::Update(update)) => updates.push(update),
            Some(Message::CaughtUp(_) | Message::Checkpoint(_)) | None => {}
        }
    }
    Ok(updates)
}

/// The position up to which nothing is missing once `message` is read.
fn reached(message: &pb::GetFeedResponse) -> Option<u64> {
    Some(match message.message.as_ref()? {
        Message::Update(update) => update.position,
        Message::CaughtUp(at) => at.position,
        Message::Checkpoint(at) => at.position,
    })
}

fn show(message: &pb::GetFeedResponse, format: Format, output: &mut Output) -> Result<(), Failure> {
    if format == Format::Json {
        return output.line(&json::line(message)?);
    }
    match &message.message {
        Some(Message::Update(update)) => output.lines(&tables::scores(update)),
        Some(Message::CaughtUp(at)) => {
            output::note(&format!("caught up at record {}", at.position));
            Ok(())
        }
        Some(Message::Checkpoint(at)) => {
            output::note(&format!("nothing up to record {} is missing", at.position));
            Ok(())
        }
        None => Ok(()),
    }
}
