//! Backups that are not what was made, and keys that do not belong to them: each is refused by name,
//! and nothing is left that could be served.

use std::fs;

use super::{Restoring, back_up, elsewhere, kept, part, path, stored, telling, verb};
use crate::{
    binary::{Home, Running, copy},
    killed::seed,
    sim_disk::Seeded,
    story::tell,
};

/// So many bytes of each part are flipped, one after the other.
const FLIPS: u64 = 24;

/// It is refused, each of these words is said, and nothing is left to be served.
fn refused(restoring: &Restoring, to: &Home, said: &[&str]) {
    let ended = restoring.run();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    for said in said {
        assert!(ended.stderr.contains(said), "{said} is not said in: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert!(!to.path("data").exists(), "nothing is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_that_are_not_what_was_made_are_refused() {
    let home = kept().await;
    let to = elsewhere(&home);
    let restoring = Restoring::of(&home, &to);
    let mut random = Seeded(seed());
    println!("JUDGEMENT_LEDGER_SEED={}", random.0);
    for number in [1, 2] {
        let file = part(&home, number);
        let (name, whole) = (file.display().to_string(), fs::read(&file).unwrap());
        for _ in 0..FLIPS {
            let mut changed = whole.clone();
            let at = random.below(whole.len() as u64) as usize;
            changed[at] ^= 1 << random.below(8);
            fs::write(&file, changed).unwrap();
            println!("byte {at} of {name}");
            refused(&restoring, &to, &[&format!("part-000{number}.backup")]);
        }
        for length in [0, 11, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, &whole[..length]).unwrap();
            refused(&restoring, &to, &[&name, "damaged at byte"]);
        }
        fs::remove_file(&file).unwrap();
        if number == 1 {
            refused(&restoring, &to, &["part-0001.backup: this part is missing"]);
        }
        fs::write(&file, whole).unwrap();
    }
    fs::rename(part(&home, 1), part(&home, 3)).unwrap();
    fs::rename(part(&home, 2), part(&home, 1)).unwrap();
    fs::rename(part(&home, 3), part(&home, 2)).unwrap();
    refused(&restoring, &to, &["part-0001.backup: it begins after record"]);
    fs::rename(part(&home, 2), part(&home, 3)).unwrap();
    fs::rename(part(&home, 1), part(&home, 2)).unwrap();
    fs::rename(part(&home, 3), part(&home, 1)).unwrap();
    // What was refused so often is restored once it is whole.
    restoring.succeeds();
    assert_eq!(stored(&to).await, stored(&home).await);
}

/// What lies long on a disk is looked at before it is needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_verified_where_it_lies_and_a_rotten_byte_is_found() {
    let home = kept().await;
    let key = fs::read_to_string(home.path("key")).unwrap();
    let (backup, before) = (path(&home, "backup"), crate::binary::digest(&home.path("backup")));
    let verify = |words: &[&str]| verb(&[&["verify", &backup][..], words].concat());
    for words in [&[][..], &["--key", &key], &["--format", "json"]] {
        let verified = verify(words);
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);
        let said = ["VERIFIED", "\"verified\":true"];
        assert!(said.iter().any(|it| verified.stdout.contains(it)), "{}", verified.stdout);
    }
    let no_key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let others = verify(&["--key", no_key]);
    assert_eq!(others.code, Some(1), "{}", others.stdout);
    assert!(others.stderr.contains("NOT VERIFIED"), "{}", others.stderr);
    let misused = verify(&["--master-key-file", &path(&home, "master.key")]);
    assert_eq!(misused.code, Some(2), "{}", misused.stderr);
    assert_eq!(crate::binary::digest(&home.path("backup")), before, "nothing is written");

    for number in [1, 2] {
        let file = part(&home, number);
        let whole = fs::read(&file).unwrap();
        let mut rotten = whole.clone();
        rotten[whole.len() / 2] ^= 1;
        fs::write(&file, rotten).unwrap();
        let verified = verify(&[]);
        assert_eq!((verified.code, verified.stdout.as_str()), (Some(1), ""), "{}", verified.stderr);
        let said = format!("part-000{number}.backup");
        assert!(verified.stderr.contains(&said), "{}", verified.stderr);
        fs::write(&file, whole).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_another_ledger_is_refused() {
    let (home, other) = (kept().await, kept().await);
    let to = elsewhere(&home);
    fs::copy(part(&other, 2), part(&home, 2)).unwrap();
    refused(&Restoring::of(&home, &to), &to, &["part-0002.backup: it is of the ledger"]);
    // Nor is one added.
    let running = Running::start(other.serve());
    fs::remove_file(part(&home, 2)).unwrap();
    let before = crate::binary::digest(&home.path("backup"));
    let (data, backup) = (path(&other, "data"), path(&home, "backup"));
    let added = verb(&["backup", "--data", &data, "--to", &backup]);
    assert_eq!(added.code, Some(1), "{}", added.stdout);
    let said = ["part-0002.backup: it is of the ledger", "INVALID_REQUEST"];
    assert!(said.iter().any(|it| added.stderr.contains(it)), "{}", added.stderr);
    assert_eq!(crate::binary::digest(&home.path("backup")), before);
    assert!(running.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_do_not_belong_to_the_records_are_refused() {
    let (home, other) = (kept().await, kept().await);
    let to = elsewhere(&home);
    let restoring = || Restoring::of(&home, &to);
    let wrong = restoring().with("--master-key-file", &path(&other, "master.key"));
    refused(&wrong, &to, &["the master key is not the one this keyring was made with"]);
    let missing = restoring().with("--master-key-file", &path(&home, "nowhere"));
    let ended = missing.run();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("there is no file"), "{}", ended.stderr);
    refused(&restoring().without("--keyring"), &to, &["no keyring is given", "--keyring"]);
    let others = restoring().with("--keyring", &path(&other, "keyring"));
    refused(&others, &to, &["keyring: it is of the ledger"]);
    let whole = fs::read(home.path("keyring")).unwrap();
    fs::write(home.path("keyring"), &whole[..whole.len() / 2]).unwrap();
    refused(&restoring(), &to, &["keyring: damaged at byte"]);
    fs::write(home.path("keyring"), whole).unwrap();
    let no_key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    refused(&restoring().with("--key", no_key), &to, &["no key that you trust has signed it"]);
    let restored = restoring().succeeds();
    assert!(restored.stderr.contains("NO KEY WAS GIVEN"), "{}", restored.stderr);
}

/// Each start begins a block of keys: a keyring from before it has none for what came after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyring_older_than_the_records_is_refused() {
    let home = kept().await;
    fs::copy(home.path("keyring"), home.path("older")).unwrap();
    let running = Running::start(home.serve());
    tell(&running.clients(), 2, telling()).await;
    back_up(&home);
    assert!(running.stop().success());
    let to = elsewhere(&home);
    let older = Restoring::of(&home, &to).with("--keyring", &path(&home, "older"));
    refused(&older, &to, &["the keyring ends here, but the journal names slot"]);
    Restoring::of(&home, &to).succeeds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_from_elsewhere_that_disagrees_is_refused() {
    let (home, other) = (kept().await, kept().await);
    let to = elsewhere(&home);
    let checkpoint = |of: &Home| {
        let bytes = fs::read(of.path("data/journal/CHECKPOINT")).unwrap();
        // A note of the journal's: its head, a one, the signed note.
        bytes[21..].to_vec()
    };
    fs::write(home.path("kept"), checkpoint(&home)).unwrap();
    fs::write(home.path("others"), checkpoint(&other)).unwrap();
    let with = |name| Restoring::of(&home, &to).with("--checkpoint", &path(&home, name));
    refused(&with("others"), &to, &["others"]);
    // A part fewer than somebody vouches for.
    fs::rename(part(&home, 2), home.path("aside")).unwrap();
    refused(&with("kept"), &to, &["kept covers", "records are missing"]);
    fs::rename(home.path("aside"), part(&home, 2)).unwrap();
    with("kept").succeeds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_restored_over_anything() {
    let home = kept().await;
    let to = elsewhere(&home);
    let restoring = Restoring::of(&home, &to);
    let misused = |said: &str| {
        let before = to.digest();
        let ended = restoring.run();
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_eq!(to.digest(), before);
    };
    fs::create_dir(to.path("data")).unwrap();
    fs::write(to.path("data/a letter"), "…").unwrap();
    misused("is not empty");
    fs::remove_file(to.path("data/a letter")).unwrap();
    // What is there is never taken for what was interrupted, and cleared away.
    for name in ["keys", "journal"] {
        fs::create_dir(to.path("data").join(name)).unwrap();
        misused("is not empty");
        fs::remove_dir(to.path("data").join(name)).unwrap();
    }
    // An empty directory is as good as none.
    restoring.succeeds();
    misused("is not empty");
}

/// The signer's memory goes further than the backup: records are lost, and the ledger says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_restored_behind_its_signer_is_read_only_until_another_signer_begins() {
    let home = kept().await;
    let running = Running::start(home.serve());
    tell(&running.clients(), 2, telling()).await;
    assert!(running.stop().success());
    let to = elsewhere(&home);
    let restored =
        Restoring::of(&home, &to).with("--master-key-file", &path(&to, "master.key")).succeeds();
    // It says what to run, word for word.
    let command = restored.stderr.split('`').find(|it| it.starts_with("judgement-ledger signer"));
    let command = command.expect("the command").to_owned();
    let running = Running::start(to.serve());
    let info = verb(&["info", "--data", &path(&to, "data")]);
    assert!(info.stdout.contains("signer recover"), "{}", info.stdout);
    let writes = ["healthcheck", "--server", &running.address, "--service"];
    let writes = verb(&[&writes[..], &["judgement.ledger.v1.writes"]].concat());
    assert_eq!((writes.code, writes.stdout.as_str()), (Some(1), ""));
    assert!(writes.stderr.contains("NOT_SERVING"), "{}", writes.stderr);
    let made = verb(&["backup", "--data", &path(&to, "data"), "--to", &path(&to, "backup")]);
    assert!(made.stderr.contains("an older journal was put back"), "{}", made.stderr);
    assert!(running.stop().success());

    fs::rename(to.path("signer"), to.path("signer-aside")).unwrap();
    let words: Vec<_> = command.split_whitespace().skip(1).collect();
    let recovered = verb(&words);
    assert_eq!(recovered.code, Some(0), "{}", recovered.stderr);
    let running = Running::start(to.serve());
    tell(&running.clients(), 2, telling()).await;
    assert!(running.stop().success());
}

/// What was erased stays erased, though it can be read with an older keyring: a start erases it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_an_older_keyring_brings_back_is_erased_again() {
    use crate::erasure::{CHILD, erase_wholly, rationale, redacted, unsealed, with_a_child};
    let home = Home::new();
    let running = Running::start(home.serve());
    let clients = running.clients();
    let (name, set) = with_a_child(&clients).await;
    back_up(&home);
    fs::copy(home.path("keyring"), home.path("older")).unwrap();
    let order = erase_wholly(&clients, set, "rationale").await;
    back_up(&home);
    assert!(running.stop().success());

    let to = elsewhere(&home);
    Restoring::of(&home, &to).with("--keyring", &path(&home, "older")).succeeds();
    copy(&to.path("data/keys"), &to.path("brought-back"));
    assert_eq!(
        unsealed(&to, "data/keys", set).await.as_deref(),
        Some(CHILD),
        "it was brought back"
    );
    let running = Running::start(to.serve());
    let clients = running.clients();
    assert_eq!(redacted(&rationale(&clients, &name).await).position, order);
    // What is erased now is erased after what was before.
    let other = crate::erasure::graded(&clients, &name, "staying-safe").await;
    erase_wholly(&clients, other, "rationale").await;
    assert!(running.stop().success());
    assert_eq!(unsealed(&to, "data/keys", set).await, None);
    let verified =
        verb(&["verify", &path(&to, "data"), "--master-key-file", &path(&to, "master.key")]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}
