//! What an operator runs into: a full disk, a wrong path, keys that lie open, and files in the way.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use judgement_ledger::{pb, rpc::WRITES};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    binary::{Ended, Home, Running, ended},
    served::{SUBJECT, act},
    story::{Telling, tell},
    watched::page,
};

/// How long anything may take on a machine that has more to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a verb.
fn verb(words: &[&str]) -> Ended {
    let mut command = Command::new(crate::binary::program());
    command.args(words);
    ended(command)
}

fn path(home: &Home, name: &str) -> String {
    home.path(name).to_str().unwrap().to_owned()
}

async fn register(server: &Running) -> Result<(), tonic::Status> {
    let request = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: SUBJECT.to_owned(),
        display_name: "A council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    server.clients().frameworks("admin").register_subject(request).await.map(drop)
}

async fn health(channel: &Channel, service: &str) -> ServingStatus {
    let asked = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel.clone()).check(asked).await.unwrap().into_inner().status()
}

/// A reserve that cannot be taken: nothing else shows of a full disk until something is written.
#[tokio::test]
async fn a_full_disk_is_told_by_whoever_is_asked_and_so_is_its_end() {
    let home = Home::new();
    Running::start(home.serve()).kill();
    let reserve = home.path("data/RESERVE");
    fs::remove_file(&reserve).unwrap();
    fs::create_dir(&reserve).unwrap();

    let running = Running::start(home.serve());
    let info = || verb(&["info", "--data", &path(&home, "data")]).stdout;
    let channel = running.clients().channel;
    assert_eq!(register(&running).await.unwrap_err().code(), Code::ResourceExhausted);
    let (_, ready) = page(&running.admin, "/readyz");
    assert_eq!(ready, "ready for readings; commands are refused: DISK_FULL\n");
    assert_eq!(health(&channel, WRITES).await, ServingStatus::NotServing);
    assert_eq!(health(&channel, "").await, ServingStatus::Serving);
    assert!(info().contains("commands    the disk is full"), "{}", info());
    assert!(running.said().contains("the disk is full"), "{}", running.said());

    fs::remove_dir(&reserve).unwrap();
    let over = Instant::now() + PATIENCE;
    while health(&channel, WRITES).await != ServingStatus::Serving {
        assert!(Instant::now() < over, "commands are taken again");
    }
    assert_eq!(page(&running.admin, "/readyz").1, "ready\n");
    assert!(info().contains("commands    taken"), "{}", info());
    register(&running).await.unwrap();
    assert!(running.stop().success());
}

#[test]
fn segments_that_do_not_fit_are_told_with_what_they_need() {
    let home = Home::new();
    // Files of two mebibytes at most, in blocks of 512 bytes, and a word instead of a signal.
    let small = ["sh", "-c", r#"trap "" XFSZ; ulimit -f 4096; exec "$0" "$@""#];
    let refused = ended(home.serve_under(&small));
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for said in ["12 MiB", "--segment-mib", &path(&home, "data")] {
        assert!(refused.stderr.contains(said), "{said} is not said in: {}", refused.stderr);
    }
}

#[tokio::test]
async fn a_new_ledger_is_told_of_and_none_is_made_where_one_must_be() {
    let home = Home::new();
    let must_exist = || {
        let mut serve = home.serve();
        serve.arg("--must-exist");
        serve
    };
    let refused = ended(must_exist());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("holds no ledger"), "{}", refused.stderr);
    assert!(!home.path("data").exists() && !home.path("master.key").exists(), "nothing is made");

    let said = Running::start(home.serve()).kill_and_say();
    for word in ["a new ledger was made", &path(&home, "data"), &path(&home, "master.key"), "back"]
    {
        assert!(said.contains(word), "{word} is not said in: {said}");
    }
    let said = Running::start(must_exist()).kill_and_say();
    assert!(!said.contains("a new ledger"), "{said}");
}

#[tokio::test]
async fn no_ledger_is_made_under_the_signer_of_another() {
    let home = Home::new();
    assert!(Running::start(home.serve()).stop().success());
    let serve = |origin: &[&str]| {
        let mut serve = Command::new(crate::binary::program());
        serve.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"]);
        serve.args(["--data", &path(&home, "unmounted"), "--segment-mib", "4"]);
        serve.args(["--master-key-file", &path(&home, "another.key")]);
        serve.args(["--token-key-file", &path(&home, "token.key")]);
        serve.args(["--signer-dir", &path(&home, "signer")]).args(origin);
        ended(serve)
    };
    let before = home.digest();
    for words in [&[][..], &["--origin", "ledger.example.org/apa"]] {
        let refused = serve(words);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        for said in ["has signed", "unmounted", "signer"] {
            assert!(refused.stderr.contains(said), "{said} is not said in: {}", refused.stderr);
        }
        assert_eq!(home.digest(), before, "nothing is left");
    }
    // Nor of a start that ends for another reason before there is a ledger.
    fs::remove_file(home.path("token.key")).unwrap();
    fs::remove_dir_all(home.path("signer")).unwrap();
    fs::remove_dir_all(home.path("data")).unwrap();
    assert_eq!(ended(home.serve()).code, Some(1));
    assert!(!home.path("data").exists());
}

fn blocks(home: &Home) -> usize {
    let names = fs::read_dir(home.path("data/keys")).unwrap();
    names
        .filter(|name| name.as_ref().unwrap().path().extension().is_some_and(|it| it == "keys"))
        .count()
}

/// A start that seals no text needs no keys: neither one that fails, nor one over and over.
#[tokio::test]
async fn only_a_start_that_seals_a_text_makes_keys() {
    let home = Home::new();
    let running = Running::start(home.serve());
    register(&running).await.unwrap();
    running.kill();
    let before = blocks(&home);
    for _ in 0..3 {
        Running::start(home.serve()).kill();
    }
    assert!(Running::start(home.serve()).stop().success());
    let (data, master) = (path(&home, "data"), path(&home, "master.key"));
    let rebuilt = verb(&["rebuild", "--data", &data, "--master-key-file", &master]);
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.stderr);
    assert_eq!(blocks(&home), before);
    let running = Running::start(home.serve());
    tell(&running.clients(), 0, Telling { long_text_bytes: 100, evidence: 1 }).await;
    running.kill();
    assert_eq!(blocks(&home), before + 1, "no slot is ever used by two lives");
}

/// Everything below a directory, itself included.
fn all_below(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut at = 0;
    while let Some(path) = found.get(at).cloned() {
        if path.is_dir() {
            found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        at += 1;
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_a_ledger_writes_only_its_account_reads() {
    let home = Home::new();
    let open = |words: &[&str]| {
        // An account that hides nothing by itself.
        let mut command = Command::new("sh");
        command.args(["-c", r#"umask 022; exec "$0" "$@""#]);
        command.arg(crate::binary::program()).args(words);
        ended(command)
    };
    let running = Running::start(home.serve_under(&["sh", "-c", r#"umask 022; exec "$0" "$@""#]));
    register(&running).await.unwrap();
    let (data, to, keyring) = (path(&home, "data"), path(&home, "backup"), path(&home, "keyring"));
    let made = open(&["backup", "--data", &data, "--to", &to, "--keyring", &keyring]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(running.stop().success());
    let master = path(&home, "master.key");
    let restored = path(&home, "restored");
    let words = ["--from", &to, "--keyring", &keyring, "--data", &restored];
    let made = open(&[&["restore", "--master-key-file", &master][..], &words].concat());
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    for root in ["data", "signer", "master.key", "backup", "keyring", "restored"] {
        for path in all_below(&home.path(root)) {
            assert_eq!(mode(&path) & 0o077, 0, "{}: {:o}", path.display(), mode(&path));
        }
    }
}

#[tokio::test]
async fn a_key_that_others_may_read_is_warned_of() {
    let home = Home::new();
    Running::start(home.serve()).kill();
    let signing = fs::read_dir(home.path("signer")).unwrap();
    let key = |path: &PathBuf| path.extension().is_some_and(|it| it == "key");
    let signing = signing.map(|entry| entry.unwrap().path()).find(key).unwrap();
    let keys = [home.path("master.key"), home.path("token.key"), signing];
    let warned = |modes: u32| {
        for key in &keys {
            fs::set_permissions(key, fs::Permissions::from_mode(modes)).unwrap();
        }
        let said = Running::start(home.serve()).kill_and_say();
        keys.iter().filter(|key| said.contains(&format!("{} can be read", key.display()))).count()
    };
    assert_eq!([0o644, 0o604, 0o640].map(warned), [3; 3]);
    // As a secret of Kubernetes lies there.
    assert_eq!([0o600, 0o400, 0o440].map(warned), [0; 3]);
}

#[tokio::test]
async fn a_backup_replaces_nothing_but_a_backup() {
    let home = Home::new();
    let running = Running::start(home.serve());
    register(&running).await.unwrap();
    let data = path(&home, "data");
    let master = fs::read(home.path("master.key")).unwrap();
    for (keyring, said) in
        [("master.key", "is no keyring"), ("data/keyring", "directory of a ledger")]
    {
        let refused = verb(&["backup", "--data", &data, "--keyring", &path(&home, keyring)]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert_eq!(fs::read(home.path("master.key")).unwrap(), master);
    let refused = verb(&["backup", "--data", &data, "--to", &path(&home, "data/backup")]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("directory of a ledger"), "{}", refused.stderr);
    assert!(!home.path("data/backup").exists() && !home.path("data/keyring").exists());
    // One of its own it does replace.
    for _ in 0..2 {
        let made = verb(&["backup", "--data", &data, "--keyring", &path(&home, "keyring")]);
        assert_eq!(made.code, Some(0), "{}", made.stderr);
    }
    assert!(running.stop().success());
}

/// A flag says more than a variable that somebody set once, whichever of the two it is.
#[tokio::test]
async fn a_directory_on_the_command_line_wins_over_a_socket_in_the_environment() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let info = |word: &str, value: &str, name: &str, set: &str| {
        let mut command = Command::new(crate::binary::program());
        command.args(["info", word, value]).env(name, set);
        ended(command)
    };
    let (data, socket) = (path(&home, "data"), path(&home, "data/admin.sock"));
    let (nowhere, none) = (path(&home, "nowhere"), path(&home, "nowhere/admin.sock"));
    let by_directory = info("--data", &data, "JUDGEMENT_LEDGER_ADMIN_SOCKET", &none);
    assert_eq!(by_directory.code, Some(0), "{}", by_directory.stderr);
    let by_socket = info("--admin-socket", &socket, "JUDGEMENT_LEDGER_DATA", &nowhere);
    assert_eq!(by_socket.code, Some(0), "{}", by_socket.stderr);
    assert!(running.stop().success());
}
