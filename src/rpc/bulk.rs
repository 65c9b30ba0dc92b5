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
use tonic::{Request, Status, Streaming};

use super::{
    Identity,
    lasting::Lasting,
    layers::{Called, Room, Waiting},
    status,
    submit::{check_size, hand_in, one, only, prepare},
    wire::{At, Names, Read, any_order, assessment_of, receipt},
};
use crate::{
    ledger::{Ledger, Receipt, Submission},
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
    /// Told of each command that is refused.
    called: Called,
    /// How many of its caller's commands may wait.
    waiting: Waiting,
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
    /// The call that a request is, whose commands are taken until the server goes down or the caller is
    /// no more who it was.
    ///
    /// # Errors
    /// If a layer is missing before the service.
    pub(super) fn new(
        ledger: Ledger,
        request: Request<Streaming<pb::ApplyStreamRequest>>,
        (draining, lasting): (CancellationToken, Lasting),
    ) -> Result<Self, Status> {
        Ok(Self {
            ledger,
            identity: Identity::of(&request)?,
            called: Called::of(&request)?,
            waiting: Waiting::of(&request)?,
            commands: request.into_inner(),
            draining,
            lasting,
            in_flight: FuturesOrdered::new(),
            introducing: false,
            ended: false,
            last: None,
        })
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
        match self.prepared(&request) {
            Ok((submission, room)) => {
                self.introducing = !submission.introductions.is_empty();
                let (ledger, identity) = (self.ledger.clone(), Arc::clone(&self.identity));
                let recorded = record(ledger, identity, request, submission);
                let called = self.called.clone();
                let becoming = async move {
                    let recorded = recorded.await;
                    drop(room);
                    outcome(&called, recorded)
                };
                self.in_flight.push_back(Box::pin(becoming));
            }
            Err(refusal) => {
                let outcome = outcome(&self.called, Err(refusal));
                self.in_flight.push_back(Box::pin(std::future::ready(outcome)));
            }
        }
    }

    /// What a command is read as, and room for it to wait.
    fn prepared(&self, request: &pb::ApplyStreamRequest) -> Result<(Submission, Room), Status> {
        check_size(request.encoded_len(), None)?;
        let room = self.waiting.room(1)?;
        let read = |at: &At<'_>, names: &mut Names<'_>| one_command(at, request, names);
        Ok((prepare(&self.ledger, &self.identity, read)?, room))
    }
}

/// Hands in one command.
async fn record(
    ledger: Ledger,
    identity: Arc<Identity>,
    request: pb::ApplyStreamRequest,
    submission: Submission,
) -> Result<Receipt, Status> {
    let read = |at: &At<'_>, names: &mut Names<'_>| one_command(at, &request, names);
    let order = request.command.as_ref().and_then(|command| command.order.as_ref());
    let field = order.map_or("", |order| assessment_of(order).1);
    let path = |_| format!("command.{field}");
    hand_in(&ledger, &identity, read, submission, path).await.and_then(only)
}

/// What is answered to a command. A refusal is counted and logged here: the call goes on.
fn outcome(called: &Called, recorded: Result<Receipt, Status>) -> Outcome {
    match recorded {
        Ok(recorded) => Outcome::Receipt(receipt(&recorded)),
        Err(refusal) => {
            called.refuses(&refusal);
            Outcome::Refusal(status::rpc_status(&refusal))
        }
    }
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
