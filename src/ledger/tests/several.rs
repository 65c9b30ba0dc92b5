//! Several ledgers on one journal and one keyring, as several processes have them.

use std::{
    future::{Future, pending},
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::ground::{Ground, Open, ordered_by, register};
use crate::{
    journal::{
        Answer, Group, Head, Journal, JournalError, Key, Mark, MemoryJournal, Page, RightToSign,
        Stored, Turn,
    },
    judgement::{
        AreaId, AssessmentId, AssessmentOpened, AssessmentOrder, Cycle, Expected, FrameworkId,
        Grade, LevelCode, Order, Position, ReasonCode, SetGrade, Text,
    },
    ledger::{Condition, Ledger, Order as Towards, Receipt, SubmitError, Summary, filing},
    merkle::Hash,
};

/// Far longer than anything here takes.
pub(in crate::ledger) const PATIENCE: Duration = Duration::from_mins(1);

/// What goes wrong between a process and the journal that it shares.
#[derive(Debug, Clone, Default)]
pub(in crate::ledger) enum Wrong {
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
pub(in crate::ledger) struct Seen {
    pub(in crate::ledger) inner: Arc<MemoryJournal>,
    wrong: Mutex<Wrong>,
    /// The right to sign, of which there is one.
    right: Arc<Semaphore>,
}

/// The right to sign, for as long as it is held.
struct Held {
    _permit: OwnedSemaphorePermit,
}

impl RightToSign for Held {
    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(pending())
    }
}

impl Seen {
    fn by(inner: &Arc<MemoryJournal>, right: &Arc<Semaphore>) -> Arc<Self> {
        let (inner, right) = (Arc::clone(inner), Arc::clone(right));
        Arc::new(Self { inner, wrong: Mutex::default(), right })
    }

    pub(in crate::ledger) fn goes(&self, wrong: Wrong) {
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
                Wrong::Nothing
                | Wrong::Unconfirmed
                | Wrong::Lost
                | Wrong::PutBack(_)
                | Wrong::OtherMark => Ok(self.shown(self.inner.head().await?)),
            }
        })
    }

    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>> {
        Box::pin(async move {
            if matches!(self.wrong(), Wrong::Unreadable) {
                return Err(JournalError::Unreadable(broken()));
            }
            self.inner.read(after, page).await
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

    fn right_to_sign(&self) -> Answer<'_, Option<Box<dyn RightToSign>>> {
        Box::pin(async {
            let free = Arc::clone(&self.right).try_acquire_owned().ok();
            let held = |permit| -> Box<dyn RightToSign> { Box::new(Held { _permit: permit }) };
            Ok(free.map(held))
        })
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
                Wrong::Nothing
                | Wrong::Blind
                | Wrong::Unreadable
                | Wrong::PutBack(_)
                | Wrong::OtherMark => self.inner.append(group).await,
            }
        })
    }
}

/// Ledgers on one journal and one keyring.
pub(in crate::ledger) struct Several {
    pub(in crate::ledger) seen: Vec<Arc<Seen>>,
    pub(in crate::ledger) open: Vec<Open>,
    _keys: tempfile::TempDir,
    _grounds: Vec<Ground>,
}

impl Several {
    pub(in crate::ledger) async fn open(count: usize) -> Self {
        let journal = Arc::new(MemoryJournal::shared(filing()));
        let keys = tempfile::tempdir().unwrap();
        let right = Arc::new(Semaphore::new(1));
        let seen: Vec<_> = (0..count).map(|_| Seen::by(&journal, &right)).collect();
        let path = keys.path().to_owned();
        let ground = |by: &Arc<Seen>| Ground::sharing(Arc::<Seen>::clone(by), path.clone());
        let grounds: Vec<_> = seen.iter().map(ground).collect();
        let mut open = Vec::new();
        for each in &grounds {
            open.push(each.try_open(None).await.unwrap());
        }
        open[0].ledger.register_built_in().await.unwrap();
        Self { seen, open, _keys: keys, _grounds: grounds }
    }

    pub(in crate::ledger) fn ledger(&self, number: usize) -> &Ledger {
        &self.open[number].ledger
    }

    /// The head, once every ledger is there.
    pub(in crate::ledger) async fn abreast(&self) -> Position {
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
    pub(in crate::ledger) async fn agree(&self) -> Position {
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
pub(in crate::ledger) async fn submit(
    ledger: &Ledger,
    order: Order<Text>,
) -> Result<Vec<Receipt>, SubmitError> {
    loop {
        // Nobody moderates what is their own.
        let mut login = "admin".to_owned();
        if let Order::Assess(_, AssessmentOrder::SetGrade(set)) = &order {
            login = format!("{:?}", set.expected);
        }
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

pub(in crate::ledger) async fn registered(
    ledger: &Ledger,
    subject: &str,
) -> Result<Position, SubmitError> {
    let order = register(ledger, subject).commands.remove(0).order;
    submit(ledger, order).await.map(|receipts| receipts[0].position)
}

pub(in crate::ledger) fn assessment() -> AssessmentId {
    AssessmentId::parse("subjects/leicester-city/assessments/apa-2006").unwrap()
}

pub(in crate::ledger) fn opening() -> Order<Text> {
    let opened = AssessmentOpened {
        framework: FrameworkId::new("apa", "2006").unwrap(),
        cycle: Cycle::parse("2006").unwrap(),
        periods: Vec::new(),
        addressee: None,
        earlier: Vec::new(),
    };
    Order::Assess(assessment(), AssessmentOrder::Open(opened))
}

pub(in crate::ledger) fn grading(area: &str, level: &str, before: Option<Position>) -> Order<Text> {
    let set = SetGrade {
        area: AreaId::parse(area).unwrap(),
        grade: Grade::Level(None, LevelCode::parse(level).unwrap()),
        qualifier: None,
        expected: Some(before.map_or(Expected::NoneYet, Expected::At)),
    };
    Order::Assess(assessment(), AssessmentOrder::SetGrade(set))
}
