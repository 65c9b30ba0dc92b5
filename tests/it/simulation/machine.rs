//! The simulated machine: what survives its crashes, and the whole server that runs on it.
//!
//! The server is the real one, joined as `cli::engine` joins it, but for two things: what would be
//! done on threads of its own is done in turn, and the network is simulated.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use judgement_ledger::{
    journal::{
        Journal, Page,
        file::{self, FileJournal, FileOptions},
    },
    judgement::Position,
    ledger::{Covering, Follower, Ledger, Parts, Reading, Sequencer, Stop, filing},
    metrics::Metrics,
    record::{Beside, read_snapshot, snapshot_of},
    rpc::{self, Credentials, Limits, ServeOptions, WentDown},
    vault::{self, Entropy, MasterKey, Setup, Slot, Vault, slots_of},
    views::{Known, SnapshotCodec, Views, ViewsOptions},
};
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    TICK,
    disk::{Power, PoweredDisk, Syncs},
    journal::{SlowJournal, Slowness, at_once},
    network,
};
use crate::sim_disk::{Seeded, SimDisk};

pub(super) const KEY: [u8; 32] = [42; 32];

/// When the simulation begins, by a clock that is right.
pub(super) const BEGIN: &str = "2006-10-01T08:00:00Z";

/// Small, so that a run fills several.
const SEGMENT_BYTES: u64 = 64 << 10;

/// The machine. Clones are the same one.
#[derive(Clone)]
pub(super) struct Machine(Arc<Mutex<State>>);

struct State {
    disks: Disks,
    syncs: Syncs,
    power: Arc<Power>,
    slowness: Slowness,
    wall: Wall,
    entropy: Seeded,
    /// Where the views lie, on a real disk: they may be lost at any time.
    views: TempDir,
    /// Told to stop in order.
    stop: CancellationToken,
}

/// The three directories of the machine.
#[derive(Clone)]
struct Disks {
    journal: SimDisk,
    keys: SimDisk,
    master: SimDisk,
}

/// What the wall clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wall {
    /// The true time and so much more.
    Ahead(SignedDuration),
    /// Always the same.
    Frozen(Timestamp),
}

/// How the machine comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The power went: of what was not synced, any part is there.
    PowerCut,
    /// The process ended, and no more: all that it wrote is there.
    Killed,
}

impl Disks {
    fn made(make: fn() -> SimDisk) -> Self {
        Self { journal: make(), keys: make(), master: make() }
    }

    fn after_power_cut(&self, seeded: &mut Seeded) -> Self {
        Self {
            journal: self.journal.after_power_cut(seeded.next()),
            keys: self.keys.after_power_cut(seeded.next()),
            master: self.master.after_power_cut(seeded.next()),
        }
    }
}

impl Machine {
    pub(super) fn new(seed: u64, disk: fn() -> SimDisk, syncs: Syncs) -> Self {
        let mut seeded = Seeded(seed);
        let slowness = Slowness { seed: seeded.next(), ticks_max: Arc::default() };
        let state = State {
            disks: Disks::made(disk),
            syncs,
            power: Power::on(),
            slowness,
            wall: Wall::Ahead(SignedDuration::ZERO),
            entropy: Seeded(seeded.next()),
            views: TempDir::new().unwrap(),
            stop: CancellationToken::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn power(&self) -> Arc<Power> {
        Arc::clone(&self.state().power)
    }

    pub(super) fn set_wall(&self, wall: Wall) {
        self.state().wall = wall;
    }

    /// What the wall clock shows.
    pub(super) fn now(&self) -> Timestamp {
        match self.state().wall {
            Wall::Ahead(ahead) => true_time() + ahead,
            Wall::Frozen(at) => at,
        }
    }

    /// Lets each append and each read take up to so long.
    pub(super) fn set_slowness(&self, most: Duration) {
        let ticks = most.as_micros() / TICK.as_micros();
        self.state().slowness.ticks_max.store(ticks as u64, Ordering::SeqCst);
    }

    /// Tells the server to stop in order.
    pub(super) fn stop(&self) {
        self.state().stop.cancel();
    }

    /// Leaves what the next start finds. The server runs no more.
    pub(super) fn end(&self, end: End, seeded: &mut Seeded) {
        let mut state = self.state();
        state.disks = match end {
            End::PowerCut => state.disks.after_power_cut(seeded),
            End::Killed => Disks {
                journal: state.disks.journal.after_kill(),
                keys: state.disks.keys.after_kill(),
                master: state.disks.master.after_kill(),
            },
        };
        state.power = Power::on();
        state.stop = CancellationToken::new();
    }

    /// Loses the views.
    pub(super) fn lose_views(&self) {
        self.state().views = TempDir::new().unwrap();
    }

    /// What of the journal would be there if the power went now.
    pub(super) fn survivors(&self, seeded: &mut Seeded) -> Result<Survivors, String> {
        let disk = self.state().disks.journal.after_power_cut(seeded.next());
        let options = file_options([0; 16]);
        let journal = FileJournal::open(disk.shared(), filing(), options)
            .map_err(|error| format!("after a power cut the journal does not open: {error}"))?;
        let read = |after| at_once(journal.read(Position::new(after), EVERYTHING));
        let mut records = Vec::new();
        loop {
            let page = read(records.len() as u64).map_err(|error| error.to_string())?;
            if page.is_empty() {
                break;
            }
            records.extend(page.into_iter().map(|stored| stored.entry.record));
        }
        Ok(Survivors { records })
    }

    /// Runs the server until it stops or is stopped.
    pub(super) async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        let (power, stop) = {
            let state = self.state();
            (Arc::clone(&state.power), state.stop.clone())
        };
        match self.serve(stop).await {
            Ok(()) => Ok(()),
            // A machine whose disks fail stops, and says so: nobody is told anything wrong by it.
            Err(_) if power.was_hit() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn serve(&self, stop: CancellationToken) -> Result<(), String> {
        let (ledger, sequencer, follower, journal) = self.open().await?;
        let sequencer = tokio::spawn(sequencer.run());
        let follower = tokio::spawn(follower.run());
        ledger.register_built_in().await.map_err(|error| format!("built-in: {error}"))?;
        let now = self.clone();
        let credentials = Arc::new(Credentials::new(&KEY).unwrap());
        let limits = Limits {
            drain_delay: Duration::ZERO,
            caller_calls_per_second: None,
            ..Limits::STANDARD
        };
        let options =
            ServeOptions { limits, ..ServeOptions::new(credentials, Arc::new(move || now.now())) };
        let stopped = ledger.stopped();
        let told = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = stopped.cancelled() => {}
            }
            // Whatever else happens here happens at even milliseconds. Where a connection that has
            // something to read is told to end at the same moment, tonic draws which comes first,
            // and no seed decides that draw.
            sleep(Duration::from_millis(1)).await;
        };
        let incoming = network::incoming().await.map_err(|error: io::Error| error.to_string())?;
        let served = rpc::serve_connections(incoming, ledger.clone(), options, told).await;
        ledger.close();
        let why = sequencer.await.map_err(|error| error.to_string())?;
        let views = follower.await.map_err(|error| error.to_string())?;
        views.map_err(|error| format!("following: {error}"))?;
        ledger.close_views().map_err(|error| format!("closing the views: {error}"))?;
        match why {
            Stop::Closed => at_once(journal.close()).map_err(|error| error.to_string())?,
            Stop::Unknown(_)
            | Stop::Keys(_)
            | Stop::Views(_)
            | Stop::Overtaken { .. }
            | Stop::Behind { .. }
            | Stop::Others(_) => {
                return Err(why.to_string());
            }
        }
        match served {
            Ok(WentDown::InOrder) => Ok(()),
            Ok(cut @ WentDown::Cut { .. }) => Err(format!("{cut:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn open(&self) -> Result<(Ledger, Sequencer, Follower, Arc<FileJournal>), String> {
        let (disks, power, syncs, slowness, views) = {
            let state = self.state();
            let views = state.views.path().join("views");
            let (disks, power) = (state.disks.clone(), Arc::clone(&state.power));
            (disks, power, state.syncs, state.slowness.clone(), views)
        };
        let powered =
            |disk: &SimDisk| PoweredDisk { disk: disk.clone(), power: Arc::clone(&power), syncs };
        let entropy = self.entropy();
        let mut ledger_id = [0; 16];
        entropy(&mut ledger_id).unwrap();
        let journal =
            FileJournal::open(Arc::new(powered(&disks.journal)), filing(), file_options(ledger_id))
                .map_err(|error| format!("opening the journal: {error}"))?;
        let id = Uuid::from_bytes(journal.ledger_id());
        let last_slot = last_slot(&journal)?;
        let vault_setup = Setup { ledger: id, prepare: vault::Prepare::Inline, last_slot };
        let master = MasterKey::load_or_create(&powered(&disks.master), "master.key", &entropy)
            .map_err(|error| format!("opening the master key: {error}"))?;
        let keys = Arc::new(powered(&disks.keys));
        let vault = Vault::open(keys, master, Arc::clone(&entropy), vault_setup)
            .map_err(|error| format!("opening the vault: {error}"))?;
        let inner = Arc::new(journal);
        let slow = SlowJournal { inner: Arc::clone(&inner), power, slowness };
        let codec = SnapshotCodec { encode: snapshot_of, decode: read_snapshot };
        let options = ViewsOptions {
            pages_bytes: 1 << 20,
            assessments_bytes: 1 << 16,
            ..ViewsOptions::new(Arc::from(id.as_bytes().as_slice()), codec)
        };
        let known = Known::noted(&views, id.as_bytes(), codec);
        let now = self.clone();
        let parts = Parts {
            journal: Arc::new(slow),
            vault: Arc::new(vault),
            views: Box::new(move || Views::open(&views, &options)),
            known,
            clock: Arc::new(move || Reading { wall: now.now(), monotonic: elapsed() }),
            entropy,
            zone: TimeZone::UTC,
            covering: Covering::Journal,
            metrics: Metrics::new(0).unwrap(),
        };
        let opened = Ledger::open(parts, &|_, _| {}).await;
        let (ledger, sequencer, follower, _) =
            opened.map_err(|error| format!("opening: {error}"))?;
        Ok((ledger, sequencer, follower, inner))
    }

    /// Randomness that a seed decides. No byte comes twice, not even after a restart.
    fn entropy(&self) -> Entropy {
        let machine = self.clone();
        Arc::new(move |bytes| {
            let mut state = machine.state();
            for chunk in bytes.chunks_mut(8) {
                let drawn = state.entropy.next().to_le_bytes();
                chunk.copy_from_slice(&drawn[..chunk.len()]);
            }
            Ok(())
        })
    }
}

/// The records that would be there after a power cut, oldest first, as stored.
pub(super) struct Survivors {
    pub(super) records: Vec<bytes::Bytes>,
}

const EVERYTHING: Page = Page { entries_max: usize::MAX, bytes_max: usize::MAX };

fn file_options(ledger_id: [u8; 16]) -> FileOptions {
    FileOptions {
        segment_bytes: SEGMENT_BYTES,
        prepare: file::Prepare::Inline,
        ..FileOptions::new(ledger_id)
    }
}

/// The highest slot that any record names.
fn last_slot(journal: &FileJournal) -> Result<Option<Slot>, String> {
    let unreadable = |error: &dyn std::error::Error| format!("reading the journal: {error}");
    let mut highest = None;
    let mut after = Position::START;
    let head = at_once(journal.head()).map_err(|error| unreadable(&error))?.position;
    while after < head {
        let read = std::thread::scope(|scope| {
            scope.spawn(|| at_once(journal.read(after, EVERYTHING))).join().unwrap()
        });
        for stored in read.map_err(|error| unreadable(&error))? {
            after = stored.position;
            let beside = Beside::decode(stored.entry.sealed).unwrap_or_default();
            let slots = slots_of(&beside.texts).map_err(|error| unreadable(&error))?;
            highest = highest.max(slots.into_iter().max());
        }
    }
    Ok(highest)
}

fn elapsed() -> Duration {
    turmoil::sim_elapsed().expect("the clock is read within the simulation")
}

/// The time by a clock that is right.
fn true_time() -> Timestamp {
    let begin: Timestamp = BEGIN.parse().unwrap();
    begin + elapsed()
}
