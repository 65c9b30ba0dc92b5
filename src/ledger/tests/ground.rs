//! A ledger in memory for the tests of this room: no server, a clock that the test has, and views
//! that are opened when it wants.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tokio::task::JoinHandle;

use crate::{
    disk::RealDisk,
    journal::{Filing, Journal, MemoryJournal},
    judgement::{
        Act, Caller, Command, Label, Order, OrganisationId, RegisterSubject, RequestId, Role,
        SubjectId, Text,
    },
    ledger::{
        Clock, Covering, Follower, Ledger, Mode, OpenError, Parts, Reading, Stop, Submission,
    },
    metrics::Metrics,
    record::{read_snapshot, snapshot_of},
    vault::{MasterKey, Prepare, Setup, Vault, system_entropy},
    views::{Known, SnapshotCodec, Views, ViewsOptions},
};

pub(in crate::ledger) const LEDGER: &[u8] = b"follower";
pub(in crate::ledger) const CODEC: SnapshotCodec =
    SnapshotCodec { encode: snapshot_of, decode: read_snapshot };

/// A journal, the files beside it and a clock, on which one ledger after the other opens.
pub(in crate::ledger) struct Ground {
    pub(in crate::ledger) journal: Arc<dyn Journal>,
    pub(in crate::ledger) files: tempfile::TempDir,
    pub(in crate::ledger) clock: Clock,
    /// The keyring that it shares; if none, it has its own.
    keys: Option<PathBuf>,
}

/// An open ledger whose sequencer runs.
pub(in crate::ledger) struct Open {
    pub(in crate::ledger) ledger: Ledger,
    pub(in crate::ledger) sequencer: JoinHandle<Stop>,
    pub(in crate::ledger) follower: Follower,
}

impl Ground {
    pub(in crate::ledger) fn new(filing: Filing) -> Self {
        let clock: Clock =
            Arc::new(|| Reading { wall: Timestamp::UNIX_EPOCH, monotonic: Duration::ZERO });
        let journal = Arc::new(MemoryJournal::new(filing));
        Self { journal, files: tempfile::tempdir().unwrap(), clock, keys: None }
    }

    /// One whose journal and keyring others have as well.
    pub(in crate::ledger) fn sharing(journal: Arc<dyn Journal>, keys: PathBuf) -> Self {
        Self { journal, keys: Some(keys), ..Self::new(crate::ledger::filing()) }
    }

    fn vault(&self) -> Vault {
        let setup = Setup { ledger: uuid::Uuid::nil(), prepare: Prepare::Inline, last_slot: None };
        let master = MasterKey::new([7; MasterKey::BYTES]);
        let disk = |path| Arc::new(RealDisk::at(path).unwrap());
        match &self.keys {
            None => {
                let own = disk(&self.files.path().join("keys"));
                Vault::open(own, master, system_entropy(), setup).unwrap()
            }
            Some(keys) => Vault::share(disk(keys), master, system_entropy(), setup).unwrap(),
        }
    }

    pub(in crate::ledger) async fn try_open(
        &self,
        known: Option<Known>,
    ) -> Result<Open, OpenError> {
        let options = ViewsOptions::new(Arc::from(LEDGER), CODEC);
        let views = self.files.path().join("views");
        let parts = Parts {
            journal: Arc::clone(&self.journal),
            vault: Arc::new(self.vault()),
            views: Box::new(move || Views::open(&views, &options)),
            known,
            clock: Arc::clone(&self.clock),
            entropy: system_entropy(),
            zone: TimeZone::UTC,
            covering: Covering::Journal,
            metrics: Metrics::new(0).unwrap(),
        };
        let (ledger, sequencer, follower, _) = Ledger::open(parts, &|_, _| {}).await?;
        Ok(Open { ledger, sequencer: tokio::spawn(sequencer.run()), follower })
    }

    pub(in crate::ledger) async fn open(&self, known: Option<Known>) -> Open {
        let open = self.try_open(known).await.unwrap();
        open.ledger.register_built_in().await.unwrap();
        open
    }

    /// Opens a new ledger, stops it in order, and tells what its views note.
    pub(in crate::ledger) async fn lived(&self) -> Known {
        self.open(None).await.end().await;
        Known::noted(&self.files.path().join("views"), LEDGER, CODEC).unwrap()
    }
}

impl Open {
    /// Stops it in order. Nobody followed.
    pub(in crate::ledger) async fn end(self) {
        drop(self.follower);
        end(self.ledger, self.sequencer, None).await;
    }
}

/// Stops a ledger in order.
pub(in crate::ledger) async fn end(
    ledger: Ledger,
    sequencer: JoinHandle<Stop>,
    follower: Option<JoinHandle<Result<(), OpenError>>>,
) {
    ledger.close();
    assert!(matches!(sequencer.await.unwrap(), Stop::Closed));
    if let Some(follower) = follower {
        follower.await.unwrap().unwrap();
    }
    ledger.close_views().unwrap();
}

pub(in crate::ledger) fn register(ledger: &Ledger, subject: &str) -> Submission {
    let order = RegisterSubject {
        subject: SubjectId::parse(subject).unwrap(),
        name: Label::parse("A city council").unwrap(),
        kind: Label::parse("local authority").unwrap(),
    };
    ordered(ledger, Order::RegisterSubject(order))
}

/// A command of somebody who may do anything.
pub(in crate::ledger) fn ordered(ledger: &Ledger, order: Order<Text>) -> Submission {
    ordered_by("admin", ledger, order)
}

/// A command of one of several who may do anything.
pub(in crate::ledger) fn ordered_by(
    login: &str,
    ledger: &Ledger,
    order: Order<Text>,
) -> Submission {
    let organisation = OrganisationId::parse("ofsted").unwrap();
    let mut introductions = ledger.introductions();
    let person = introductions.person(&organisation, &Text::parse(login).unwrap());
    let roles = vec![
        Role::FrameworkAdmin,
        Role::LeadInspector,
        Role::Inspector,
        Role::Moderator,
        Role::Publisher,
    ];
    let command = Command {
        caller: Caller { person, organisation, roles },
        act: Act::of_service(RequestId::new(uuid::Uuid::new_v4())),
        order,
    };
    let introductions = introductions.into_new();
    Submission { commands: vec![command], introductions, mode: Mode::Record }
}
