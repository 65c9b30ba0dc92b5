//! Several ledgers on one journal, as several processes have it.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;

use super::*;
use crate::{
    journal::{Answer, Group, Journal, Key, Mark, MemoryJournal, Page, Stored, Turn},
    judgement::{
        AreaId, AssessmentId, AssessmentOpened, AssessmentOrder, Cycle, Expected, FrameworkId,
        Grade, LevelCode, Order, ReasonCode, SetGrade, Text,
    },
    ledger::{
        Condition, Ledger, Order as Towards, Receipt, SubmitError, filing,
        tests::ground::{Ground, Open, ordered_by, register},
    },
    merkle::Hash,
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What goes wrong between a process and the journal that it shares.
#[derive(Debug, Clone, Default)]
enum Wrong {
    #[default]
    Nothing,
    /// It does not learn where the journal ends but by its turn.
    Blind,
    /// Nor can it read entries.
    Unreadable,
    /// The next append is stored, and nobody is told.
    Unconfirmed,
    /// The next append is not stored, and nobody is told.
    Lost,
    /// The journal was put back to where it once ended.
    PutBack(Head),
    /// Another summed up the same records otherwise.
    OtherMark,
}

/// A journal as one of several processes has it.
struct Seen {
    inner: Arc<MemoryJournal>,
    wrong: Mutex<Wrong>,
}

impl Seen {
    fn by(inner: &Arc<MemoryJournal>) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), wrong: Mutex::default() })
    }

    fn goes(&self, wrong: Wrong) {
        *self.wrong.lock().unwrap() = wrong;
    }

    fn wrong(&self) -> Wrong {
        self.wrong.lock().unwrap().clone()
    }

    fn shown(&self, head: Head) -> Head {
        match self.wrong() {
            Wrong::PutBack(before) => before,
            Wrong::OtherMark => {
                let Head { position, mark } = head;
                let other = |Mark { at, bytes }| {
                    let mut summary = Summary::from_bytes(&bytes).unwrap();
                    summary.frontier.push(crate::merkle::leaf_hash(b"another"));
                    Mark { at, bytes: summary.to_bytes() }
                };
                Head { position, mark: mark.map(other) }
            }
            Wrong::Nothing
            | Wrong::Blind
            | Wrong::Unreadable
            | Wrong::Unconfirmed
            | Wrong::Lost => head,
        }
    }
}

fn broken() -> io::Error {
    io::Error::other("broken on purpose")
}

impl Journal for Seen {
    fn is_shared(&self) -> bool {
        true
    }

    fn turn(&self) -> Answer<'_, Box<dyn Turn + '_>> {
        Box::pin(async move {
            let inner = self.inner.turn().await?;
            let head = self.shown(inner.head().clone());
            let turn: Box<dyn Turn + '_> = Box::new(SeenTurn { seen: self, inner, head });
            Ok(turn)
        })
    }

    fn head(&self) -> Answer<'_, Head> {
        Box::pin(async move {
            match self.wrong() {
                Wrong::Blind | Wrong::Unreadable => Err(JournalError::Unreadable(broken())),
                _ => Ok(self.shown(self.inner.head().await?)),
            }
        })
    }

    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>> {
        Box::pin(async move {
            match self.wrong() {
                Wrong::Unreadable => Err(JournalError::Unreadable(broken())),
                _ => self.inner.read(after, page).await,
            }
        })
    }

    fn latest(&self, key: Key, before: Position) -> Answer<'_, Option<Position>> {
        self.inner.latest(key, before)
    }

    fn checkpoint(&self) -> Answer<'_, Option<Bytes>> {
        self.inner.checkpoint()
    }

    fn keep_checkpoint(&self, checkpoint: Bytes) -> Answer<'_, ()> {
        self.inner.keep_checkpoint(checkpoint)
    }
}

struct SeenTurn<'a> {
    seen: &'a Seen,
    inner: Box<dyn Turn + 'a>,
    head: Head,
}

impl Turn for SeenTurn<'_> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn append<'a>(self: Box<Self>, group: Group) -> Answer<'a, Head>
    where
        Self: 'a,
    {
        Box::pin(async move {
            match self.seen.wrong() {
                Wrong::Unconfirmed => {
                    self.inner.append(group).await?;
                    self.seen.goes(Wrong::Nothing);
                    Err(JournalError::Unknown(broken()))
                }
                Wrong::Lost => {
                    self.seen.goes(Wrong::Nothing);
                    Err(JournalError::Unknown(broken()))
                }
                _ => self.inner.append(group).await,
            }
        })
    }
}

/// Ledgers on one journal and one keyring.
struct Several {
    seen: Vec<Arc<Seen>>,
    open: Vec<Open>,
    _keys: tempfile::TempDir,
    _grounds: Vec<Ground>,
}

impl Several {
    async fn open(count: usize) -> Self {
        let journal = Arc::new(MemoryJournal::shared(filing()));
        let keys = tempfile::tempdir().unwrap();
        let seen: Vec<_> = (0..count).map(|_| Seen::by(&journal)).collect();
        let path = keys.path().to_owned();
        let ground = |seen: &Arc<Seen>| Ground::sharing(Arc::<Seen>::clone(seen), path.clone());
        let grounds: Vec<_> = seen.iter().map(ground).collect();
        let mut open = Vec::new();
        for ground in &grounds {
            open.push(ground.try_open(None).await.unwrap());
        }
        open[0].ledger.register_built_in().await.unwrap();
        Self { seen, open, _keys: keys, _grounds: grounds }
    }

    fn ledger(&self, number: usize) -> &Ledger {
        &self.open[number].ledger
    }

    /// The head, once every ledger is there.
    async fn abreast(&self) -> Position {
        let heads = self.open.iter().map(|it| it.ledger.head().position);
        let head = heads.max().unwrap();
        for Open { ledger, .. } in &self.open {
            let mut follow = ledger.follow();
            let reached = follow.wait_for(|moment| moment.position >= head);
            tokio::time::timeout(PATIENCE, reached).await.unwrap().unwrap();
        }
        head
    }

    /// All of them are at one head, and answer the same.
    async fn agree(&self) -> Position {
        let head = self.abreast().await;
        let first = told(self.ledger(0)).await;
        for Open { ledger, .. } in &self.open {
            assert_eq!(told(ledger).await, first);
        }
        head
    }
}

/// What a ledger says of all that it has: its root, every record, found by its views, and what stands.
async fn told(ledger: &Ledger) -> (Hash, Vec<String>) {
    let everything = Condition::All(Vec::new());
    let (head, mut said, mut from) = (ledger.head(), Vec::new(), None);
    loop {
        let page = ledger.find(&everything, Towards::OldestFirst, head, from, 500).await.unwrap();
        said.extend(page.records.iter().map(|read| format!("{read:?}")));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let views = ledger.shared.standing.whole().unwrap();
    said.push(format!("{:?}", views.assessment(&assessment()).unwrap()));
    let frameworks = ledger.frameworks();
    said.extend(frameworks.iter().map(|it| it.framework.id.to_string()));
    (ledger.shared.tree().root(), said)
}

/// Hands in what somebody orders, again where the directory had to be looked up anew.
async fn submit(ledger: &Ledger, order: Order<Text>) -> Result<Vec<Receipt>, SubmitError> {
    loop {
        // Nobody moderates what is their own.
        let login = match &order {
            Order::Assess(_, AssessmentOrder::SetGrade(set)) => format!("{:?}", set.expected),
            _ => "admin".to_owned(),
        };
        let mut submission = ordered_by(&login, ledger, order.clone());
        if let Order::Assess(_, AssessmentOrder::SetGrade(_)) = &order {
            let act = &mut submission.commands[0].act;
            act.reason = Some(ReasonCode::parse("MODERATION").unwrap());
            act.rationale = Some(Text::parse("The panel saw new evidence.").unwrap());
        }
        match ledger.submit(submission).await {
            Err(SubmitError::DirectoryMoved) => sleep(Duration::from_millis(5)).await,
            outcome => return outcome,
        }
    }
}

async fn registered(ledger: &Ledger, subject: &str) -> Result<Position, SubmitError> {
    let order = register(ledger, subject).commands.remove(0).order;
    submit(ledger, order).await.map(|receipts| receipts[0].position)
}

fn assessment() -> AssessmentId {
    AssessmentId::parse("subjects/leicester-city/assessments/apa-2006").unwrap()
}

fn opening() -> Order<Text> {
    let opened = AssessmentOpened {
        framework: FrameworkId::new("apa", "2006").unwrap(),
        cycle: Cycle::parse("2006").unwrap(),
        periods: Vec::new(),
        addressee: None,
        earlier: Vec::new(),
    };
    Order::Assess(assessment(), AssessmentOrder::Open(opened))
}

fn grading(area: &str, level: &str, before: Option<Position>) -> Order<Text> {
    let set = SetGrade {
        area: AreaId::parse(area).unwrap(),
        grade: Grade::Level(None, LevelCode::parse(level).unwrap()),
        qualifier: None,
        expected: Some(before.map_or(Expected::NoneYet, Expected::At)),
    };
    Order::Assess(assessment(), AssessmentOrder::SetGrade(set))
}

#[tokio::test]
async fn each_goes_on_from_what_the_others_recorded() {
    let several = Several::open(3).await;
    registered(several.ledger(0), "leicester-city").await.unwrap();
    // The turn tells of what was recorded elsewhere: nobody waits to have looked.
    submit(several.ledger(1), opening()).await.unwrap();
    let first = submit(several.ledger(2), grading("social-care", "2", None)).await.unwrap();
    let first = Some(first[0].position);
    submit(several.ledger(0), grading("social-care", "3", first)).await.unwrap();
    let stale = submit(several.ledger(1), grading("social-care", "4", first)).await;
    assert!(matches!(stale, Err(SubmitError::Refused { .. })), "{stale:?}");
    let again = registered(several.ledger(2), "leicester-city").await;
    assert!(matches!(again, Err(SubmitError::Refused { .. })), "{again:?}");
    several.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ledgers_that_race_record_each_command_once_in_one_order() {
    let several = Arc::new(Several::open(4).await);
    let begun = several.agree().await;
    let each = (0..4_usize).flat_map(|of| (0..50).map(move |number| (of, number)));
    let tasks = each.map(|(of, number)| {
        let several = Arc::clone(&several);
        tokio::spawn(async move {
            registered(several.ledger(of), &format!("city-{of}-{number}")).await.unwrap()
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut positions = BTreeSet::new();
    for task in tasks {
        assert!(positions.insert(task.await.unwrap()), "a position is given once");
    }
    let head = several.agree().await;
    // Their caller is introduced once, and no position is skipped.
    assert_eq!(head.since(begun), 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_all_who_expect_the_same_one_is_recorded() {
    let several = Several::open(4).await;
    registered(several.ledger(0), "leicester-city").await.unwrap();
    submit(several.ledger(0), opening()).await.unwrap();
    let mut stands = None;
    for round in 0..20 {
        let order = grading("social-care", ["2", "3", "4", "1"][round % 4], stands);
        let all = several.open.iter().map(|it| submit(&it.ledger, order.clone()));
        let outcomes = futures_util::future::join_all(all).await;
        let recorded: Vec<_> = outcomes.iter().flatten().flatten().map(|it| it.position).collect();
        assert_eq!(recorded.len(), 1, "{outcomes:?}");
        stands = Some(recorded[0]);
    }
    several.agree().await;
}

#[tokio::test]
async fn a_commit_that_was_not_confirmed_is_asked_after() {
    let several = Several::open(2).await;
    registered(several.ledger(1), "rutland").await.unwrap();
    let before = several.abreast().await;
    several.seen[1].goes(Wrong::Unconfirmed);
    let stored = registered(several.ledger(1), "leicester-city").await.unwrap();
    assert_eq!(stored, before.next());
    several.seen[1].goes(Wrong::Lost);
    let lost = registered(several.ledger(1), "haringey").await;
    assert!(matches!(lost, Err(SubmitError::Unavailable)), "{lost:?}");
    // It goes on, and nothing is there twice or skipped.
    assert_eq!(registered(several.ledger(1), "haringey").await.unwrap(), stored.next());
    several.agree().await;
}

#[tokio::test]
async fn what_became_of_a_commit_is_told_although_another_went_on() {
    let several = Several::open(2).await;
    registered(several.ledger(0), "rutland").await.unwrap();
    several.abreast().await;
    several.seen[1].goes(Wrong::Lost);
    // Both take their turns as they come: after the loss, the position is another's.
    let (lost, other) = tokio::join!(
        registered(several.ledger(1), "leicester-city"),
        registered(several.ledger(0), "leicester-city"),
    );
    let lost_is_told = match &lost {
        Err(SubmitError::Unavailable) => other.is_ok(),
        Err(SubmitError::Refused { .. }) => other.is_ok(),
        _ => false,
    };
    assert!(lost_is_told, "{lost:?} {other:?}");
    several.agree().await;
}

#[tokio::test]
async fn who_is_far_behind_gives_its_turn_back_and_comes_abreast() {
    let several = Several::open(2).await;
    several.abreast().await;
    several.seen[1].goes(Wrong::Blind);
    let ledger = several.ledger(0);
    let count = u32::try_from(UNDER_TURN_MAX).unwrap() + 10;
    for from in (0..count).step_by(500) {
        let each = (from..count.min(from + 500)).map(|number| format!("city-{number}"));
        let all = each.map(|subject| async move { registered(ledger, &subject).await });
        let outcomes = futures_util::future::join_all(all).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
    let (ahead, behind) = (ledger.head().position, several.ledger(1).head().position);
    assert!(ahead.since(behind) > UNDER_TURN_MAX);
    let after = registered(several.ledger(1), "leicester-city").await.unwrap();
    assert_eq!(after, ahead.next());
    several.seen[1].goes(Wrong::Nothing);
    several.agree().await;
}

#[tokio::test]
async fn who_cannot_read_what_others_appended_refuses_and_goes_on_later() {
    let several = Several::open(2).await;
    several.abreast().await;
    several.seen[1].goes(Wrong::Unreadable);
    registered(several.ledger(0), "leicester-city").await.unwrap();
    let refused = registered(several.ledger(1), "rutland").await;
    assert!(matches!(refused, Err(SubmitError::Unavailable)), "{refused:?}");
    several.seen[1].goes(Wrong::Nothing);
    registered(several.ledger(1), "rutland").await.unwrap();
    several.agree().await;
}

/// Why a ledger stops that meets something wrong at its next look.
async fn stops(several: &mut Several, wrong: Wrong) -> Stop {
    several.seen[1].goes(wrong);
    let sequencer = &mut several.open[1].sequencer;
    tokio::time::timeout(PATIENCE, sequencer).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_journal_that_was_put_back_stops_those_who_saw_more() {
    let mut several = Several::open(2).await;
    let before = several.seen[0].inner.head().await.unwrap();
    registered(several.ledger(0), "leicester-city").await.unwrap();
    several.abreast().await;
    let stop = stops(&mut several, Wrong::PutBack(before)).await;
    assert!(matches!(stop, Stop::Behind { .. }), "{stop:?}");
}

#[tokio::test]
async fn another_sum_of_the_same_records_is_found_out() {
    let mut several = Several::open(2).await;
    several.abreast().await;
    several.seen[1].goes(Wrong::OtherMark);
    registered(several.ledger(0), "leicester-city").await.unwrap();
    let stop = stops(&mut several, Wrong::OtherMark).await;
    let Stop::Others(error) = &stop else { panic!("{stop:?}") };
    assert!(matches!(**error, OpenError::OtherTree { .. }), "{error:?}");
}

#[tokio::test]
async fn a_journal_that_is_not_shared_has_one_ledger() {
    let journal = Arc::new(MemoryJournal::new(filing()));
    let keys = tempfile::tempdir().unwrap();
    let ground = || {
        let journal = Arc::<MemoryJournal>::clone(&journal);
        Ground::sharing(journal, keys.path().to_owned())
    };
    let (one, other) = (ground(), ground());
    let (open, overtaken) = (one.open(None).await, other.open(None).await);
    registered(&open.ledger, "leicester-city").await.unwrap();
    let refused = registered(&overtaken.ledger, "rutland").await;
    assert!(matches!(refused, Err(SubmitError::Stopped)), "{refused:?}");
    let stop = overtaken.sequencer.await.unwrap();
    assert!(matches!(stop, Stop::Overtaken { .. }), "{stop:?}");
}

#[tokio::test]
async fn half_a_group_is_kept_back() {
    let several = Several::open(1).await;
    let ledger = several.ledger(0);
    registered(ledger, "leicester-city").await.unwrap();
    let stored = several.seen[0].inner.read(Position::START, PAGE).await.unwrap();
    let mut keeps: Vec<_> = stored.into_iter().map(|it| Keep::of(it).unwrap()).collect();
    assert_eq!(last_group(&keeps), 0);
    let second = keeps.len() - 1;
    keeps[second].record.recorded_at += jiff::SignedDuration::from_micros(1);
    assert_eq!(last_group(&keeps), second);
    keeps[second - 1].record.recorded_at = keeps[second].record.recorded_at;
    assert_eq!(last_group(&keeps), second - 1);
}
