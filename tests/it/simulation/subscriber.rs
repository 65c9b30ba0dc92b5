//! A subscriber: follows the records, is cut off now and then, and goes on where it stopped. It
//! must be sent each record that it asked for once, in order, and nothing else.

use std::time::Duration;

use judgement_ledger::pb::{self, stream_records_response::Message};
use tokio::time::timeout;

use super::caller::Caller;

/// How long it waits for a message before it looks up.
const LOOK_UP: Duration = Duration::from_millis(400);

/// What it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Every record.
    All,
    /// Grades only.
    Grades,
}

/// What a subscriber was sent until it ended.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) wanted: Wanted,
    /// Everything up to this position that it wanted.
    pub(super) until: u64,
    /// Positions, as they came.
    pub(super) sent: Vec<u64>,
}

/// Follows until it has been sent everything.
pub(super) async fn follow(caller: &mut Caller, wanted: Wanted) {
    let mut sent: Vec<u64> = Vec::new();
    let mut until = 0;
    while caller.notebook.open().ends_at.is_none_or(|end| until < end) {
        one_stream(caller, wanted, &mut sent, &mut until).await;
        caller.reconnect();
        caller.pause(100).await;
    }
    caller.notebook.open().subscriptions.push(Subscription { wanted, until, sent });
}

async fn one_stream(caller: &mut Caller, wanted: Wanted, sent: &mut Vec<u64>, until: &mut u64) {
    let request = pb::StreamRecordsRequest {
        after_position: *until,
        events: match wanted {
            Wanted::All => Vec::new(),
            Wanted::Grades => vec!["GradeSet".to_owned()],
        },
        ..pb::StreamRecordsRequest::default()
    };
    let mut client = caller.audits();
    let Ok(Ok(response)) = timeout(LOOK_UP * 3, client.stream_records(request)).await else {
        return;
    };
    let mut stream = response.into_inner();
    loop {
        let message = match timeout(LOOK_UP, stream.message()).await {
            Ok(Ok(Some(message))) => message.message,
            Ok(Ok(None) | Err(_)) => return,
            // Nothing comes: perhaps nothing will. Asking again tells.
            Err(_) if caller.seeded.below(4) == 0 => return,
            Err(_) => continue,
        };
        match message {
            Some(Message::Record(streamed)) => {
                let Some(record) = streamed.record else {
                    return caller.notebook.violated("a record of a newer version was sent");
                };
                if record.position <= *until {
                    return caller
                        .notebook
                        .violated(format!("{} was sent {} again", caller.name, record.position));
                }
                *until = record.position;
                sent.push(record.position);
                caller.trace(&format!("record {}", record.position));
                let mut notes = caller.notebook.open();
                notes.tape.hears(record.position);
                notes.streamed.push(record);
            }
            Some(
                Message::CaughtUp(pb::CaughtUp { position })
                | Message::Checkpoint(pb::StreamCheckpoint { position }),
            ) => {
                if position < *until {
                    let name = &caller.name;
                    return caller
                        .notebook
                        .violated(format!("{name} at {until} was told that it is at {position}"));
                }
                *until = position;
                let mut notes = caller.notebook.open();
                notes.told_until = notes.told_until.max(position);
            }
            None => return caller.notebook.violated("a message without content was sent"),
        }
        if caller.notebook.open().ends_at.is_some_and(|end| *until >= end) {
            return;
        }
        match caller.seeded.below(40) {
            0 => return,
            1 => caller.pause(700).await,
            _ => {}
        }
    }
}
