//! Sends steps in order and counts what becomes of them.

use std::ops::Range;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{
    callers::Callers,
    digests::{self, open_digest},
    file::Step,
    tally::Tally,
};
use crate::{
    cli::{client::Client, failure::Failure, output::Output, refusal},
    pb::{self, apply_stream_response::Outcome, import_step},
};

/// How many commands are sent ahead of their answers when refusals do not stop the import: enough
/// to share flushes, few enough that both ends hold them.
const AHEAD: usize = 256;

/// What happens after a refused step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum OnRefusal {
    /// Nothing is sent any more.
    Stop,
    /// The next step is sent.
    GoOn,
}

impl OnRefusal {
    /// How many commands may wait for an answer. One, if none may follow a refused one.
    fn ahead(self) -> usize {
        match self {
            Self::Stop => 1,
            Self::GoOn => AHEAD,
        }
    }
}

/// Sends steps for their callers.
pub(in crate::cli) struct Sender<'a> {
    callers: &'a Callers,
    on_refusal: OnRefusal,
    output: &'a mut Output,
    tally: &'a mut Tally,
}

impl<'a> Sender<'a> {
    /// Sends for `callers`, counts in `tally`.
    pub(in crate::cli) fn new(
        callers: &'a Callers,
        on_refusal: OnRefusal,
        output: &'a mut Output,
        tally: &'a mut Tally,
    ) -> Self {
        Self { callers, on_refusal, output, tally }
    }

    /// Sends all `steps`, in order.
    ///
    /// # Errors
    /// The first refusal, if it stops the import; else what broke the connection. Steps that were
    /// sent and not answered may or may not be recorded: importing again tells.
    pub(in crate::cli) async fn send(&mut self, steps: &mut [Step]) -> Result<(), Failure> {
        for run in runs(steps) {
            let Some(run) = steps.get_mut(run) else { continue };
            let Some(first) = run.first_mut() else { continue };
            let caller = self.callers.of(first)?;
            digests::fill(first, caller, self.tally.position()).await?;
            match &first.message.step {
                Some(import_step::Step::Command(_)) => self.stream(caller, run).await?,
                Some(
                    import_step::Step::RegisterFramework(_)
                    | import_step::Step::RegisterSubject(_)
                    | import_step::Step::RenameSubject(_)
                    | import_step::Step::PublishAssessments(_),
                )
                | None => self.call(caller, first).await?,
            }
        }
        Ok(())
    }

    /// Sends what has a call of its own.
    async fn call(&mut self, caller: &Client, step: &Step) -> Result<(), Failure> {
        let answer = match step.message.step.clone() {
            Some(import_step::Step::RegisterFramework(request)) => {
                caller.frameworks().register_framework(request).await
            }
            Some(import_step::Step::RegisterSubject(request)) => {
                caller.frameworks().register_subject(request).await
            }
            Some(import_step::Step::RenameSubject(request)) => {
                caller.frameworks().rename_subject(request).await
            }
            Some(import_step::Step::PublishAssessments(request)) => {
                return self.publish(caller, step, request).await;
            }
            Some(import_step::Step::Command(_)) | None => return Ok(()),
        };
        match answer {
            Ok(receipt) => self.tally.receipt(receipt.get_ref(), self.output),
            Err(status) => self.refused(step, status),
        }
    }

    /// Sends several publications, of which all are recorded or none is.
    async fn publish(
        &mut self,
        caller: &Client,
        step: &Step,
        request: pb::PublishAssessmentsRequest,
    ) -> Result<(), Failure> {
        match caller.assessments().publish_assessments(request).await {
            Ok(answer) => {
                let mut receipts = answer.get_ref().receipts.iter();
                receipts.try_for_each(|receipt| self.tally.receipt(receipt, self.output))
            }
            Err(status) => self.refused(step, status),
        }
    }

    /// Sends commands of one caller over one call, and reads their answers.
    async fn stream(&mut self, caller: &Client, steps: &[Step]) -> Result<(), Failure> {
        let (queue, commands) = mpsc::channel(self.on_refusal.ahead());
        let mut unsent = steps.iter().filter_map(command);
        // The first commands lie in the queue before the call begins: a server may well wait for
        // one before it answers at all.
        for command in unsent.by_ref().take(self.on_refusal.ahead()) {
            drop(queue.send(command).await);
        }
        let call = caller.assessments().apply_stream(ReceiverStream::new(commands)).await;
        let call = call.map_err(|status| broken(steps.first(), status))?;
        let id = call.metadata().get(refusal::CALL_ID).cloned();
        let mut answers = call.into_inner();
        let mut queue = Some(queue);
        for step in steps {
            match answer(&mut answers, step).await? {
                Ok(receipt) => self.tally.receipt(&receipt, self.output)?,
                Err(mut status) => {
                    if let Some(id) = &id {
                        status.metadata_mut().insert(refusal::CALL_ID, id.clone());
                    }
                    self.refused(step, status)?;
                }
            }
            match (&queue, unsent.next()) {
                // A server that hung up says why with its next answer.
                (Some(queue), Some(command)) => drop(queue.send(command).await),
                (_, None) | (None, _) => queue = None,
            }
        }
        // Whoever lets go of a call before it is over has cancelled it, for the server. How it ends
        // changes nothing: all is answered.
        drop(queue);
        drop(answers.message().await);
        Ok(())
    }

    fn refused(&mut self, step: &Step, status: Status) -> Result<(), Failure> {
        let failure = Failure::refused(step.title(), status);
        match self.on_refusal {
            OnRefusal::Stop => {
                self.tally.count_refusal();
                Err(failure)
            }
            OnRefusal::GoOn => {
                self.tally.refusal(&failure);
                Ok(())
            }
        }
    }
}

/// The next answer, which is that to `step`.
async fn answer(
    answers: &mut Streaming<pb::ApplyStreamResponse>,
    step: &Step,
) -> Result<Result<pb::Receipt, Status>, Failure> {
    let answer = answers.message().await.map_err(|status| broken(Some(step), status))?;
    match answer.and_then(|answer| answer.outcome) {
        Some(Outcome::Receipt(receipt)) => Ok(Ok(receipt)),
        Some(Outcome::Refusal(status)) => Ok(Err(refusal::status_of(&status))),
        None => Err(Failure::Unexpected { what: "outcome of a command" }),
    }
}

/// The call itself ended before `step` was answered.
fn broken(step: Option<&Step>, status: Status) -> Failure {
    let at = step.map(Step::title).unwrap_or_default();
    Failure::Interrupted { at, status: Box::new(status) }
}

fn command(step: &Step) -> Option<pb::ApplyStreamRequest> {
    match &step.message.step {
        Some(import_step::Step::Command(command)) => {
            Some(pb::ApplyStreamRequest { command: Some(command.clone()) })
        }
        Some(
            import_step::Step::RegisterFramework(_)
            | import_step::Step::RegisterSubject(_)
            | import_step::Step::RenameSubject(_)
            | import_step::Step::PublishAssessments(_),
        )
        | None => None,
    }
}

/// Cuts `steps` into runs that go over one call: commands of one caller, of which only the first
/// has a digest to be read first; each registration alone.
fn runs(steps: &mut [Step]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut last: Option<String> = None;
    for (index, step) in steps.iter_mut().enumerate() {
        let joins = command(step).is_some().then(|| step.credential().to_owned());
        let alone = open_digest(step).is_some() || joins.is_none() || joins != last;
        let end = index.saturating_add(1);
        match runs.last_mut() {
            Some(run) if !alone => run.end = end,
            Some(_) | None => runs.push(index..end),
        }
        last = joins;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{super::file::parse, *};

    #[test]
    fn a_run_is_of_one_caller_and_ends_before_a_digest_or_a_registration() {
        let grade = r#"{"command": {"setGrade": {"area": "a"}}}"#;
        let other = r#"{"credential": "b", "command": {"setGrade": {"area": "a"}}}"#;
        let lock = r#"{"command": {"lockAssessment": {"assessment": "a"}}}"#;
        let subject = r#"{"registerSubject": {"subject": "subjects/a"}}"#;
        let text = [subject, subject, grade, grade, other, grade, lock, grade, subject, grade];
        let mut steps = parse(&text.join("\n"), "test").unwrap();
        assert_eq!(runs(&mut steps), [0..1, 1..2, 2..4, 4..5, 5..6, 6..8, 8..9, 9..10]);
    }

    #[test]
    fn nothing_is_sent_ahead_where_a_refusal_stops() {
        assert_eq!(OnRefusal::Stop.ahead(), 1);
    }
}
