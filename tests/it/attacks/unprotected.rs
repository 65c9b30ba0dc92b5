//! The negative control: a server with the usual settings of its library and no doorway, which takes
//! messages that are packed, however large they become. The same attacks must be seen to hurt it.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, codec::CompressionEncoding, transport::Server};
use tonic_health::server::health_reporter;

use super::{
    bombs, floods, hoards,
    honest::Asking,
    line::Manner::{Deaf, Hears},
    siege::{Attack, Siege, table},
};

/// Set for the process that serves.
const SERVES: &str = "JUDGEMENT_LEDGER_UNPROTECTED";

/// How long the attacks go on here.
const LONG: Duration = Duration::from_secs(3);

/// After which time connections should have been closed that are not: far less than they would last.
const DROPPED_WITHIN: Duration = Duration::from_secs(8);

/// What begins the line that says where it serves.
const SERVING: &str = "unprotected on ";

/// This program again, as the server: its memory is not that of the test.
struct Unprotected(Child, String);

impl Unprotected {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "attacks::unprotected::serves", "--nocapture"]).env(SERVES, "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| Some(line.split_once(SERVING)?.1.to_owned())).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self(child, address)
    }
}

impl Drop for Unprotected {
    fn drop(&mut self) {
        // It ends when nobody speaks to it any more.
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// The server, until its parent has gone; no test where nobody started it as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves() {
    if std::env::var(SERVES).is_err() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{SERVING}http://{}", listener.local_addr().unwrap());
    let (_reporter, health) = health_reporter();
    let health =
        health.accept_compressed(CompressionEncoding::Zstd).max_decoding_message_size(usize::MAX);
    let gone = tokio::task::spawn_blocking(|| drop(std::io::stdin().read_to_end(&mut Vec::new())));
    let serving =
        Server::builder().add_service(health).serve_with_incoming(TcpListenerStream::new(listener));
    tokio::select! {
        served = serving => served.unwrap(),
        gone = gone => gone.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_protections_the_same_attacks_are_seen_to_hurt() {
    let server = Unprotected::start();
    let siege = Siege::around(server.0.id(), &server.1, None, Asking::Health).await;
    let attacks = [
        Attack::new("PING", |it| floods::pings(it, Hears)),
        Attack::new("WINDOW_UPDATE", |it| floods::window_updates(it, Hears)),
        Attack::new("connected, no word", hoards::connected_only),
        Attack::new("the preface and no more", hoards::preface_only),
        Attack::new("all agreed on, then silent", hoards::silence),
        Attack::new("streams opened, never finished", |it| {
            hoards::unfinished_streams(it, floods::HEALTH, Deaf)
        }),
    ];
    let mut all = Vec::new();
    for attack in attacks {
        let attack = Attack { dropped_within: DROPPED_WITHIN, ..attack };
        siege.under(&attack, LONG, &mut all).await;
    }
    siege.watch(&mut all).await;
    println!("{}", table(&all));
    let faults = siege.faults(&all);
    println!("{faults:#?}");
    for done in &all {
        let found = faults.get(&done.name).map(|it| it.join("; ")).unwrap_or_default();
        assert!(found.contains("connections are open"), "{}: {found}", done.name);
    }
    let streams = faults["streams opened, never finished"].join("; ");
    assert!(streams.contains("took "), "{streams}");
}

/// Another one, since what the attacks above took is there for the next to use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bound_a_bomb_is_seen_to_hurt() {
    let server = Unprotected::start();
    let siege = Siege::around(server.0.id(), &server.1, None, Asking::Health).await;
    let bomb = Attack::new("zstd: 32 KiB of 1 GiB", |it| {
        let answers = &[Code::Internal];
        bombs::sent(it, bombs::Bomb { path: floods::HEALTH, answers, ..bombs::zstd() }, 1)
    });
    let mut all = Vec::new();
    siege.under(&bomb, LONG, &mut all).await;
    println!("{}", table(&all));
    let faults = siege.faults(&all);
    println!("{faults:#?}");
    let found = faults[&bomb.name].join("; ");
    assert!(found.contains("took "), "{found}");
}
