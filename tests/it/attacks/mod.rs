//! Attacks on the transport: the real server lives, its memory stays bounded, honest callers are served,
//! and who attacks is thrown out.
//!
//! Attackers speak HTTP/2 by hand, in plain text and over TLS, from another address of this machine than
//! honest callers have: one of these goes on over its connection, one connects anew for every call. Each
//! attack takes a second and a half; `JUDGEMENT_LEDGER_ATTACKS=60` is the long form: 60 s each, with
//! peers who say that they are there and take nothing, and then all of them together.
//!
//! What must hold: memory grows by no more than 64 MiB; at least 99 of a hundred honest calls are
//! answered within their deadline (the times are printed); the attackers' connections, which none of
//! them closes, are closed by the server; and all room for calls is free again.

mod bombs;
mod crowd;
mod floods;
pub mod frames;
mod headers;
mod hoards;
mod honest;
mod line;
mod overload;
mod room;
mod siege;
mod soak;
mod unprotected;

use std::{fs, process::Command, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};

use crate::binary::{Home, Running};
use line::Manner::{Deaf, Hears, Polite};
pub use siege::trusting;
use siege::{Attack, Done, Siege, table};

/// How long each attack goes on.
const QUICK: Duration = Duration::from_millis(1_500);

/// The length of the long form, if that is wanted.
fn long() -> Option<Duration> {
    let given = std::env::var("JUDGEMENT_LEDGER_ATTACKS").ok()?;
    Some(Duration::from_secs(given.parse().unwrap()))
}

/// What an attack takes that is quick.
fn each() -> Duration {
    long().unwrap_or(QUICK)
}

/// Those who say very much.
fn floods() -> Vec<Attack> {
    vec![
        Attack::new("streams opened and reset at once", floods::rapid_reset),
        Attack::new("calls that are refused", |it| floods::refused_calls(it, Hears)),
        Attack::new("calls that are refused, refusals not read", |it| {
            floods::refused_calls(it, Deaf)
        }),
        Attack::new("CONTINUATION without end", |it| floods::continuation(it, 8_000)),
        Attack::new("empty CONTINUATION without end", |it| floods::continuation(it, 0)),
        Attack::new("empty DATA", floods::empty_data),
        Attack::new("DATA that is padding", floods::padding),
        Attack::new("PING", |it| floods::pings(it, Hears)),
        Attack::new("PING, nothing read", |it| floods::pings(it, Deaf)),
        Attack::new("PING acknowledged that nobody sent", floods::acknowledgements),
        Attack::new("SETTINGS", |it| floods::changed_settings(it, Hears)),
        Attack::new("SETTINGS, nothing read", |it| floods::changed_settings(it, Deaf)),
        Attack::new("PRIORITY", |it| floods::priorities(it, Hears)),
        Attack::new("PRIORITY, nothing read", |it| floods::priorities(it, Deaf)),
        Attack::new("WINDOW_UPDATE", |it| floods::window_updates(it, Hears)),
        Attack::new("WINDOW_UPDATE, nothing read", |it| floods::window_updates(it, Deaf)),
        Attack::new("GOAWAY", floods::farewells),
        Attack::new("RST_STREAM of a stream that is over", floods::resets),
        Attack::new("frames of an unknown kind", floods::unknown),
        Attack::new("headers of 64 KiB", |it| floods::large_headers(it, 64 << 10)),
        Attack::new("headers of 1 MiB", |it| floods::large_headers(it, 1 << 20)),
        Attack::new("random frames and paths", floods::random_frames),
    ]
}

/// Those who take up room.
fn hoards() -> Vec<Attack> {
    let calls = |name, path, manner| {
        Attack::new(name, move |it| hoards::unfinished_streams(it, path, manner))
    };
    let mut all = vec![
        calls("streams of anybody opened, never finished", floods::HEALTH, Hears),
        calls("streams of callers opened, never finished", floods::STREAM, Hears),
        calls("calls opened, never finished, nothing read", floods::BATCH, Deaf),
        Attack::new("600 B of a declared 4 MiB", |it| hoards::unfinished_messages(it, 4 << 20)),
        Attack::new("600 B of a declared MiB", |it| hoards::unfinished_messages(it, 1_000_000)),
        Attack::new("connected, no word", hoards::connected_only),
        Attack::new("half a handshake", hoards::handshake_begun),
        Attack::new("the preface and no more", hoards::preface_only),
        Attack::new("all agreed on, then silent", hoards::silence),
        Attack::new("subscribers who read nothing", |it| hoards::subscribers(it, Hears)),
        Attack::new("answers not read", |it| hoards::unread_answers(it, Hears)),
        Attack::new("files and health not read", |it| hoards::unread_files(it, Hears)),
        Attack::new("descriptors not read", |it| hoards::unread_descriptors(it, Hears)),
        // HTTP/1.1 knows no pings: there is a time for each request.
        Attack::new("a byte a second", hoards::slow_writers).polite(),
        Attack::new("half a request of HTTP/1.1", hoards::request_begun).polite(),
        Attack::new("requests of HTTP/1.1 without end", hoards::endless_requests).polite(),
    ];
    if long().is_some() {
        all.extend([
            Attack::new("subscribers who say they are there", |it| hoards::subscribers(it, Polite))
                .on_streams(),
            Attack::new("answers not read by who says so", |it| hoards::unread_answers(it, Polite))
                .polite(),
            Attack::new("files not read by who says so", |it| hoards::unread_files(it, Polite))
                .polite(),
            Attack::new("descriptors not read by who says so", |it| {
                hoards::unread_descriptors(it, Polite)
            })
            .on_streams(),
        ]);
    }
    all
}

/// Those whose messages are not what they should be.
fn bombs() -> Vec<Attack> {
    let sent = |name, bomb: fn() -> bombs::Bomb, connections| {
        Attack::new(name, move |it| bombs::sent(it, bomb(), connections))
    };
    vec![
        sent("gzip: 1 MiB of 1 GiB", bombs::gzip, 1),
        sent("gzip: 1 MiB of 1 GiB, by eight", bombs::gzip, 8),
        sent("zstd: 32 KiB of 1 GiB, by eight", bombs::zstd, 8),
        sent("a message of 5 MiB", bombs::too_large, 2),
        sent("a message that says 4 GiB", bombs::said_to_be_huge, 2),
        sent("nested 150 deep", || bombs::nested(150), 2),
        sent("nested 100,000 deep", || bombs::nested(100_000), 2),
        sent("text that is no UTF-8", bombs::no_text, 2),
        sent("4 MiB of empty commands", bombs::more_empty_commands, 2),
        sent("1 MiB of empty commands", bombs::empty_commands, 1),
        sent("1 MiB of empty commands, by sixteen", bombs::empty_commands, 16),
        sent("the same in gzip, by sixteen", bombs::packed_empty_commands, 16),
        sent("1 MiB of empty publications, by sixteen", bombs::empty_publications, 16),
        sent("200 KiB of empty areas, by sixteen", bombs::empty_areas, 16),
        sent("62 KiB of empty names, by sixteen", bombs::empty_names, 16),
        sent("no command in a stream of them", bombs::no_commands, 2),
    ]
}

/// The certificate of a server, its key, and who signed it.
pub fn certificates(home: &Home) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &authority).unwrap();
    fs::write(home.path("server.pem"), certificate.pem()).unwrap();
    fs::write(home.path("server.key"), key.serialize_pem()).unwrap();
    authority.pem()
}

/// The command that serves with the usual limits, in plain text or over TLS, and the authority.
fn serve(home: &Home, over_tls: bool) -> (Command, Option<String>) {
    let mut command = home.serve();
    command.args(["--cache-mib", "16"]).env("JUDGEMENT_LEDGER_LOG", "error");
    if !over_tls {
        return (command, None);
    }
    let authority = certificates(home);
    command.arg("--tls-certificate").arg(home.path("server.pem"));
    command.arg("--tls-key").arg(home.path("server.key"));
    (command, Some(authority))
}

/// Lets a server be attacked in all these ways, and shows what became of it.
async fn survives(over_tls: bool, attacks: Vec<Attack>) {
    println!("JUDGEMENT_LEDGER_SEED={} each {:?}, TLS: {over_tls}", crate::killed::seed(), each());
    let home = Home::new();
    let (command, authority) = serve(&home, over_tls);
    let mut running = Running::start(command);
    let siege = Siege::of(&running, authority.as_deref()).await;
    let mut all: Vec<Done> = Vec::new();
    for attack in &attacks {
        siege.under(attack, each(), &mut all).await;
    }
    siege.watch(&mut all).await;
    println!("{}", table(&all));
    let faults = siege.faults(&all);
    assert!(running.runs(), "{}", running.said());
    assert!(faults.is_empty(), "{faults:#?}");
    room::is_free(&siege).await;
    siege.lift();
    assert!(running.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_too_much_is_thrown_out() {
    survives(false, floods()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_too_much_over_tls_is_thrown_out() {
    survives(true, floods()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_up_room_is_thrown_out() {
    survives(false, hoards()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_up_room_over_tls_is_thrown_out() {
    survives(true, hoards()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_no_messages_are_refused() {
    survives(false, bombs()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_no_messages_are_refused_over_tls() {
    survives(true, bombs()).await;
}

/// The long form alone: everything at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_attacks_together_are_survived() {
    let Some(long) = long() else { return };
    for over_tls in [false, true] {
        let home = Home::new();
        let (command, authority) = serve(&home, over_tls);
        let mut running = Running::start(command);
        let siege = Siege::of(&running, authority.as_deref()).await;
        let attacks: Vec<_> = floods().into_iter().chain(hoards()).chain(bombs()).collect();
        let attacks: Vec<_> = attacks.iter().collect();
        let mut all = Vec::new();
        siege.under_all("all of them together", &attacks, long, &mut all).await;
        siege.watch(&mut all).await;
        println!("{}", table(&all));
        assert!(running.runs(), "{}", running.said());
        assert_eq!(siege.faults(&all).len(), 0, "{:#?}", siege.faults(&all));
        room::is_free(&siege).await;
        assert!(running.stop().success());
    }
}
