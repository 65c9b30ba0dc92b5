//! The whole server in a simulation: one thread, one seed, the same run again and again.
//!
//! The server is the real one, from its HTTP/2 transport down to the calls of its disk; turmoil
//! carries its connections, and `SimDisk` keeps what was synced and no more. Three writers set
//! grades, write entries and send batches, each retrying under the same request id until it knows
//! what became of it; two subscribers follow. Meanwhile the power goes at the n-th call of the disk
//! or at any moment, the process is killed or told to stop, disks fail, fill up and slow down, links
//! part, stall and lose messages, the clock runs back 400 days, ahead ten years, or stands still.
//!
//! After every step, what anybody was told is held against what the disk would keep if the power
//! went now ([`judge`], [`records`]):
//!
//! - What was acknowledged, read or streamed is durable, and never changes again.
//! - Positions and revisions have no gap; each record names the one before it in its stream.
//! - No request is recorded twice; one that was only ever refused is not recorded; of a batch all
//!   or none is.
//! - `recorded_at` never goes back; an expired credential stays refused, whatever the clock says.
//! - What is read at a position is what the records up to there add up to, and a receipt's position
//!   is a token that reads honour. Views that were built anew say the same as those that grew.
//! - Every call on an assessment happens at one moment between its beginning and its end, by a
//!   checker that is not ours ([`crate::linear`]).
//! - A subscriber is sent what it wants once and in order, over all resumptions.
//!
//! `JUDGEMENT_LEDGER_SIM_SEEDS=20000` runs so many seeds instead of 200, `JUDGEMENT_LEDGER_SIM_FIRST`
//! says which is the first, and `JUDGEMENT_LEDGER_SIM_SEED=17` runs that one alone, printing all
//! that happened. A run that fails prints its seed.

mod caller;
mod disk;
mod journal;
mod judge;
mod machine;
mod negative;
mod network;
pub(crate) mod records;
mod subscriber;
mod told;
mod weather;
mod writer;

use std::{
    env,
    ops::Range,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, SystemTime},
};

use judgement_ledger::{judgement::Role, pb};
use turmoil::Sim;

use crate::{
    linear::Tape,
    sim_disk::{Seeded, SimDisk},
};
use caller::{Answer, Caller};
use disk::Syncs;
use judge::Judge;
use machine::Machine;
use records::Records;
use subscriber::Wanted;
use told::Notebook;
use weather::Weather;

/// One step: messages are delivered between two of them.
const TICK: Duration = Duration::from_millis(2);

const SEEDS: u64 = 200;

/// How many seeds one process runs: what was open when a machine lost power keeps some of its memory
/// until the process ends.
const SEEDS_OF_A_PROCESS: u64 = 500;
const WRITERS: usize = 3;
const ORDERS: usize = 11;

/// What is built otherwise than it should be, to see that it is found.
#[derive(Debug, Clone, Copy)]
struct Setup {
    disk: fn() -> SimDisk,
    syncs: Syncs,
}

const SOUND: Setup = Setup { disk: SimDisk::new, syncs: Syncs::InTime };

/// How a run went.
struct Run {
    trace: String,
    /// What became of it, or what must not be.
    outcome: Result<Ended, String>,
}

/// A run in which every promise was kept.
struct Ended {
    /// How many commands were acknowledged.
    acknowledged: usize,
    /// What was recorded.
    records: Records,
    /// What was asked and told of assessments.
    tape: Tape,
}

/// Runs a seed.
fn run(seed: u64, setup: Setup) -> Run {
    let notebook = Notebook::default();
    let outcome = simulate(seed, setup, &notebook);
    let trace = std::mem::take(&mut notebook.open().trace);
    Run { trace, outcome }
}

fn simulate(seed: u64, setup: Setup, notebook: &Notebook) -> Result<Ended, String> {
    let mut seeded = Seeded(seed);
    let machine = Machine::new(seeded.next(), setup.disk, setup.syncs);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seeded.next())
        .epoch(SystemTime::UNIX_EPOCH)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(2))
        .max_message_latency(Duration::from_millis(2))
        .simulation_duration(Duration::from_mins(1))
        .build();
    let server = machine.clone();
    sim.host(network::SERVER, move || server.clone().run());
    let clients = people(&mut sim, notebook, &mut seeded);
    let mut judge = Judge::new(machine.clone(), notebook.clone(), seeded.next());
    let mut weather = Weather::new(seeded.next(), machine.clone(), notebook.clone(), clients);
    weather.set_out(&sim);
    let step = |sim: &mut Sim<'_>, weather: &mut Weather, judge: &mut Judge| {
        sim.step().map_err(|error| error.to_string())?;
        weather.pass(sim);
        judge.look()
    };
    while notebook.open().writers_done < WRITERS || !weather.is_calm() {
        step(&mut sim, &mut weather, &mut judge)?;
    }
    let end = judge.durable()?;
    notebook.open().ends_at = Some(end);
    while notebook.open().subscriptions.len() < 2 {
        step(&mut sim, &mut weather, &mut judge)?;
    }
    // Views that grew, and views built from the journal.
    for (number, end_first) in [false, true].into_iter().enumerate() {
        if end_first {
            weather.restart_without_views();
            while sim.is_host_running(network::SERVER) {
                step(&mut sim, &mut weather, &mut judge)?;
            }
        }
        let name = format!("last-{number}");
        sim.client(name.clone(), last_look(name, notebook.clone(), end));
        while notebook.open().finals.len() == number {
            step(&mut sim, &mut weather, &mut judge)?;
        }
    }
    let records = judge.conclude()?;
    let mut notes = notebook.open();
    let tape = std::mem::take(&mut notes.tape);
    Ok(Ended { acknowledged: notes.acknowledged, records, tape })
}

/// Puts everybody on a machine of their own; their names.
fn people(sim: &mut Sim<'_>, notebook: &Notebook, seeded: &mut Seeded) -> Vec<String> {
    let mut names = Vec::new();
    let mut person = |name: String, roles: &'static [Role]| {
        names.push(name.clone());
        let (seed, notebook) = (seeded.next(), notebook.clone());
        (name.clone(), move || Caller::new(&name, roles, seed, notebook))
    };
    let (name, caller) = person("founder".to_owned(), &[Role::FrameworkAdmin, Role::LeadInspector]);
    sim.client(name, async move {
        writer::furnish(&mut caller()).await;
        Ok(())
    });
    for number in 0..WRITERS {
        let (name, caller) = person(format!("writer-{number}"), &[Role::Inspector]);
        sim.client(name, async move {
            Box::pin(writer::write(&mut caller(), ORDERS)).await;
            Ok(())
        });
    }
    for wanted in [Wanted::All, Wanted::Grades] {
        let name = format!("subscriber-{wanted:?}").to_lowercase();
        let (name, caller) = person(name, &[Role::Auditor]);
        sim.client(name, async move {
            subscriber::follow(&mut caller(), wanted).await;
            Ok(())
        });
    }
    names
}

/// Reads everything as it was known at a position.
async fn last_look(name: String, notebook: Notebook, known: u64) -> turmoil::Result {
    let mut caller = Caller::new(&name, &[Role::Inspector], 0, notebook);
    let mut all = Vec::new();
    for id in writer::ASSESSMENTS {
        let request = pb::GetAssessmentRequest {
            name: writer::name(id),
            content: pb::AssessmentContent::Full.into(),
            known_at: Some(pb::get_assessment_request::KnownAt::KnownAtPosition(known)),
            ..pb::GetAssessmentRequest::default()
        };
        loop {
            let mut client = caller.assessments();
            if let Answer::Done(read) = caller.call(client.get_assessment(request.clone())).await {
                all.push(read);
                break;
            }
            caller.pause(50).await;
        }
    }
    caller.notebook.open().finals.push(all);
    Ok(())
}

/// A number from the environment.
pub(crate) fn variable(name: &str) -> Option<u64> {
    let written = env::var(name).ok()?;
    Some(written.parse().unwrap_or_else(|_| panic!("{name}={written} is no number")))
}

/// Runs seeds on as many threads as there are cores; what became of each, in order.
fn run_all<T: Send>(seeds: Range<u64>, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(seeds.start);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = thread::scope(|scope| {
        let work = || {
            let mut outcomes = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return outcomes;
                }
                outcomes.push((seed, run(seed)));
            }
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|(seed, _)| *seed);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Runs seeds in one process of this program after the other.
fn run_in_processes(seeds: Range<u64>) {
    for first in seeds.clone().step_by(SEEDS_OF_A_PROCESS as usize) {
        let count = SEEDS_OF_A_PROCESS.min(seeds.end - first);
        let ended = Command::new(env::current_exe().unwrap())
            .args(["--exact", "simulation::no_fault_breaks_a_promise", "--nocapture"])
            .env("JUDGEMENT_LEDGER_SIM_SEEDS", count.to_string())
            .env("JUDGEMENT_LEDGER_SIM_FIRST", first.to_string())
            .status()
            .unwrap();
        assert!(ended.success(), "of the seeds from {first} on, some break a promise: see above");
    }
}

#[test]
fn no_fault_breaks_a_promise() {
    if let Some(seed) = variable("JUDGEMENT_LEDGER_SIM_SEED") {
        let Run { trace, outcome } = run(seed, SOUND);
        println!("{trace}");
        let ended = outcome.unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        println!("{} acknowledged, {} recorded", ended.acknowledged, ended.records.len());
        return;
    }
    let count = variable("JUDGEMENT_LEDGER_SIM_SEEDS").unwrap_or(SEEDS);
    let first = variable("JUDGEMENT_LEDGER_SIM_FIRST").unwrap_or(0);
    let seeds = first..first + count;
    if count > SEEDS_OF_A_PROCESS {
        run_in_processes(seeds);
        return;
    }
    let outcomes = run_all(seeds.clone(), |seed| {
        let Run { trace, outcome } = run(seed, SOUND);
        if let Err(violation) = &outcome {
            println!("seed {seed}: {violation}; what happened:\n{trace}");
        }
        outcome.map(|ended| ended.acknowledged)
    });
    let failed: Vec<_> = seeds.clone().zip(&outcomes).filter(|(_, it)| it.is_err()).collect();
    assert!(failed.is_empty(), "of the seeds {seeds:?}, these break a promise: {failed:?}");
    let acknowledged: usize = outcomes.iter().flatten().sum();
    println!("seeds {seeds:?}: {acknowledged} commands acknowledged");
    assert!(acknowledged as u64 > count * 20, "the weather lets nothing through");
}

#[test]
fn a_seed_says_it_all() {
    const TWICE: u64 = 6;
    let once = run_all(0..TWICE, |seed| run(seed, SOUND).trace);
    let again = run_all(0..TWICE, |seed| run(seed, SOUND).trace);
    for (seed, (once, again)) in once.iter().zip(&again).enumerate() {
        let first = once.lines().zip(again.lines()).find(|(one, other)| one != other);
        assert!(once == again, "seed {seed} ran otherwise the second time, from {first:?} on");
    }
    let different: std::collections::HashSet<_> = once.into_iter().collect();
    assert_eq!(different.len() as u64, TWICE, "every seed is a run of its own");
}
