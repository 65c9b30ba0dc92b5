//! The restore drill: a backup is made under load, restored elsewhere, and is the same ledger.
//!
//! `JUDGEMENT_LEDGER_DRILL_RECORDS=1000000` is the long form: so many records are in the ledger, and in
//! a part of its backup, before the load begins.

use std::{
    ffi::OsStr,
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use judgement_ledger::{
    disk::RealDisk,
    journal::{
        Journal as _, Page,
        file::{FileJournal, FileOptions},
    },
    judgement::Position,
    ledger::filing,
    merkle::Hash,
    pb::{self, command::Order},
};
use tokio::task::JoinSet;

use super::{Restoring, back_up, backup_words, elsewhere, part, path};
use crate::{
    account::{Said, account},
    binary::{Ended, Home, Running, copy},
    killed::rounds,
    served::{Clients, act, present},
    story::{Telling, assessment_of, tell},
};

const CHAPTERS: usize = 6;

/// Enough for a thousand events.
const TELLING: Telling = Telling { long_text_bytes: 2_000, evidence: 160 };

/// How many records are in the ledger before the drill.
fn before() -> usize {
    usize::try_from(rounds("JUDGEMENT_LEDGER_DRILL_RECORDS", 0)).unwrap()
}

/// So many entries to an assessment, which are one batch, by so many callers at once.
const ENTRIES: usize = 1_000;
const CALLERS: usize = 8;

async fn all(clients: &Clients) -> Vec<Said> {
    let names: Vec<_> = (0..CHAPTERS).map(assessment_of).collect();
    account(clients, &names, u64::MAX).await
}

/// Until its views are there, a server says so: then it is asked again. How many records it has.
async fn answers(clients: &Clients) -> u64 {
    loop {
        let asked = clients.audits().query_audit(pb::QueryAuditRequest::default()).await;
        if let Ok(answer) = asked {
            return answer.into_inner().read.unwrap().position;
        }
    }
}

fn size_of(made: &Ended) -> u64 {
    let told: serde_json::Value =
        serde_json::from_str(made.stdout.lines().next().unwrap()).unwrap();
    told["size"].as_u64().unwrap()
}

/// Runs a command to its good end, however long that takes: a million records need their time.
fn done(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    let text = |said: Vec<u8>| String::from_utf8(said).unwrap();
    let code = output.status.code();
    let ended = Ended { code, stdout: text(output.stdout), stderr: text(output.stderr) };
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

/// A verb of the program.
fn words<W: AsRef<OsStr>>(words: &[W]) -> Command {
    let mut command = Command::new(crate::binary::program());
    command.args(words);
    command
}

/// Another part of a backup, by this command, while others go on.
async fn another_part(backup: &[String]) -> u64 {
    let command = words(backup);
    size_of(&tokio::task::spawn_blocking(move || done(command)).await.unwrap())
}

/// At least so many records, as whole assessments of entries, each of which was acknowledged as a whole.
async fn fill(clients: &Clients, records: usize) {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let clients = clients.clone();
        callers.spawn(async move {
            for number in (caller..records.div_ceil(ENTRIES)).step_by(CALLERS) {
                fill_one(&clients, number).await;
            }
        });
    }
    while let Some(filled) = callers.join_next().await {
        filled.unwrap();
    }
}

async fn fill_one(clients: &Clients, number: usize) {
    let subject = format!("subjects/filled-{number}");
    let register = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: subject.clone(),
        display_name: format!("Council {number}"),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    clients.frameworks("admin").register_subject(register).await.unwrap();
    let name = format!("{subject}/assessments/apa-2006");
    let open = pb::OpenAssessmentRequest {
        assessment: name.clone(),
        act: Some(act()),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: "2006".to_owned(),
        ..pb::OpenAssessmentRequest::default()
    };
    clients.assessments("lead").open_assessment(open).await.unwrap();
    let entry = |entry: usize| {
        let content = pb::EntryContent {
            kind: pb::EntryKind::Narrative.into(),
            section: "staying-safe".to_owned(),
            area: "staying-safe".to_owned(),
            order: 1,
            text: Some(present(&format!("What was seen, {entry}."))),
            ..pb::EntryContent::default()
        };
        let request = pb::RecordEntryRequest {
            assessment: name.clone(),
            act: Some(act()),
            entry_id: format!("nar-{entry}"),
            content: Some(content),
            ..pb::RecordEntryRequest::default()
        };
        pb::Command { order: Some(Order::RecordEntry(request)) }
    };
    let batch =
        pb::ApplyBatchRequest { commands: (0..ENTRIES).map(entry).collect(), validate_only: false };
    // A queue that is full says so: nothing of the batch was recorded then.
    loop {
        match clients.assessments("inspector").apply_batch(batch.clone()).await {
            Ok(receipts) => break assert_eq!(receipts.into_inner().receipts.len(), ENTRIES),
            Err(busy) => assert_eq!(busy.code(), tonic::Code::ResourceExhausted, "{busy:?}"),
        }
    }
}

/// Whether two stopped ledgers hold the same bytes, from the first record to the last: how many there are, or
/// after which they differ.
async fn same_bytes(one: &Home, other: &Home) -> Result<u64, Position> {
    let [one, other] = [one, other].map(|home| {
        let disk = Arc::new(RealDisk::at(home.path("data/journal")).unwrap());
        FileJournal::open(disk, filing(), FileOptions::new([0; 16])).unwrap()
    });
    let page = Page { entries_max: 10_000, bytes_max: 1 << 26 };
    let mut at = Position::START;
    loop {
        let (here, there) =
            (one.read(at, page).await.unwrap(), other.read(at, page).await.unwrap());
        for (here, there) in here.iter().zip(&there) {
            if here != there {
                return Err(at);
            }
            at = here.position;
        }
        if here.len() != there.len() {
            return Err(at);
        }
        if here.is_empty() {
            break;
        }
    }
    assert_eq!(one.head().await.unwrap().position, at, "all were read");
    assert_eq!(other.head().await.unwrap().position, at, "all were read");
    one.close().await.unwrap();
    other.close().await.unwrap();
    Ok(at.get())
}

/// Tells the chapters of the story, two at once, and further ones until there is enough; how many events
/// there were.
async fn load(clients: Clients, enough: Arc<AtomicBool>) -> usize {
    let (mut told, mut chapter, mut goes_on) = (0, 0, false);
    // The last pair begins after the last part was made: that was made while records came.
    while chapter < CHAPTERS || !goes_on {
        goes_on = enough.load(Ordering::Relaxed);
        // Number `CHAPTERS` is told once all is restored.
        let number = if chapter < CHAPTERS { chapter } else { chapter + 1 };
        let (one, other) =
            tokio::join!(tell(&clients, number, TELLING), tell(&clients, number + 1, TELLING));
        told += one.len() + other.len();
        chapter += 2;
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_under_load_is_the_same_ledger_elsewhere() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let clients = running.clients();
    let to = path(&home, "backup");
    let backup = backup_words(&home, &["--to", &to, "--format", "json"]);
    if before() > 0 {
        let begun = Instant::now();
        fill(&clients, before()).await;
        let filled = begun.elapsed();
        let begun = Instant::now();
        let size = another_part(&backup).await;
        println!("{size} records: filled in {filled:?}, backed up in {:?}", begun.elapsed());
        assert!(size >= before() as u64);
    }
    let filled = answers(&clients).await;
    let enough = Arc::new(AtomicBool::new(false));
    let loading = tokio::spawn(load(clients.clone(), Arc::clone(&enough)));
    // Each is of another size, since records come meanwhile.
    let (mut sizes, mut lags) = (vec![], vec![]);
    while sizes.len() < 3 {
        let size = another_part(&backup).await;
        assert!(sizes.last().is_none_or(|before| size >= *before));
        if size > filled && sizes.last() != Some(&size) {
            sizes.push(size);
            lags.push(answers(&clients).await.checked_sub(size).unwrap());
        }
    }
    enough.store(true, Ordering::Relaxed);
    let told = loading.await.unwrap();
    assert!(told > 1_000, "{told} events");
    let head = answers(&clients).await;
    assert!(head >= filled + told as u64);
    assert!(sizes.is_sorted_by(|one, next| one < next), "{sizes:?}");
    assert!(sizes[2] < head, "made while it wrote: {sizes:?} of {head}");
    println!(
        "RPO: had the disk been lost right after each part, {lags:?} records would have been lost; at \
         the end of the load {} of {head}",
        head - sizes[2]
    );

    // Whoever reads is recorded, once a day: the second account is of a ledger at rest.
    all(&clients).await;
    let said = all(&clients).await;
    back_up(&home);
    let nothing = done(words(&backup_words(&home, &["--to", &to])));
    assert!(nothing.stdout.contains("nothing is new"), "{}", nothing.stdout);
    let request = pb::GetCheckpointRequest { min_size: 1 };
    let signed = clients.transparency("auditor").get_checkpoint(request).await.unwrap();
    let signed = signed.into_inner();
    fs::write(home.path("kept"), &signed.note).unwrap();
    assert!(running.stop().success());

    let other = elsewhere(&home);
    let begun = Instant::now();
    let restored = Restoring::of(&home, &other)
        .with("--key", &signed.keys[0])
        .with("--checkpoint", &path(&home, "kept"));
    let restored = done(restored.command());
    let restoring = begun.elapsed();
    let root = Hash::new((*signed.root).try_into().unwrap());
    assert!(restored.stdout.contains(&format!("root {root}")), "{}", restored.stdout);
    assert!(!restored.stderr.contains("NO KEY WAS GIVEN"), "{}", restored.stderr);
    assert_eq!(same_bytes(&other, &home).await, Ok(signed.size));

    let master = path(&other, "master.key");
    let verified = done(words(&[
        "verify",
        &path(&other, "data"),
        "--master-key-file",
        &master,
        "--key",
        &signed.keys[0],
        "--checkpoint",
        &path(&home, "kept"),
    ]));
    assert!(verified.stdout.contains("VERIFIED"), "{}", verified.stdout);

    let begun = Instant::now();
    let running = Running::start(other.serve());
    let clients = running.clients();
    answers(&clients).await;
    let starting = begun.elapsed();
    println!(
        "RTO: {:?} from the beginning of restoring {} records to the first answer: {restoring:?} to \
         restore them, {starting:?} to start",
        restoring + starting,
        signed.size
    );
    let found = all(&clients).await;
    assert_eq!(found.len(), said.len(), "as many answers");
    for (found, said) in found.iter().zip(&said) {
        assert_eq!(found, said);
    }
    // It goes on, and so does its backup.
    copy(&home.path("backup"), &other.path("backup"));
    let receipts = tell(&clients, CHAPTERS, TELLING).await;
    assert_eq!(receipts[0].position, signed.size + 1);
    let next = (1..9_999).find(|number| !part(&other, *number).exists()).unwrap();
    let next = format!("part-{next:04}.backup");
    let made = back_up(&other);
    assert!(made.stdout.contains(&next), "{next}: {}", made.stdout);
    assert!(running.stop().success());
    let third = elsewhere(&other);
    let restoring = Restoring::of(&other, &third).with("--checkpoint", &path(&home, "kept"));
    done(restoring.command());
    let all = same_bytes(&third, &other).await.unwrap();
    assert!(all >= signed.size + receipts.len() as u64, "{all} records");
    // The negative control: of the ledger that did not go on, the comparison knows where it ends.
    assert_eq!(same_bytes(&home, &other).await, Err(Position::new(signed.size)));
}
