//! Connections to the database that are cut, after any number of bytes in either direction: within a
//! handshake, a statement, a commit, or its answer.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::*;
use crate::{
    killed::{rounds, seed},
    sim_disk::Seeded,
};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToDatabase,
    FromDatabase,
}

/// Stands between a server and the database.
struct Between {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// After so many more bytes this way, every connection is cut.
    cut: Option<(Way, u64)>,
    open: Vec<TcpStream>,
    cuts: u64,
}

impl State {
    /// How many of these bytes still go through; fewer if everything is cut by them.
    fn pass(&mut self, way: Way, bytes: usize) -> usize {
        let Some((which, left)) = &mut self.cut else { return bytes };
        let passing = u64::try_from(bytes).unwrap();
        if *which != way {
            return bytes;
        }
        if passing < *left {
            *left -= passing;
            return bytes;
        }
        let through = usize::try_from(*left).unwrap();
        self.cut = None;
        self.cuts += 1;
        through
    }

    fn cut_all(&mut self) {
        for stream in self.open.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

impl Between {
    fn before(database: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // It ends with the process.
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", database)) else { continue };
                let both = [near.try_clone().unwrap(), far.try_clone().unwrap()];
                shared.lock().unwrap().open.extend(both);
                for (from, to, way) in [
                    (near.try_clone().unwrap(), far.try_clone().unwrap(), Way::ToDatabase),
                    (far, near, Way::FromDatabase),
                ] {
                    let state = Arc::clone(&shared);
                    thread::spawn(move || carry((from, to), way, &state));
                }
            }
        });
        Self { port, state }
    }

    fn cut_after(&self, way: Way, bytes: u64) {
        self.state.lock().unwrap().cut = Some((way, bytes));
    }

    fn cuts(&self) -> u64 {
        self.state.lock().unwrap().cuts
    }
}

fn carry((mut from, mut to): (TcpStream, TcpStream), way: Way, state: &Mutex<State>) {
    let mut buffer = [0; 4096];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let through = state.lock().unwrap().pass(way, read);
        let written = to.write_all(&buffer[..through]);
        if through < read {
            state.lock().unwrap().cut_all();
        }
        if written.is_err() || through < read {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_connection_that_is_cut_anywhere_loses_nothing_and_doubles_nothing() {
    let (rounds, seed) = (rounds("JUDGEMENT_LEDGER_CUTS", 60), seed());
    println!("JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_CUTS={rounds}");
    let mut random = Seeded(seed);
    let cluster = Cluster::shared();
    let mut replicas = Replicas::of(cluster).await;
    let between = Between::before(cluster.primary().port);
    replicas.url = format!("postgres://{SERVICE}@127.0.0.1:{}/ledgers", between.port);
    let server = replicas.start(0);
    let channel = server.channel();
    let mut oracle = Oracle::default();
    prepare(&channel).await.unwrap();
    let (mut refused, mut answered) = (0, 0);
    for _ in 0..rounds {
        // What one command takes: some kilobytes there, and some hundred bytes back.
        let (way, bytes) = match random.below(2) {
            0 => (Way::ToDatabase, random.below(6_000)),
            _ => (Way::FromDatabase, random.below(1_500)),
        };
        between.cut_after(way, bytes);
        for caller in 0..3 {
            match oracle.send(&channel, caller, 1).await {
                Some(_) => refused += 1,
                None => answered += 1,
            }
        }
        oracle.check(&channel).await.unwrap();
        oracle.settle(&channel).await.unwrap();
    }
    println!("{} cuts: {answered} commands answered, {refused} not", between.cuts());
    assert!(between.cuts() > rounds / 2, "connections were cut");
    agree(&mut oracle, &[server]).await;
}
