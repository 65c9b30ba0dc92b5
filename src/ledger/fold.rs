//! What the rules are asked against: the fold of all records, loaded as it is needed.
//!
//! Only the sequencer holds a [`Fold`]. What it decides from is taken from its own cache, from
//! the views where the journal's footers confirm their revision, and otherwise from the journal
//! itself, record by record: never from a view alone.

use std::{num::NonZeroUsize, sync::Arc};

use foldhash::HashMap;
use lru::LruCache;

use super::{Keep, ReadError, filing, standing::Standing};
use crate::{
    journal::{Entry, Journal, Key, Page, Stored},
    judgement::{
        Assessment, AssessmentId, AssessmentOpened, Command, Event, FieldPath, Item, PersonId,
        Position, RequestId, Revision, StreamId, SubjectId, Text,
    },
    merkle::leaf_hash,
    record::{Previous, Record, Unreadable},
    views::{Direction, Range, Search, Term},
};

/// A stream as its records make it.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    /// How many records it has.
    pub(super) revision: Revision,
    /// Its last record.
    pub(super) last: Item,
    /// What stands, if the stream is an assessment.
    pub(super) assessment: Option<Arc<Assessment>>,
}

/// How many streams are kept in memory: a national round has 150 councils, each with one working
/// assessment; their states of some 20 KiB stay below 40 MiB.
pub(super) const STREAMS_KEPT: NonZeroUsize = match NonZeroUsize::new(2_048) {
    Some(kept) => kept,
    None => NonZeroUsize::MIN,
};

/// How many openings of a subject's assessments are looked up at once: more than it ever has.
const OPENINGS_PAGE: usize = 1_000;

/// How many steps one look-up of openings makes before it goes on: some milliseconds of work.
const OPENINGS_STEPS_MAX: usize = 10_000;

/// Loads streams and remembers some.
pub(super) struct Fold {
    journal: Arc<dyn Journal>,
    standing: Arc<Standing>,
    /// Assessments as they once were, until the views are there.
    states: Vec<Arc<Assessment>>,
    cache: LruCache<StreamId, Stream>,
    foreseen: Foreseen,
}

/// What was looked up ahead of a group, at once: where asking is a journey, each command's own would take
/// longer than a turn may last.
struct Foreseen {
    head: Position,
    latest: HashMap<Key, Option<Position>>,
}

impl Fold {
    pub(super) fn new(
        journal: Arc<dyn Journal>,
        standing: Arc<Standing>,
        states: Vec<Arc<Assessment>>,
    ) -> Self {
        Self {
            journal,
            standing,
            states,
            cache: LruCache::new(STREAMS_KEPT),
            foreseen: Foreseen { head: Position::START, latest: HashMap::default() },
        }
    }

    /// Looks up at once, as of all records up to `head`, what these commands will be decided by.
    pub(super) async fn foresee<'c>(
        &mut self,
        commands: impl Iterator<Item = &'c Command<Text>>,
        head: Position,
    ) -> Result<(), ReadError> {
        let mut keys = Vec::new();
        for command in commands {
            keys.push(filing::of_request(command.caller.person, command.act.request));
            let stream = command.order.stream();
            if !self.cache.contains(&stream) {
                keys.push(filing::of_stream(&stream));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let found = self.journal.latest_of_each(&keys, head.next()).await?;
        self.foreseen = Foreseen { head, latest: keys.into_iter().zip(found).collect() };
        Ok(())
    }

    /// The stream as of all records up to `head`; `None` if it has none.
    pub(super) async fn stream(
        &mut self,
        id: &StreamId,
        head: Position,
    ) -> Result<Option<Stream>, ReadError> {
        if let Some(stream) = self.cache.get(id) {
            return Ok(Some(stream.clone()));
        }
        // Apart, so that this future, of which each command makes some, is small.
        Box::pin(self.found(id, head)).await
    }

    async fn found(&mut self, id: &StreamId, head: Position) -> Result<Option<Stream>, ReadError> {
        let Some(last) = self.last_of(id, head).await? else { return Ok(None) };
        let stream = self.load(id, last).await?;
        self.cache.put(id.clone(), stream.clone());
        Ok(Some(stream))
    }

    /// An assessment as it stood before a record of it; `None` if that opens it. The record itself says
    /// after which it comes, and so what is remembered of the assessment, or viewed, is confirmed.
    pub(super) async fn before(
        &mut self,
        id: &AssessmentId,
        record: &Record,
    ) -> Result<Option<Arc<Assessment>>, ReadError> {
        let Some(previous) = record.previous else { return Ok(None) };
        let known = self.cache.peek(&record.stream).and_then(|it| it.assessment.clone());
        let known = known.filter(|it| follows(previous, &it.last));
        let known = known.or_else(|| self.viewed(id).filter(|it| follows(previous, &it.last)));
        if known.is_some() {
            return Ok(known);
        }
        let last = keep(&*self.journal, previous.position).await?;
        self.assessment(id, last).await.map(Some)
    }

    /// Remembers what a stream has become.
    pub(super) fn keep(&mut self, id: StreamId, stream: Stream) {
        self.cache.put(id, stream);
    }

    /// The record at a position that is known to be one.
    pub(super) async fn record(&self, at: Position) -> Result<Keep, ReadError> {
        keep(&*self.journal, at).await
    }

    /// The record that a person's request caused, if any did. (Spec §4.3)
    pub(super) async fn of_request(
        &self,
        person: PersonId,
        request: RequestId,
        head: Position,
    ) -> Result<Option<Box<Keep>>, ReadError> {
        let meant =
            |record: &Record| record.recorded_by.person == person && record.act.request == request;
        let found = self.latest(filing::of_request(person, request), head, meant).await?;
        Ok(found.map(Box::new))
    }

    /// The last record of the redaction of a text, if there is any.
    pub(super) async fn of_text(
        &self,
        record: Position,
        field: &FieldPath,
        head: Position,
    ) -> Result<Option<Keep>, ReadError> {
        let meant = |it: &Record| it.event.redacts() == Some((record, field));
        self.latest(filing::of_text(record, field), head, meant).await
    }

    /// The assessment of a subject under a framework in a cycle, if one was opened.
    pub(super) async fn of_cycle(
        &self,
        key: Key,
        subject: &SubjectId,
        opening: &AssessmentOpened<Text>,
        head: Position,
    ) -> Result<Option<AssessmentId>, ReadError> {
        let opened = |record: &Record| match (&record.stream, &record.event) {
            (StreamId::Assessment(id), Event::AssessmentOpened(event)) => {
                let same = id.subject() == subject
                    && event.framework == opening.framework
                    && event.cycle == opening.cycle;
                same.then(|| id.clone())
            }
            (_, _) => None,
        };
        let found = self.latest(key, head, |record| opened(record).is_some()).await?;
        Ok(found.and_then(|keep| opened(&keep.record)))
    }

    /// The assessments of a subject. Openings are filed under their subject, so that none is missed
    /// whatever the views say; what was opened before they were, the views alone know.
    pub(super) async fn opened_of(
        &self,
        subject: &SubjectId,
        head: Position,
    ) -> Result<Vec<AssessmentId>, ReadError> {
        let (key, mut before) = (filing::of_opened(subject), head.next());
        let mut at = Vec::new();
        while let Some(filed) = self.journal.latest(key, before).await? {
            at.push(filed);
            before = filed;
        }
        at.extend(self.viewed_openings(subject, head)?);
        at.sort_unstable();
        at.dedup();
        let mut opened = Vec::with_capacity(at.len());
        for position in at {
            let found = Box::pin(keep(&*self.journal, position)).await?;
            match (found.record.stream, found.record.event) {
                (StreamId::Assessment(id), Event::AssessmentOpened(_))
                    if id.subject() == subject =>
                {
                    opened.push(id);
                }
                (_, _) => {}
            }
        }
        Ok(opened)
    }

    /// Where the views find that assessments of a subject were opened.
    fn viewed_openings(
        &self,
        subject: &SubjectId,
        head: Position,
    ) -> Result<Vec<Position>, ReadError> {
        // Refused rather than waited for: nobody else shall wait for it too.
        let views = self.standing.whole().ok_or(ReadError::Rebuilding)?;
        let terms = [Term::Subject(subject.clone()), Term::Event("AssessmentOpened")];
        let clauses = terms.map(|term| vec![term]);
        let mut range = Range { after: Position::START, before: head.next() };
        let (towards, limit, steps_max) = (Direction::Forwards, OPENINGS_PAGE, OPENINGS_STEPS_MAX);
        let mut found = Vec::new();
        loop {
            let search = Search { clauses: &clauses, range, towards, limit, steps_max };
            let page = views.search(&search)?;
            found.extend(page.positions);
            match page.next {
                Some(edge) => range.after = edge,
                None => return Ok(found),
            }
        }
    }

    /// What stood in an assessment after its records up to a position; `None` if it was not opened.
    pub(super) async fn as_known(
        &self,
        id: &AssessmentId,
        until: Position,
    ) -> Result<Option<Assessment>, ReadError> {
        let Some(last) = self.last_of(&StreamId::Assessment(id.clone()), until).await? else {
            return Ok(None);
        };
        let records = trail(&*self.journal, last, None).await?;
        Ok(fold(id, records.iter()))
    }

    async fn last_of(&self, id: &StreamId, head: Position) -> Result<Option<Keep>, ReadError> {
        self.latest(filing::of_stream(id), head, |record| record.stream == *id).await
    }

    async fn latest(
        &self,
        key: Key,
        head: Position,
        meant: impl Fn(&Record) -> bool,
    ) -> Result<Option<Keep>, ReadError> {
        let foreseen = self.foreseen.latest.get(&key).filter(|_| self.foreseen.head == head);
        match foreseen {
            None => latest(&*self.journal, key, head, meant).await,
            Some(None) => Ok(None),
            Some(Some(at)) => {
                let found = Box::pin(keep(&*self.journal, *at)).await?;
                if meant(&found.record) {
                    return Ok(Some(found));
                }
                let before = Position::new(at.get().saturating_sub(1));
                latest(&*self.journal, key, before, meant).await
            }
        }
    }

    async fn load(&mut self, id: &StreamId, last: Keep) -> Result<Stream, ReadError> {
        let (revision, item) = (last.record.revision, last.item());
        let assessment = match id {
            StreamId::Assessment(id) => Some(self.assessment(id, last).await?),
            StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
        };
        Ok(Stream { revision, last: item, assessment })
    }

    /// An assessment whose last record is known: from the views, as far as the journal confirms
    /// them, and the records after.
    async fn assessment(
        &mut self,
        id: &AssessmentId,
        last: Keep,
    ) -> Result<Arc<Assessment>, ReadError> {
        let viewed = self.viewed(id);
        if let Some(assessment) = viewed.as_ref().filter(|it| it.last == last.item()) {
            return Ok(Arc::clone(assessment));
        }
        let records = trail(&*self.journal, last, viewed.as_ref().map(|it| it.last)).await?;
        let first = records.first().and_then(|keep| keep.record.previous);
        let begun = viewed.filter(|it| first.is_some_and(|first| follows(first, &it.last)));
        let begun = begun.map(|it| it.as_ref().clone());
        let after =
            |before, keep: &Keep| Assessment::after(before, id, &keep.record.fact(keep.hash));
        records.iter().fold(begun, after).map(Arc::new).ok_or_else(|| ReadError::Unreadable {
            position: records.first().map_or(Position::START, |keep| keep.record.position),
            what: "the first record of an assessment does not open it".to_owned(),
        })
    }

    /// An assessment as the views have it, or once had it.
    fn viewed(&mut self, id: &AssessmentId) -> Option<Arc<Assessment>> {
        match self.standing.whole() {
            Some(views) => {
                self.states = Vec::new();
                views.assessment(id).ok().flatten()
            }
            None => self.states.iter().find(|it| it.id == *id).cloned(),
        }
    }
}

/// Whether a record that names `previous` is the next one of its stream after `item`.
fn follows(previous: Previous, item: &Item) -> bool {
    (previous.position, previous.hash) == (item.at, item.hash)
}

/// The newest record up to `head` under `key` that is meant: keys may collide.
pub(super) async fn latest(
    journal: &dyn Journal,
    key: Key,
    head: Position,
    meant: impl Fn(&Record) -> bool,
) -> Result<Option<Keep>, ReadError> {
    let mut before = head.next();
    while let Some(at) = journal.latest(key, before).await? {
        let found = Box::pin(keep(journal, at)).await?;
        if meant(&found.record) {
            return Ok(Some(found));
        }
        before = at;
    }
    Ok(None)
}

/// An assessment as some of its records, oldest first, make it; `None` if they do not open it.
pub(super) fn fold<'a>(
    id: &AssessmentId,
    records: impl Iterator<Item = &'a Keep>,
) -> Option<Assessment> {
    records.fold(None, |before, keep| Assessment::after(before, id, &keep.record.fact(keep.hash)))
}

/// A stream's records up to `last`, oldest first: each names the one before, and its hash. If one
/// names `known` so, only those after that.
pub(super) async fn trail(
    journal: &dyn Journal,
    last: Keep,
    known: Option<Item>,
) -> Result<Vec<Keep>, ReadError> {
    let mut records = vec![last];
    while let Some(previous) = records.last().and_then(|keep| keep.record.previous) {
        if known.is_some_and(|known| follows(previous, &known)) {
            break;
        }
        let found = keep(journal, previous.position).await?;
        if found.hash != previous.hash {
            let what = "its hash is not the one that the next record of its stream names";
            return Err(ReadError::Unreadable {
                position: previous.position,
                what: what.to_owned(),
            });
        }
        records.push(found);
    }
    records.reverse();
    Ok(records)
}

/// The record at a position, decoded.
pub(super) async fn keep(journal: &dyn Journal, at: Position) -> Result<Keep, ReadError> {
    let one = Page { entries_max: 1, bytes_max: 0 };
    let before = Position::new(at.get().saturating_sub(1));
    let stored = journal.read(before, one).await?.into_iter().next();
    let stored = stored.filter(|it| it.position == at).ok_or(ReadError::NoRecord(at))?;
    Keep::of(stored)
}

impl Keep {
    /// Decodes what is stored.
    pub(super) fn of(stored: Stored) -> Result<Self, ReadError> {
        let record = Record::decode(&stored.entry.record)
            .map_err(|error| unreadable(stored.position, &error))?;
        Ok(Self::new(record, stored.entry))
    }

    pub(super) fn new(record: Record, entry: Entry) -> Self {
        let hash = leaf_hash(&entry.record);
        Self { record, hash, entry }
    }

    /// The record as an item that something stands by.
    pub(super) fn item(&self) -> Item {
        Item { at: self.record.position, record: self.record.id, hash: self.hash }
    }
}

pub(super) fn unreadable(position: Position, error: &Unreadable) -> ReadError {
    ReadError::Unreadable { position, what: error.to_string() }
}
