//! A group in the making: commands are decided one after the other, each against what the ones
//! before it leave, and nothing of it is seen by anybody until the group is durable.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use imbl::HashMap as SharedMap;
use jiff::civil::Date;

use super::{
    Introduction, Keep, Mode, Outcome, Receipt, Registered, Shown, Submission, SubmitError,
    clock::Now,
    directory::Directory,
    fold::{Fold, Stream},
    found::Found,
    random::Random,
    topics,
};
use crate::{
    journal::Entry,
    judgement::{
        Act, AreaId, Assessment, Caller, Command, Decision, Event, FrameworkId, Order, PersonId,
        PersonRegistered, Position, RecordId, Recorder, Refusal, RequestId, Revision, Role,
        Situation, StreamId, Text, decide,
    },
    merkle::{Frontier, leaf_hash},
    record::{Beside, CommittedText, Previous, Record, commit},
    vault::{Sealing, Vault},
    views::Applied,
};

/// The frameworks that are registered.
pub(super) type Catalogue = SharedMap<FrameworkId, Arc<Registered>>;

/// What commands are decided with.
pub(super) struct Desk {
    pub(super) fold: Fold,
    pub(super) vault: Arc<Vault>,
    pub(super) random: Random,
}

/// What the ledger becomes if the group is appended. Copies are cheap, so that one refused
/// command of a batch can take back what the others did.
#[derive(Clone)]
pub(super) struct Outlook {
    pub(super) directory: Directory,
    pub(super) catalogue: Catalogue,
    pub(super) frontier: Frontier,
    /// How many bytes of records and texts the group has.
    pub(super) bytes: usize,
    /// Only the streams that the group changes.
    pub(super) streams: SharedMap<StreamId, Stream>,
}

/// A record that waits for its group to become durable.
pub(super) struct Staged {
    pub(super) keep: Keep,
    /// What its assessment becomes.
    pub(super) assessment: Option<Assessment>,
    /// The area that its entry spoke of before.
    pub(super) left: Option<AreaId>,
}

/// A group in the making.
pub(super) struct Stage<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) now: Now,
    pub(super) today: Date,
    /// The end of the journal before the group.
    pub(super) head: Position,
    pub(super) outlook: Outlook,
    pub(super) records: Vec<Staged>,
    pub(super) requests: HashSet<(PersonId, RequestId)>,
}

/// What became of a submission so far.
pub(super) enum Taken {
    /// Its records are in the group; the receipts hold once that is durable.
    Staged(Vec<Receipt>),
    /// It is answered already: refused, replayed or only validated.
    Answered(Result<Vec<Receipt>, SubmitError>),
    /// It repeats a request of this very group: decide it in the next one.
    Later(Submission),
}

impl Stage<'_> {
    /// Takes a submission into the group, if the rules allow it.
    pub(super) async fn take(&mut self, submission: Submission) -> Taken {
        let ids = submission.commands.iter().map(|it| (it.caller.person, it.act.request));
        let ids: Vec<_> = ids.collect();
        if ids.iter().any(|id| self.requests.contains(id)) {
            return Taken::Later(submission);
        }
        match self.replay(&submission).await {
            Ok(None) => {}
            Ok(Some(receipts)) => return Taken::Answered(Ok(receipts)),
            Err(error) => return Taken::Answered(Err(error)),
        }
        let (outlook, length) = (self.outlook.clone(), self.records.len());
        let decided = self.decide_all(&submission).await;
        match (decided, submission.mode) {
            (Ok(receipts), Mode::Record) => {
                self.requests.extend(ids);
                Taken::Staged(receipts)
            }
            (decided, Mode::Record | Mode::Validate) => {
                self.outlook = outlook;
                self.records.truncate(length);
                let validated = |it: Vec<Receipt>| it.into_iter().map(Receipt::validated).collect();
                Taken::Answered(decided.map(validated))
            }
        }
    }

    /// A submission whose requests were recorded before gets its first receipts again, if it
    /// says the same as then. (Spec §4.3)
    async fn replay(
        &mut self,
        submission: &Submission,
    ) -> Result<Option<Vec<Receipt>>, SubmitError> {
        let mut receipts = Vec::new();
        for (number, command) in submission.commands.iter().enumerate() {
            let (person, request) = (command.caller.person, command.act.request);
            let found = self.desk.fold.of_request(person, request, self.head).await?;
            let reused = |position| SubmitError::Refused {
                command: number,
                refusal: Refusal::KeyReused { position },
            };
            match found {
                None if receipts.is_empty() => return Ok(None),
                // The batch was recorded without this command, or this one without the batch.
                None => return Err(reused(self.head)),
                Some(keep) => {
                    let openings = super::texts::openings(&self.desk.vault, &keep);
                    let mut opening = |place: usize| openings.get(place).cloned().flatten();
                    let act = command.act.with_evidence_of(&keep.record.act);
                    if !keep.record.is_caused_by(&act, &command.order, &mut opening) {
                        return Err(reused(keep.record.position));
                    }
                    receipts.push(Receipt::of(&keep, Outcome::Replayed));
                }
            }
        }
        Ok(Some(receipts))
    }

    async fn decide_all(&mut self, submission: &Submission) -> Result<Vec<Receipt>, SubmitError> {
        for introduction in &submission.introductions {
            self.introduce(introduction, &submission.commands).await?;
        }
        let batch_from = self.next();
        let mut receipts = Vec::with_capacity(submission.commands.len());
        for (number, command) in submission.commands.iter().enumerate() {
            let receipt = self.command(command, batch_from).await;
            receipts.push(receipt.map_err(|error| error.of_command(number))?);
        }
        Ok(receipts)
    }

    /// The directory learns of a person.
    async fn introduce(
        &mut self,
        introduction: &Introduction,
        commands: &[Command<Text>],
    ) -> Result<(), SubmitError> {
        let Introduction { person, organisation, name } = introduction.clone();
        if self.outlook.directory.find(&organisation, name.as_str()).is_some() {
            return Err(SubmitError::DirectoryMoved);
        }
        let recorder = Recorder {
            person: commands.first().map_or(person, |command| command.caller.person),
            role: Role::Service,
            organisation: organisation.clone(),
        };
        self.outlook.directory.learn(person, organisation.clone(), Shown::Present(name.clone()));
        // The service's own act, for the command that follows: nobody ever repeats its request.
        let act = Act::of_service(RequestId::new(self.desk.random.uuid_v4()?));
        let event = Event::PersonRegistered(PersonRegistered { person, organisation, name });
        self.compose(StreamId::Ledger, recorder, (act, event), None).await?;
        Ok(())
    }

    async fn command(
        &mut self,
        command: &Command<Text>,
        batch_from: Position,
    ) -> Result<Receipt, SubmitError> {
        let found = Found::of(self, &command.order).await?;
        let mut act = command.act.clone();
        found.settle_evidence(&mut act);
        let seed = self.desk.random.bytes()?;
        let known = found.known();
        let situation = Situation { today: self.today, batch_from, seed, known };
        let decided = decide(&situation, command);
        let Decision { event, role } =
            decided.map_err(|refusal| SubmitError::Refused { command: 0, refusal })?;
        let Caller { person, organisation, .. } = command.caller.clone();
        let recorder = Recorder { person, role, organisation };
        let document = match &command.order {
            Order::RegisterFramework(order) => Some(order),
            Order::RegisterSubject(_) | Order::Assess(_, _) => None,
        };
        let beside = document.map(|order| Bytes::from(order.document.to_vec()));
        let receipt = self.compose(command.order.stream(), recorder, (act, event), beside).await?;
        if let (Some(order), Some(staged)) = (document, self.records.last()) {
            let registered = Registered::new(order, staged.keep.item());
            let id = order.framework.id.clone();
            self.outlook.catalogue.insert(id, Arc::new(registered));
        }
        Ok(receipt)
    }

    /// Makes the record, its sealed texts, and the state after it.
    async fn compose(
        &mut self,
        stream: StreamId,
        recorded_by: Recorder,
        (act, event): (Act<Text>, Event<Text>),
        document: Option<Bytes>,
    ) -> Result<Receipt, SubmitError> {
        let before = self.stream(&stream).await?;
        let id = RecordId::new(self.desk.random.uuid_v7(self.now.recorded_at)?);
        let random = &mut self.desk.random;
        let committed = commit(id, act, event, &mut || random.opening())?;
        let revision = before.as_ref().map_or(Revision::START, |it| it.revision).next();
        let previous = |it: &Stream| Previous { position: it.last.at, hash: it.last.hash };
        let record = Record {
            stream: stream.clone(),
            position: self.next(),
            revision,
            id,
            recorded_at: self.now.recorded_at,
            clock: self.now.clock,
            recorded_on: self.today,
            recorded_by,
            previous: before.as_ref().map(previous),
            act: committed.act,
            event: committed.event,
        };
        let bytes = record.encode()?;
        let hash = leaf_hash(&bytes);
        let texts = self.seal(id, &committed.texts)?;
        let sealed = Beside { texts, document: document.unwrap_or_default() }.encode();
        let keep = Keep { record, hash, entry: Entry { record: bytes, sealed } };
        let receipt = Receipt::of(&keep, Outcome::Recorded);
        self.settle(stream, keep, before);
        Ok(receipt)
    }

    fn seal(&self, id: RecordId, texts: &[CommittedText]) -> Result<Bytes, SubmitError> {
        let mut sealings = Vec::with_capacity(texts.len());
        for CommittedText { field, commitment, opening, text } in texts {
            let record_id = id.uuid();
            sealings.push(Sealing { record_id, field, commitment: *commitment, opening, text });
        }
        Ok(self.desk.vault.seal(&sealings)?)
    }

    /// Folds a record into the outlook.
    fn settle(&mut self, id: StreamId, keep: Keep, before: Option<Stream>) {
        let fact = keep.record.fact(keep.hash);
        let assessment = before.and_then(|stream| stream.assessment);
        let left = topics::left(&keep.record.event, assessment.as_ref());
        let assessment = match &id {
            StreamId::Assessment(id) => Assessment::after(assessment, id, &fact),
            StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
        };
        let (revision, last) = (keep.record.revision, keep.item());
        let stream = Stream { revision, last, assessment: assessment.clone() };
        let bytes = keep.entry.record.len().saturating_add(keep.entry.sealed.len());
        self.outlook.bytes = self.outlook.bytes.saturating_add(bytes);
        self.outlook.frontier.push(keep.hash);
        self.outlook.streams.insert(id, stream);
        self.records.push(Staged { keep, assessment, left });
    }

    /// Where the next record of the group stands.
    fn next(&self) -> Position {
        self.head.plus(u64::try_from(self.records.len()).unwrap_or(u64::MAX)).next()
    }

    /// A stream as the group so far leaves it.
    pub(super) async fn stream(&mut self, id: &StreamId) -> Result<Option<Stream>, SubmitError> {
        match self.outlook.streams.get(id) {
            Some(stream) => Ok(Some(stream.clone())),
            None => Ok(self.desk.fold.stream(id, self.head).await?),
        }
    }
}

impl Staged {
    /// The record as the views take it.
    pub(super) fn applied(&self, catalogue: &Catalogue) -> Applied {
        let (event, left) = (&self.keep.record.event, self.left.as_ref());
        let topics = topics::of(event, left, self.assessment.as_ref(), catalogue);
        Applied {
            record: Arc::new(self.keep.record.clone()),
            hash: self.keep.hash,
            topics,
            assessment: self.assessment.clone().map(Arc::new),
        }
    }
}
