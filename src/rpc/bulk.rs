//! Many commands over one call, each on its own. (Spec §4.6)
//!
//! Commands are handed in while earlier ones are being written, so that one flush of the journal
//! serves many of them; answers keep the order of the commands. Commands reach the sequencer in
//! the order in which they were sent: one may build on another before it is answered.

use std::{pin::Pin, sync::Arc};

use futures_util::{
    Stream,
    stream::{FuturesOrdered, StreamExt, unfold},
};
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{
    Identity,
    lasting::Lasting,
    status,
    submit::{check_size, hand_in, one, only, prepare},
    wire::{At, Names, Read, any_order, assessment_of, receipt},
};
use crate::{
    ledger::{Ledger, Submission},
    pb::{self, apply_stream_response::Outcome},
};

/// How many commands of a call may wait for their answers. Group commits take hundreds at once;
/// more would let one caller fill the queue.
const IN_FLIGHT_MAX: usize = 256;

/// The answers of one call.
pub(super) type Answers =
    Pin<Box<dyn Stream<Item = Result<pb::ApplyStreamResponse, Status>> + Send>>;

/// What becomes of one command.
type Becoming = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A call under way.
pub(super) struct Bulk {
    ledger: Ledger,
    identity: Arc<Identity>,
    commands: Streaming<pb::ApplyStreamRequest>,
    draining: CancellationToken,
    lasting: Lasting,
    in_flight: FuturesOrdered<Becoming>,
    /// A command in flight introduces somebody: those behind it wait until that is recorded, or
    /// each would introduce the same person again.
    introducing: bool,
    /// No more commands are read, and how the call ends once all are answered.
    ended: bool,
    last: Option<Status>,
}

impl Bulk {
    /// A call that `commands` come in on, until the server goes down or the caller is no more who it
    /// was.
    pub(super) fn new(
        ledger: Ledger,
        identity: Arc<Identity>,
        commands: Streaming<pb::ApplyStreamRequest>,
        (draining, lasting): (CancellationToken, Lasting),
    ) -> Self {
        Self {
            ledger,
            identity,
            commands,
            draining,
            lasting,
            in_flight: FuturesOrdered::new(),
            introducing: false,
            ended: false,
            last: None,
        }
    }

    /// The answers, one for each command. Who does not read them sends no more commands.
    pub(super) fn answers(self) -> Answers {
        Box::pin(unfold(self, Self::next))
    }

    async fn next(mut self) -> Option<(Result<pb::ApplyStreamResponse, Status>, Self)> {
        loop {
            let waiting = !self.in_flight.is_empty();
            self.introducing &= waiting;
            let room = self.in_flight.len() < IN_FLIGHT_MAX && !self.introducing;
            tokio::select! {
                // What is in flight goes first: polling it is what hands it in.
                biased;
                Some(outcome) = self.in_flight.next(), if waiting => {
                    let answer = pb::ApplyStreamResponse { outcome: Some(outcome) };
                    return Some((Ok(answer), self));
                }
                () = self.draining.cancelled(), if !self.ended => {
                    self.end(Some(status::draining()));
                }
                () = self.lasting.over(), if !self.ended => {
                    self.end(Some(status::credential_expired()));
                }
                command = self.commands.message(), if room && !self.ended => match command {
                    // A command that comes may be sooner seen than the end that came before it.
                    Ok(Some(_)) if self.lasting.is_over() => {
                        self.end(Some(status::credential_expired()));
                    }
                    Ok(Some(command)) => self.begin(command),
                    Ok(None) => self.end(None),
                    // Bytes that are no message: where the next one begins is not known.
                    Err(status) => self.end(Some(status)),
                },
                else => return self.last.take().map(|status| (Err(status), self)),
            }
        }
    }

    /// Takes no more; so it ends once all that was taken is answered.
    fn end(&mut self, last: Option<Status>) {
        self.ended = true;
        self.last = last;
    }

    fn begin(&mut self, request: pb::ApplyStreamRequest) {
        let begun = match check_size(request.encoded_len(), None) {
            Ok(()) => {
                let read = |at: &At<'_>, names: &mut Names<'_>| one_command(at, &request, names);
                prepare(&self.ledger, &self.identity, read)
            }
            Err(refusal) => Err(refusal),
        };
        match begun {
            Ok(submission) => {
                self.introducing = !submission.introductions.is_empty();
                let (ledger, identity) = (self.ledger.clone(), Arc::clone(&self.identity));
                let becoming = record(ledger, identity, request, submission);
                self.in_flight.push_back(Box::pin(becoming));
            }
            Err(refusal) => {
                let outcome = refused(&self.ledger, &refusal);
                self.in_flight.push_back(Box::pin(std::future::ready(outcome)));
            }
        }
    }
}

/// Hands in one command; whatever becomes of it is an outcome.
async fn record(
    ledger: Ledger,
    identity: Arc<Identity>,
    request: pb::ApplyStreamRequest,
    submission: Submission,
) -> Outcome {
    let read = |at: &At<'_>, names: &mut Names<'_>| one_command(at, &request, names);
    let order = request.command.as_ref().and_then(|command| command.order.as_ref());
    let field = order.map_or("", |order| assessment_of(order).1);
    let path = |_| format!("command.{field}");
    let recorded = hand_in(&ledger, &identity, read, submission, path).await.and_then(only);
    match recorded {
        Ok(recorded) => Outcome::Receipt(receipt(&recorded)),
        Err(refusal) => refused(&ledger, &refusal),
    }
}

/// A refusal of one command, which is counted here: the call goes on.
fn refused(ledger: &Ledger, refusal: &Status) -> Outcome {
    if let Some(reason) = status::reason(refusal) {
        ledger.metrics().refused(reason.as_str());
    }
    Outcome::Refusal(status::rpc_status(refusal))
}

fn one_command(
    at: &At<'_>,
    request: &pb::ApplyStreamRequest,
    names: &mut Names<'_>,
) -> Read<super::submit::Commands> {
    let order = request.command.as_ref().and_then(|command| command.order.as_ref());
    let at = at.field("command");
    let Some(order) = order else { return Err(at.violated("is required")) };
    let (_, field) = assessment_of(order);
    any_order(&at.field(field), order, names).map(one)
}
