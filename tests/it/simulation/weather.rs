//! The weather: what befalls the machine, the network and the clock, as a seed decides.

use std::time::Duration;

use jiff::SignedDuration;
use turmoil::Sim;

use super::{
    machine::{End, Machine, Wall},
    network::SERVER,
    told::Notebook,
};
use crate::sim_disk::Seeded;

/// How long it is rough.
const ROUGH: Duration = Duration::from_secs(5);

/// How long a message takes when it is calm. Always the same for one client at one time: a link
/// whose delay is drawn for each message would depend on the order in which messages are sent, and
/// that is not always decided by the seed (see the journal of this simulation).
const SWIFT: Duration = Duration::from_millis(2);

/// A clock that is right.
const RIGHT: Wall = Wall::Ahead(SignedDuration::ZERO);

pub(super) struct Weather {
    seeded: Seeded,
    machine: Machine,
    notebook: Notebook,
    clients: Vec<String>,
    next: Duration,
    /// When the machine starts again, if it is down.
    up_at: Option<Duration>,
    /// What comes to an end by itself, and when.
    passing: Vec<(Duration, Passing)>,
    calm: bool,
    /// Whether the views are lost when the server ends next.
    loses_views: bool,
}

/// Bad weather that passes.
#[derive(Debug, Clone)]
enum Passing {
    Parted(String),
    Held(String),
    Full,
    WrongClock,
}

impl Weather {
    pub(super) fn new(
        seed: u64,
        machine: Machine,
        notebook: Notebook,
        clients: Vec<String>,
    ) -> Self {
        let (seeded, next) = (Seeded(seed), Duration::from_millis(50));
        let (up_at, passing) = (None, Vec::new());
        let (calm, loses_views) = (false, false);
        Self { seeded, machine, notebook, clients, next, up_at, passing, calm, loses_views }
    }

    /// Whether nothing more will happen, and the server is up.
    pub(super) fn is_calm(&self) -> bool {
        self.calm && self.up_at.is_none()
    }

    /// Gives each client its distance.
    pub(super) fn set_out(&mut self, sim: &Sim<'_>) {
        for client in self.clients.clone() {
            let latency = self.some_ms(1, 8);
            sim.set_link_latency(SERVER, client, latency);
        }
    }

    /// Does what is due after a step.
    pub(super) fn pass(&mut self, sim: &mut Sim<'_>) {
        let now = sim.elapsed();
        self.watch(sim, now);
        let due = |it: &(Duration, Passing)| it.0 <= now;
        for (_, passing) in self.passing.extract_if(.., |it| due(it)).collect::<Vec<_>>() {
            self.end(sim, passing);
        }
        if self.calm || now < self.next {
            return;
        }
        if now > ROUGH {
            self.calm_down(sim, now);
            return;
        }
        self.next = now + self.some_ms(40, 450);
        self.something(sim, now);
    }

    /// Has the server stopped in order, and started again a little later without its views.
    pub(super) fn restart_without_views(&mut self) {
        self.loses_views = true;
        self.machine.stop();
    }

    /// Starts again what has come to an end.
    fn watch(&mut self, sim: &mut Sim<'_>, now: Duration) {
        match self.up_at {
            Some(at) if at <= now => {
                self.up_at = None;
                self.note(now, "the server starts");
                sim.bounce(SERVER);
            }
            None if self.machine.power().is_off() => self.crash(sim, now, End::PowerCut),
            None if !sim.is_host_running(SERVER) => self.ended(now, End::Killed),
            Some(_) | None => {}
        }
    }

    fn crash(&mut self, sim: &mut Sim<'_>, now: Duration, end: End) {
        sim.crash(SERVER);
        self.ended(now, end);
    }

    fn ended(&mut self, now: Duration, end: End) {
        let lost = self.seeded.below(2) == 0 || self.loses_views;
        let views = if lost { "lost" } else { "kept" };
        self.note(now, &format!("the server has ended: {end:?}, views {views}"));
        self.machine.end(end, &mut self.seeded);
        if lost {
            self.machine.lose_views();
        }
        self.up_at = Some(now + self.some_ms(10, 300));
    }

    fn something(&mut self, sim: &mut Sim<'_>, now: Duration) {
        let client = self.clients[self.seeded.below(self.clients.len() as u64) as usize].clone();
        let until = now + self.some_ms(50, 2_000);
        let calls = self.seeded.below(12) as u32;
        let up = self.up_at.is_none();
        let said = match self.seeded.below(16) {
            0 => {
                sim.partition(SERVER, client.as_str());
                self.passing.push((until, Passing::Parted(client.clone())));
                format!("{client} is cut off")
            }
            1 => {
                sim.partition_oneway(SERVER, client.as_str());
                self.passing.push((until, Passing::Parted(client.clone())));
                format!("{client} hears nothing")
            }
            2 => {
                sim.hold(SERVER, client.as_str());
                self.passing.push((until, Passing::Held(client.clone())));
                format!("{client} is held up")
            }
            3 => {
                sim.partition(SERVER, client.as_str());
                let soon = now + self.some_ms(2, 8);
                self.passing.push((soon, Passing::Parted(client.clone())));
                format!("messages of {client} are lost")
            }
            4..=6 if up => {
                self.machine.power().cut_after(calls);
                format!("the power goes in {calls} calls")
            }
            7 if up => {
                self.crash(sim, now, End::PowerCut);
                "the power goes".to_owned()
            }
            8 if up => {
                self.crash(sim, now, End::Killed);
                "the process is killed".to_owned()
            }
            9 if up => {
                self.machine.stop();
                "the server is told to stop".to_owned()
            }
            10 if up => {
                self.machine.power().fail_after(calls);
                format!("a disk fails in {calls} calls")
            }
            11 if up => {
                self.machine.power().set_full(true);
                self.passing.push((until, Passing::Full));
                "the disk is full".to_owned()
            }
            12 => {
                let most = self.some_ms(0, 80);
                self.machine.set_slowness(most);
                format!("the disk takes {most:?}")
            }
            13 => {
                let latency = self.some_ms(1, 120);
                sim.set_link_latency(SERVER, client.as_str(), latency);
                format!("messages of {client} take {latency:?}")
            }
            14 => {
                self.passing.push((until, Passing::WrongClock));
                self.turn_the_clock(now)
            }
            _ => "nothing".to_owned(),
        };
        self.note(now, &said);
    }

    fn turn_the_clock(&mut self, elapsed: Duration) -> String {
        let days = |days: i64| Wall::Ahead(SignedDuration::from_hours(24 * days));
        let wall = match self.seeded.below(4) {
            0 => days(-400),
            1 => days(3_652),
            2 => Wall::Ahead(SignedDuration::from_secs(self.seeded.below(59).cast_signed())),
            _ => {
                let begin: jiff::Timestamp = super::machine::BEGIN.parse().unwrap();
                Wall::Frozen(begin + elapsed)
            }
        };
        self.machine.set_wall(wall);
        format!("the clock: {wall:?}")
    }

    fn end(&mut self, sim: &mut Sim<'_>, passing: Passing) {
        match passing {
            Passing::Parted(client) => sim.repair(SERVER, client.as_str()),
            Passing::Held(client) => sim.release(SERVER, client.as_str()),
            Passing::Full => self.machine.power().set_full(false),
            Passing::WrongClock => self.machine.set_wall(RIGHT),
        }
    }

    /// Ends all that is bad, and has the server started by somebody who believes the clock.
    fn calm_down(&mut self, sim: &mut Sim<'_>, now: Duration) {
        self.note(now, "it is calm");
        for (_, passing) in std::mem::take(&mut self.passing) {
            self.end(sim, passing);
        }
        for client in &self.clients {
            sim.repair(SERVER, client.as_str());
            sim.set_link_latency(SERVER, client.as_str(), SWIFT);
        }
        self.machine.set_slowness(Duration::ZERO);
        self.machine.set_wall(RIGHT);
        if self.up_at.is_none() {
            self.crash(sim, now, End::PowerCut);
        }
        self.calm = true;
    }

    fn some_ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.seeded.below(to - from))
    }

    fn note(&self, now: Duration, what: &str) {
        self.notebook.trace(now, "weather", what);
    }
}
