//! `GetFeed`: scores as they are published, from a cursor on, then live.
//!
//! It is a stream of records like any other, of those that publish something: the same pump reads
//! for it, waits, and cuts off who is too slow. Only where it looks differs, since publications are
//! rare and indexed; and each record becomes the items that it brought about.

use std::{collections::BTreeSet, pin::Pin, sync::Arc};

use futures_util::StreamExt as _;
use prost::Message as _;
use tokio_stream::Stream;
use tonic::Status;

use super::{disclosure::is_fed, feeds, proof};
use crate::{
    journal::Page,
    judgement::{
        AssessmentId, AssessmentWithdrawn, Edition, Event, Fallback, Feed, NonGrade, Position,
        Standing, StreamId,
    },
    ledger::{
        AsOf, AssessmentRead, Condition, Holds, KnownAt, Ledger, Order, ReadError, Streamed, Test,
        View,
    },
    pb::{self, feed_item::Kind, get_feed_response},
    record::feeds_of,
    rpc::{
        asked::Asked,
        audit::{Ends, Feed as RecordFeed, Reader, Until, Wanted, begin},
        caller::Identity,
        reads,
        served::{SplicedMessage as Recorded, StreamRecordsAnswer},
        show::{self, Detail, Scope},
        sight::{Reach, Recipient, Sight},
        status,
    },
};

/// The events that bring scores about.
const PUBLISHING: [&str; 2] = ["AssessmentPublished", "AssessmentWithdrawn"];

/// How many publications one read of the stream takes: each is a few hundred bytes.
const PUBLICATIONS_MAX: usize = 100;

/// What the transport takes from.
pub(in crate::rpc) type Scores =
    Pin<Box<dyn Stream<Item = Result<pb::GetFeedResponse, Status>> + Send>>;

/// Whose scores of what are read.
struct ScoreFeed {
    ledger: Ledger,
    recipient: Recipient,
    /// What the reader reaches, who asks for another recipient's feed.
    of_another: Option<Reach>,
    scheme: String,
    /// Empty: all.
    block: String,
}

/// The scores that a recipient is fed. (Spec §5, `GetFeed`)
///
/// # Errors
/// `NOT_PERMITTED`, `BadRequest`, or that the ledger has not reached the cursor.
pub(in crate::rpc) async fn get_feed(
    ledger: &Ledger,
    who: &Identity,
    request: pb::GetFeedRequest,
    ends: Ends,
) -> Result<Scores, Status> {
    let mut asked = Asked::default();
    let recipient = Recipient::take(&mut asked, who, &request.recipient);
    let recipient = asked.settle(recipient)?;
    recipient.must_be_of(who)?;
    let scores = ScoreFeed {
        ledger: ledger.clone(),
        of_another: (!recipient.is_of(who)).then(|| Reach::of(who)),
        recipient,
        scheme: request.scheme,
        block: request.block,
    };
    scores.must_be_fed()?;

    reads::reached(ledger, request.after_position).await?;
    let wanted = Wanted { events: PUBLISHING.into(), ..Wanted::default() };
    let feed = RecordFeed::new(wanted, Position::new(request.after_position));
    let until = if request.catch_up_only { Until::CaughtUp } else { Until::Cancelled };
    let looked_in = ledger.clone();
    let reader = Reader { feed, until, ends };
    let records = begin(ledger, reader, move |after, _| publications(looked_in.clone(), after));
    let scores = Arc::new(scores);
    let answers = records.filter_map(move |recorded| {
        let scores = Arc::clone(&scores);
        async move {
            match recorded {
                Ok(recorded) => Box::pin(scores.answer(recorded)).await.transpose(),
                Err(status) => Some(Err(status)),
            }
        }
    });
    Ok(Box::pin(answers))
}

/// The publications after a position, and the last record that was looked at, wanted or not: the
/// reader goes on after it. Empty only at the head.
async fn publications(ledger: Ledger, after: Position) -> Result<Vec<Streamed>, ReadError> {
    let head = ledger.head();
    if after >= head.position {
        return Ok(Vec::new());
    }
    let mut until = head.position;
    let mut wanted: BTreeSet<Position> = BTreeSet::new();
    for event in PUBLISHING {
        let condition = Condition::Test(Test::Event(event));
        let (order, from) = (Order::OldestFirst, Some(after));
        let found = Box::pin(ledger.find(&condition, order, head, from, PUBLICATIONS_MAX)).await?;
        wanted.extend(found.records.iter().map(|read| read.record.position));
        until = until.min(found.next.unwrap_or(until));
    }
    // Beyond, not all events have been looked for.
    wanted.retain(|at| *at <= until);
    wanted.insert(until);
    let mut page = Vec::with_capacity(wanted.len());
    for at in wanted {
        let before = Position::new(at.get().saturating_sub(1));
        page.extend(ledger.records(before, Page { entries_max: 1, bytes_max: 0 }).await?);
    }
    Ok(page)
}

impl ScoreFeed {
    /// Refuses a scheme or block that no framework feeds to the recipient: an empty feed would not
    /// say that it stays empty.
    fn must_be_fed(&self) -> Result<(), Status> {
        let mut fed = BTreeSet::new();
        for registered in self.ledger.frameworks() {
            let document = show::framework(&registered).map_err(|error| status::of_read(&error))?;
            let feeds = feeds_of(&document).map_err(|_| status::defect())?;
            for feed in feeds.into_iter().filter(|feed| self.recipient.may_be_fed(feed)) {
                if self.takes(&feed) {
                    return Ok(());
                }
                fed.insert(format!("{} ({})", feed.scheme, feed.block));
            }
        }
        let fed: Vec<String> = fed.into_iter().collect();
        let what = match fed.as_slice() {
            [] => format!("is fed to others: no framework feeds scores to {}", self.recipient),
            fed => format!("is not fed to {}, but {}", self.recipient, fed.join(", ")),
        };
        let field = if self.block.is_empty() { "scheme" } else { "block" };
        Err(status::bad_request(vec![(field.to_owned(), what)]))
    }

    /// Whether a score of this assessment goes to the recipient, and its reader may know.
    fn feeds(&self, read: &AssessmentRead, feed: &Feed) -> bool {
        let framework = &read.framework.framework;
        let told = self.of_another.as_ref().is_none_or(|reach| reach.on(framework) == Sight::All);
        told && is_fed(read, feed, &self.recipient)
    }

    fn takes(&self, feed: &Feed) -> bool {
        feed.scheme == self.scheme && (self.block.is_empty() || feed.block == self.block)
    }

    /// What the reader is told of what the stream of records tells; `None` where that is nothing.
    async fn answer(
        &self,
        recorded: StreamRecordsAnswer,
    ) -> Result<Option<pb::GetFeedResponse>, Status> {
        let message = match recorded.message {
            None => None,
            Some(Recorded::CaughtUp(at)) => Some(get_feed_response::Message::CaughtUp(at)),
            Some(Recorded::Checkpoint(at)) => Some(get_feed_response::Message::Checkpoint(at)),
            Some(Recorded::Record(record)) => {
                let stored = pb::Record::decode(record.record).map_err(|_| status::defect())?;
                Some(self.told_of(Position::new(stored.position)).await?)
            }
        };
        Ok(message.map(|message| pb::GetFeedResponse { message: Some(message) }))
    }

    /// The items that a record brought about; where there are none for this reader, where it
    /// stands.
    async fn told_of(&self, at: Position) -> Result<get_feed_response::Message, Status> {
        let record = self.ledger.record(at).await.map_err(|error| status::of_read(&error))?;
        let items = match (&record.record.stream, &record.event) {
            (StreamId::Assessment(id), Event::AssessmentPublished(published)) => {
                self.published(id, published.edition, at).await?
            }
            (StreamId::Assessment(id), Event::AssessmentWithdrawn(withdrawn)) => {
                self.withdrawn(id, withdrawn, at).await?
            }
            (_, _) => Vec::new(),
        };
        if items.is_empty() {
            let position = at.get();
            return Ok(get_feed_response::Message::Checkpoint(pb::StreamCheckpoint { position }));
        }
        let record_id = record.record.id.to_string();
        let update = pb::FeedUpdate { position: at.get(), record_id, items };
        Ok(get_feed_response::Message::Update(update))
    }

    /// The items of an edition, each correcting what stood before it: the score of the edition before,
    /// or what its withdrawal put in the place of that.
    async fn published(
        &self,
        id: &AssessmentId,
        edition: u32,
        at: Position,
    ) -> Result<Vec<pb::FeedItem>, Status> {
        let Some(read) = self.edition(id, edition, at).await? else { return Ok(Vec::new()) };
        let fed: Vec<Feed> = feeds(&read)?
            .into_iter()
            .filter(|feed| self.takes(feed) && self.feeds(&read, feed))
            .collect();
        if fed.is_empty() {
            return Ok(Vec::new());
        }
        let shown = self.shown(&read).await?;
        let before = match read.assessment.published.as_slice() {
            [.., before, _] => self.stood_before(id, before, at).await?,
            [] | [_] => None,
        };
        let mut items = Vec::with_capacity(fed.len());
        for feed in &fed {
            let corrects = before.as_ref().map(|it| it.correction(feed, &self.recipient));
            let proof = proof::of(&self.ledger, &self.recipient, &read, feed).await?;
            items.push(pb::FeedItem { corrects, proof, ..item(&read, &shown, feed) });
        }
        Ok(items)
    }

    /// What stood when an edition was published that follows this one.
    async fn stood_before(
        &self,
        id: &AssessmentId,
        before: &Edition,
        at: Position,
    ) -> Result<Option<Former>, Status> {
        let Some(read) = self.edition(id, before.number, at).await? else { return Ok(None) };
        let shown = self.shown(&read).await?;
        let instead = match &before.withdrawn {
            Some(withdrawn) => self.instead(&withdrawn.fallback, at).await?,
            None => None,
        };
        let was_withdrawn = before.withdrawn.is_some();
        Ok(Some(Former { read, shown, was_withdrawn, instead }))
    }

    /// The items of what holds instead of an edition that was withdrawn, each correcting that of
    /// the edition: the scores of the fallback, else that there are none.
    async fn withdrawn(
        &self,
        id: &AssessmentId,
        withdrawn: &AssessmentWithdrawn,
        at: Position,
    ) -> Result<Vec<pb::FeedItem>, Status> {
        let Some(was) = self.edition(id, withdrawn.edition, at).await? else {
            return Ok(Vec::new());
        };
        let fed: Vec<Feed> = feeds(&was)?
            .into_iter()
            .filter(|feed| self.takes(feed) && self.feeds(&was, feed))
            .collect();
        if fed.is_empty() {
            return Ok(Vec::new());
        }
        let shown_was = self.shown(&was).await?;
        let instead = self.instead(&withdrawn.fallback, at).await?;
        let mut items = Vec::with_capacity(fed.len());
        for lost in &fed {
            let corrects = Some(corrected(&was, &shown_was, lost));
            let other = instead.as_ref().and_then(|it| Some((it, it.feed(lost, &self.recipient)?)));
            items.push(match other {
                Some((Instead { read, shown, .. }, same)) => {
                    let proof = proof::of(&self.ledger, &self.recipient, read, same).await?;
                    pb::FeedItem { corrects, proof, fallback: true, ..item(read, shown, same) }
                }
                None => pb::FeedItem {
                    kind: Kind::NotRated.into(),
                    award: None,
                    record_id: String::new(),
                    position: 0,
                    corrects,
                    ..item(&was, &shown_was, lost)
                },
            });
        }
        Ok(items)
    }

    /// What the subject falls back to, if it is anything.
    async fn instead(&self, fallback: &Fallback, at: Position) -> Result<Option<Instead>, Status> {
        let Fallback::Assessment(id) = fallback else { return Ok(None) };
        let (view, known) = (View::Published, KnownAt::Position(at));
        let as_of = AsOf { view, known, effective: None, stated: None };
        let read = reads::opened(&self.ledger, id, as_of).await?;
        let Some(read) = read.filter(|read| read.holds == Holds::AsAsked) else { return Ok(None) };
        let (shown, feeds) = (self.shown(&read).await?, feeds(&read)?);
        Ok(Some(Instead { read, shown, feeds }))
    }

    async fn edition(
        &self,
        id: &AssessmentId,
        edition: u32,
        at: Position,
    ) -> Result<Option<AssessmentRead>, Status> {
        let (view, known) = (View::Edition(edition), KnownAt::Position(at));
        let as_of = AsOf { view, known, effective: None, stated: None };
        reads::opened(&self.ledger, id, as_of).await
    }

    /// The grades that the recipient sees.
    async fn shown(&self, read: &AssessmentRead) -> Result<pb::Assessment, Status> {
        let sight = Sight::Published(self.recipient.clone());
        let scope = Scope { detail: Detail::Grades, sight, as_stated: false };
        reads::shown(&self.ledger, read, &scope, Vec::new()).await
    }
}

fn item(read: &AssessmentRead, shown: &pb::Assessment, feed: &Feed) -> pb::FeedItem {
    let stood = stood(read, shown, feed);
    let edition = read.assessment.published.last();
    pb::FeedItem {
        kind: stood.kind.into(),
        scheme: feed.scheme.clone(),
        block: feed.block.clone(),
        subject: format!("subjects/{}", read.assessment.id.subject()),
        assessment: read.assessment.id.to_string(),
        framework: read.assessment.framework.to_string(),
        cycle: read.assessment.cycle.to_string(),
        edition: edition.map_or(0, |edition| edition.number),
        letter_date: edition.map(|edition| show::date(edition.letter_date)),
        area: feed.area.to_string(),
        award: stood.award,
        record_id: stood.record_id,
        position: stood.position,
        fallback: false,
        corrects: None,
        proof: None,
    }
}

fn corrected(read: &AssessmentRead, shown: &pb::Assessment, feed: &Feed) -> pb::FeedCorrection {
    let stood = stood(read, shown, feed);
    pb::FeedCorrection {
        assessment: read.assessment.id.to_string(),
        edition: read.assessment.published.last().map_or(0, |edition| edition.number),
        kind: stood.kind.into(),
        award: stood.award,
        record_id: stood.record_id,
        position: stood.position,
    }
}

/// What stood before an edition: the edition before it, unless that was withdrawn.
struct Former {
    read: AssessmentRead,
    shown: pb::Assessment,
    was_withdrawn: bool,
    /// What it fell back to, if that was anything.
    instead: Option<Instead>,
}

impl Former {
    /// The score that a reader had of a block.
    fn correction(&self, feed: &Feed, recipient: &Recipient) -> pb::FeedCorrection {
        let was = corrected(&self.read, &self.shown, feed);
        if !self.was_withdrawn {
            return was;
        }
        match self.instead.as_ref().and_then(|instead| instead.item(feed, recipient)) {
            Some(item) => pb::FeedCorrection {
                assessment: item.assessment,
                edition: item.edition,
                kind: item.kind,
                award: item.award,
                record_id: item.record_id,
                position: item.position,
            },
            None => pb::FeedCorrection {
                kind: Kind::NotRated.into(),
                award: None,
                record_id: String::new(),
                position: 0,
                ..was
            },
        }
    }
}

/// What a subject falls back to.
struct Instead {
    read: AssessmentRead,
    shown: pb::Assessment,
    feeds: Vec<Feed>,
}

impl Instead {
    /// The feed of the same block, if its framework feeds it to the recipient as well.
    fn feed(&self, block: &Feed, recipient: &Recipient) -> Option<&Feed> {
        let same = |feed: &&Feed| feed.scheme == block.scheme && feed.block == block.block;
        let mut feeds = self.feeds.iter().filter(same);
        feeds.find(|feed| is_fed(&self.read, feed, recipient))
    }

    /// The score of the same block, if there is one for the recipient.
    fn item(&self, block: &Feed, recipient: &Recipient) -> Option<pb::FeedItem> {
        let feed = self.feed(block, recipient)?;
        Some(item(&self.read, &self.shown, feed))
    }
}

/// What stands for a block, and the record that says so.
struct Stood {
    kind: Kind,
    award: Option<pb::Award>,
    record_id: String,
    position: u64,
}

fn stood(read: &AssessmentRead, shown: &pb::Assessment, feed: &Feed) -> Stood {
    let Some(judgement) = read.assessment.judgements.get(&feed.area) else {
        let (record_id, position) = (String::new(), 0);
        return Stood { kind: Kind::NotRated, award: None, record_id, position };
    };
    let kind = match &judgement.standing {
        Standing::Level { .. } => Kind::Score,
        Standing::NotGraded(NonGrade::SubjectToReview) => Kind::SubjectToReview,
        Standing::NotGraded(NonGrade::NotApplicable) => Kind::NotApplicable,
        Standing::NotGraded(NonGrade::NotJudged) => Kind::NotRated,
    };
    let in_sight = shown.judgements.iter().find(|it| it.area == feed.area.as_str());
    let award = in_sight.and_then(|it| it.award.clone()).filter(|_| kind == Kind::Score);
    let (record_id, position) = (judgement.item.record.to_string(), judgement.item.at.get());
    Stood { kind, award, record_id, position }
}
