//! A group in the making: commands are decided one after the other, each against what the ones
//! before it leave, and nothing of it is seen by anybody until the group is durable.

use std::sync::Arc;

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use imbl::HashMap as SharedMap;
use jiff::civil::Date;

use super::{
    Introduction, Keep, Mode, Outcome, Receipt, Registered, Shown, Submission, SubmitError,
    clock::Now,
    directory::Directory,
    erasures::Erasures,
    fold::{Fold, Stream},
    found::Found,
    random::Random,
    texts::Opener,
    topics,
};
use crate::{
    journal::Entry,
    judgement::{
        Act, Assessment, Caller, Command, Decision, Event, FrameworkId, Order, PersonId,
        PersonRegistered, Position, RecordId, Recorder, Refusal, RequestId, Revision, Role,
        Situation, StreamId, Text, decide,
    },
    merkle::leaf_hash,
    record::{Beside, CommittedText, Previous, Record, commit},
    vault::{Sealing, Vault},
    views::Topics,
};

/// The frameworks that are registered.
pub(super) type Catalogue = SharedMap<FrameworkId, Arc<Registered>>;

/// What commands are decided with.
pub(super) struct Desk {
    pub(super) fold: Fold,
    pub(super) vault: Arc<Vault>,
    pub(super) random: Random,
}

/// What the ledger becomes if the group is appended.
pub(super) struct Outlook {
    pub(super) directory: Directory,
    pub(super) catalogue: Catalogue,
    pub(super) erasures: Erasures,
    /// How many bytes of records and texts the group has.
    pub(super) bytes: usize,
    /// The streams of the group's records, after them.
    pub(super) streams: HashMap<StreamId, Stream>,
}

/// What takes back the records of a submission that is refused after some of them were staged, or
/// that was only to be validated. A single command needs none: nothing refuses it any more once it
/// is staged.
struct Undo {
    directory: Directory,
    catalogue: Catalogue,
    erasures: Erasures,
    bytes: usize,
    records: usize,
    /// What each stream was before the first of the records.
    streams: Vec<(StreamId, Option<Stream>)>,
}

/// A record that waits for its group to become durable.
pub(super) struct Staged {
    pub(super) keep: Keep,
    /// What it speaks of.
    pub(super) topics: Topics,
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
    undo: Option<Undo>,
}

/// What became of a submission so far.
pub(super) enum Taken {
    /// Its records are in the group; the receipts hold once that is durable.
    Staged(Vec<Receipt>),
    /// It is answered already: refused, replayed or only validated.
    Answered(Result<Vec<Receipt>, SubmitError>),
    /// It is refused, or only validated, beside records of this very group: the answer may rest on
    /// them, and holds once they are durable.
    Supposed(Result<Vec<Receipt>, SubmitError>),
    /// It repeats a request of this very group: decide it in the next one.
    Later(Submission),
}

impl Outlook {
    /// As the ledger stands.
    pub(super) fn of(directory: Directory, catalogue: Catalogue, erasures: Erasures) -> Self {
        Self { directory, catalogue, erasures, bytes: 0, streams: HashMap::new() }
    }

    /// Folds in a record of a stream, whose assessment stood so before it, if it is of one.
    pub(super) fn fold(
        &mut self,
        (stream, keep): (StreamId, Keep),
        before: Option<Arc<Assessment>>,
    ) -> Staged {
        let (revision, last) = (keep.record.revision, keep.item());
        let meant = topics::meant(&keep.record.event, before.as_deref());
        let before = before.map(Arc::unwrap_or_clone);
        let assessment = match &stream {
            StreamId::Assessment(id) => {
                Assessment::after(before, id, &keep.record.fact(keep.hash)).map(Arc::new)
            }
            StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
        };
        let topics = topics::of(&keep.record.event, &meant, assessment.as_deref(), &self.catalogue);
        let bytes = keep.entry.record.len().saturating_add(keep.entry.sealed.len());
        self.bytes = self.bytes.saturating_add(bytes);
        self.streams.insert(stream, Stream { revision, last, assessment });
        Staged { keep, topics }
    }
}

impl<'a> Stage<'a> {
    /// An empty group that begins after `head`.
    pub(super) fn begin(
        desk: &'a mut Desk,
        (now, today): (Now, Date),
        head: Position,
        outlook: Outlook,
    ) -> Self {
        let (records, requests) = (Vec::new(), HashSet::new());
        Self { desk, now, today, head, outlook, records, requests, undo: None }
    }

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
        let mode = submission.mode;
        let several = submission.commands.len().saturating_add(submission.introductions.len()) > 1;
        self.undo = (several || mode == Mode::Validate).then(|| self.as_it_stands());
        let decided = self.decide_all(submission).await;
        let undo = self.undo.take();
        match (decided, mode) {
            (Ok(receipts), Mode::Record) => {
                self.requests.extend(ids);
                Taken::Staged(receipts)
            }
            (decided, Mode::Record | Mode::Validate) => {
                self.take_back(undo);
                let validated = |it: Vec<Receipt>| it.into_iter().map(Receipt::validated).collect();
                let answer = decided.map(validated);
                if self.records.is_empty() {
                    Taken::Answered(answer)
                } else {
                    Taken::Supposed(answer)
                }
            }
        }
    }

    fn as_it_stands(&self) -> Undo {
        Undo {
            directory: self.outlook.directory.clone(),
            catalogue: self.outlook.catalogue.clone(),
            erasures: self.outlook.erasures.clone(),
            bytes: self.outlook.bytes,
            records: self.records.len(),
            streams: Vec::new(),
        }
    }

    fn take_back(&mut self, undo: Option<Undo>) {
        let Some(undo) = undo else { return };
        let Undo { directory, catalogue, erasures, bytes, records, streams } = undo;
        self.outlook.directory = directory;
        self.outlook.catalogue = catalogue;
        self.outlook.erasures = erasures;
        self.outlook.bytes = bytes;
        self.records.truncate(records);
        for (id, before) in streams {
            match before {
                Some(before) => self.outlook.streams.insert(id, before),
                None => self.outlook.streams.remove(&id),
            };
        }
    }

    /// A submission whose requests were recorded before gets its first receipts again, if it
    /// says the same as then. (Spec §4.3)
    async fn replay(
        &mut self,
        submission: &Submission,
    ) -> Result<Option<Vec<Receipt>>, SubmitError> {
        let mut found = Vec::with_capacity(submission.commands.len());
        for command in &submission.commands {
            let (person, request) = (command.caller.person, command.act.request);
            found.push(self.desk.fold.of_request(person, request, self.head).await?);
        }
        let bound = found.iter().flatten().count();
        if bound == 0 {
            return Ok(None);
        }
        let mut receipts = Vec::with_capacity(bound);
        for (number, (command, keep)) in submission.commands.iter().zip(found).enumerate() {
            let Some(keep) = keep else { continue };
            let opener = Opener { vault: &self.desk.vault, erasures: &self.outlook.erasures };
            let openings = opener.openings(&keep);
            let mut opening = |place: usize| openings.get(place).cloned().flatten();
            let act = command.act.with_evidence_of(&keep.record.act);
            let same = keep.record.is_caused_by(&act, &command.order, &mut opening);
            // With commands beside it that were not recorded, the batch is not the one of then.
            if !same || bound < submission.commands.len() {
                let refusal = Refusal::KeyReused { position: keep.record.position };
                return Err(SubmitError::Refused { command: number, refusal });
            }
            receipts.push(Receipt::of(&keep, Outcome::Replayed));
        }
        Ok(Some(receipts))
    }

    async fn decide_all(&mut self, submission: Submission) -> Result<Vec<Receipt>, SubmitError> {
        if let Some(first) = submission.commands.first() {
            for introduction in submission.introductions {
                Box::pin(self.introduce(introduction, &first.caller)).await?;
            }
        }
        let batch_from = self.next();
        let mut receipts = Vec::with_capacity(submission.commands.len());
        for (number, command) in submission.commands.into_iter().enumerate() {
            let receipt = self.command(command, batch_from).await;
            receipts.push(receipt.map_err(|error| error.of_command(number))?);
        }
        Ok(receipts)
    }

    /// The directory learns of a person.
    async fn introduce(
        &mut self,
        introduction: Introduction,
        caller: &Caller,
    ) -> Result<(), SubmitError> {
        let Introduction { person, organisation, name } = introduction;
        if self.outlook.directory.find(&organisation, name.as_str()).is_some() {
            return Err(SubmitError::DirectoryMoved);
        }
        let recorder = Recorder {
            person: caller.person,
            role: Role::Service,
            organisation: caller.organisation.clone(),
        };
        let known = (organisation.clone(), Shown::Present(name.clone()));
        self.outlook.directory.learn(person, known, self.next());
        // The service's own act, for the command that follows: nobody ever repeats its request.
        let act = Act::of_service(RequestId::new(self.desk.random.uuid_v4()?));
        let event = Event::PersonRegistered(PersonRegistered { person, organisation, name });
        let before = self.take_out(&StreamId::Ledger).await?;
        self.compose((StreamId::Ledger, before), recorder, (act, event), None)?;
        Ok(())
    }

    async fn command(
        &mut self,
        command: Command<Text>,
        batch_from: Position,
    ) -> Result<Receipt, SubmitError> {
        let found = Found::of(self, &command).await?;
        let seed = self.desk.random.bytes()?;
        let known = found.known();
        let situation = Situation { today: self.today, batch_from, seed, known };
        let decided = decide(&situation, &command);
        let Decision { event, role } =
            decided.map_err(|refusal| SubmitError::Refused { command: 0, refusal })?;
        let Command { caller, mut act, order } = command;
        found.settle_evidence(&mut act);
        let replacement = found.replacement();
        // What was found is not held on to, so that folding need not copy it.
        drop(found);
        let Caller { person, organisation, .. } = caller;
        let recorder = Recorder { person, role, organisation };
        let document = match &order {
            Order::RegisterFramework(registering) => Some(registering),
            Order::RegisterSubject(_)
            | Order::RenameSubject(_)
            | Order::RecordAccess(_)
            | Order::RotateKey(_)
            | Order::Assess(_, _)
            | Order::Redact(_, _) => None,
        };
        let beside = document.map(|it| Bytes::from(it.document.to_vec()));
        let stream = order.stream();
        let before = self.take_out(&stream).await?;
        let receipt = self.compose((stream, before), recorder, (act, event), beside)?;
        if let (Some(registering), Some(staged)) = (document, self.records.last()) {
            let registered = Registered::new(registering, staged.keep.item());
            let id = registering.framework.id.clone();
            self.outlook.catalogue.insert(id, Arc::new(registered));
        }
        if let Order::Redact(_, _) = &order {
            self.erase(replacement);
        }
        Ok(receipt)
    }

    /// What the last record erases, nobody reads any more, and finds nobody by.
    fn erase(&mut self, replacement: Option<Text>) {
        let Some(Staged { keep, .. }) = self.records.last() else { return };
        let erasure = self.outlook.erasures.learn(&keep.record, replacement);
        if let (Some(erasure), Some((record, _))) = (erasure, keep.record.event.redacts()) {
            self.outlook.directory.forget(record, erasure);
        }
    }

    /// A stream as the group so far leaves it, taken out: so that folding need not copy what nobody
    /// else holds.
    async fn take_out(&mut self, stream: &StreamId) -> Result<Option<Stream>, SubmitError> {
        match self.outlook.streams.remove(stream) {
            Some(staged) => Ok(Some(staged)),
            None => Ok(self.desk.fold.stream(stream, self.head).await?),
        }
    }

    /// Makes the record and its sealed texts, and folds it into the outlook. `before` is what was
    /// taken out.
    fn compose(
        &mut self,
        (stream, before): (StreamId, Option<Stream>),
        recorded_by: Recorder,
        said: (Act<Text>, Event<Text>),
        document: Option<Bytes>,
    ) -> Result<Receipt, SubmitError> {
        match self.record((&stream, before.as_ref()), recorded_by, said, document) {
            Ok(keep) => {
                let receipt = Receipt::of(&keep, Outcome::Recorded);
                self.settle(stream, keep, before);
                Ok(receipt)
            }
            Err(refused) => {
                self.outlook.streams.extend(before.map(|before| (stream, before)));
                Err(refused)
            }
        }
    }

    /// The next record of a stream, as it is stored.
    fn record(
        &mut self,
        (stream, before): (&StreamId, Option<&Stream>),
        recorded_by: Recorder,
        (act, event): (Act<Text>, Event<Text>),
        document: Option<Bytes>,
    ) -> Result<Keep, SubmitError> {
        let id = RecordId::new(self.desk.random.uuid_v7(self.now.recorded_at)?);
        let random = &mut self.desk.random;
        let committed = commit(id, act, event, &mut || random.opening())?;
        let previous = |it: &Stream| Previous { position: it.last.at, hash: it.last.hash };
        let record = Record {
            stream: stream.clone(),
            position: self.next(),
            revision: before.map_or(Revision::START, |it| it.revision).next(),
            id,
            recorded_at: self.now.recorded_at,
            clock: self.now.clock,
            recorded_on: self.today,
            recorded_by,
            previous: before.map(previous),
            act: committed.act,
            event: committed.event,
        };
        let bytes = record.encode()?;
        let hash = leaf_hash(&bytes);
        let texts = self.seal(id, &committed.texts)?;
        let sealed = Beside { texts, document: document.unwrap_or_default() }.encode();
        Ok(Keep { record, hash, entry: Entry { record: bytes, sealed } })
    }

    fn seal(&self, id: RecordId, texts: &[CommittedText]) -> Result<Bytes, SubmitError> {
        let mut sealings = Vec::with_capacity(texts.len());
        for CommittedText { field, commitment, opening, text } in texts {
            let record_id = id.uuid();
            sealings.push(Sealing { record_id, field, commitment: *commitment, opening, text });
        }
        Ok(self.desk.vault.seal(&sealings)?)
    }

    /// Folds a record into the outlook. Nothing refuses it any more.
    fn settle(&mut self, id: StreamId, keep: Keep, before: Option<Stream>) {
        if let Some(undo) = &mut self.undo
            && undo.streams.iter().all(|(touched, _)| *touched != id)
        {
            undo.streams.push((id.clone(), before.clone()));
        }
        let assessment = before.and_then(|stream| stream.assessment);
        self.records.push(self.outlook.fold((id, keep), assessment));
    }

    /// Where the next record of the group stands.
    pub(super) fn next(&self) -> Position {
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
