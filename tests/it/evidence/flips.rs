//! Each byte of evidence counts: one that is not as it was written is refused, by the name of the
//! record or the file, or remarked on.
//!
//! Quick: some bytes at equal distances and some at random, whose seed is printed. Another number of
//! them with `JUDGEMENT_LEDGER_FLIPS=5000`, and each with `JUDGEMENT_LEDGER_FLIPS=all`; the seed is
//! taken from `JUDGEMENT_LEDGER_FLIPS_SEED`.

use std::{collections::BTreeMap, env, path::Path, sync::Mutex};

use judgement_ledger::{
    evidence::{Directory, Place, Report, Trust, Wrong, verify_directory},
    vault::MasterKey,
};

use super::{
    Copied, Folder, files_in,
    forged::master_key,
    told::{Told, told},
};
use crate::sim_disk::{Seeded, SimDisk};

type Files = BTreeMap<String, Vec<u8>>;

/// One byte, and what is done to it.
#[derive(Debug, Clone)]
struct Flip {
    file: String,
    at: usize,
    mask: u8,
}

/// What turns a byte into one that a lenient reader takes for the same: another letter case, another
/// white space; or into any other.
fn mask(byte: u8, seeded: &mut Seeded) -> u8 {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' if seeded.below(2) == 0 => 0x20,
        b'\n' => b'\n' ^ [b'\r', b' '][seeded.below(2) as usize],
        b' ' => b' ' ^ [b'\t', b'\n'][seeded.below(2) as usize],
        _ => 1 + seeded.below(255) as u8,
    }
}

/// Half of the bytes stand at equal distances in all files together, half at random.
fn flips(of: &str, files: &Files, quick: usize) -> Vec<Flip> {
    let seed = env::var("JUDGEMENT_LEDGER_FLIPS_SEED").ok().map(|it| it.parse().unwrap());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{of}: JUDGEMENT_LEDGER_FLIPS_SEED={seed}");
    let mut seeded = Seeded(seed);
    let all: usize = files.values().map(Vec::len).sum();
    let wanted = env::var("JUDGEMENT_LEDGER_FLIPS").ok();
    let places: Vec<usize> = if wanted.as_deref() == Some("all") {
        (0..all).collect()
    } else {
        let quick = wanted.map_or(quick, |it| it.parse().unwrap());
        let stride = (all / (quick / 2)).max(1);
        let random = (0..quick / 2).map(|_| seeded.below(all as u64) as usize);
        (0..all).step_by(stride).chain(random.collect::<Vec<_>>()).collect()
    };
    let place = |mut at: usize, seeded: &mut Seeded| {
        for (file, bytes) in files {
            if at < bytes.len() {
                return Flip { file: file.clone(), at, mask: mask(bytes[at], seeded) };
            }
            at -= bytes.len();
        }
        unreachable!("it is below the sum")
    };
    places.into_iter().map(|at| place(at, &mut seeded)).collect()
}

/// Tries flips on two threads, each with a world of its own; what went wrong, if anything.
fn try_all<W>(
    flips: &[Flip],
    world: impl Fn() -> W + Sync,
    attempt: impl Fn(&W, &Flip) -> Result<(), String> + Sync,
) {
    let complaints = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (world, attempt, complaints) = (&world, &attempt, &complaints);
            scope.spawn(move || {
                let world = world();
                for flip in flips.iter().skip(half).step_by(2) {
                    if let Err(said) = attempt(&world, flip) {
                        complaints.lock().unwrap().push(format!("{flip:?}: {said}"));
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(
        complaints.is_empty(),
        "{} of {}:\n{}",
        complaints.len(),
        flips.len(),
        complaints.join("\n")
    );
}

/// Whether a refusal of a folder names what was flipped: the file, its record, or a file that is
/// held against it.
fn names(file: &str, wrong: &Wrong) -> bool {
    let number: String = file.chars().filter(char::is_ascii_digit).collect();
    match &wrong.place {
        Place::Whole => false,
        // What says where everything else belongs can make anything else seem wrong.
        _ if ["checkpoint", "case.json", "evidence.json"].contains(&file) => true,
        Place::Record(_) if file == "texts.jsonl" || file.starts_with("tile/entries/") => true,
        Place::Record(position) => position.to_string() == number,
        Place::File(named) if file.starts_with("tile/entries/") => named.starts_with("tile/"),
        Place::File(named) => named == file,
    }
}

fn every_flip_of_a_folder_is_named(folder: &Path, kind: Folder, quick: usize) {
    let files = files_in(folder);
    let key = [told().key.clone()];
    let flips = flips(folder.file_name().unwrap().to_str().unwrap(), &files, quick);
    let attempt = |copied: &Copied, flip: &Flip| {
        let whole = &files[&flip.file];
        let mut changed = whole.clone();
        changed[flip.at] ^= flip.mask;
        copied.write(&flip.file, &changed);
        let outcome = kind.verify(copied.path(), &key);
        copied.write(&flip.file, whole);
        match outcome {
            Ok(_) => Err("nothing was found".to_owned()),
            Err(wrong) if names(&flip.file, &wrong) => Ok(()),
            Err(wrong) => Err(format!("it is told as {wrong}")),
        }
    };
    try_all(&flips, || Copied::of(folder), attempt);
}

#[test]
fn every_flipped_byte_of_evidence_of_the_whole_is_named() {
    every_flip_of_a_folder_is_named(&told().whole(), Folder::Whole, 120);
}

#[test]
fn every_flipped_byte_of_a_case_is_named() {
    every_flip_of_a_folder_is_named(&told().court(), Folder::Case, 120);
    every_flip_of_a_folder_is_named(&told().withheld(), Folder::Case, 80);
}

/// A ledger's journal and keyring.
#[derive(Clone)]
struct Held {
    journal: Files,
    keys: Files,
    master: MasterKey,
}

impl Held {
    fn of(told: &Told) -> Self {
        let data = told.home().join("data");
        let mut journal = files_in(&data.join("journal"));
        // The room of the next segment, which is made ahead: it is remarked on as it is.
        journal.retain(|name, _| name.strip_suffix(".tmp").is_none());
        Self { journal, keys: files_in(&data.join("keys")), master: master_key() }
    }

    fn verify(&self) -> Result<Report, Wrong> {
        let directory = Directory {
            journal: SimDisk::holding(&self.journal).shared(),
            keys: Some(SimDisk::holding(&self.keys).shared()),
            master: Some(self.master.clone()),
            checkpoints: Vec::new(),
        };
        verify_directory(&directory, &Trust { keys: vec![told().key.clone()] }, &mut |_| ())
    }
}

#[test]
fn every_flipped_byte_of_a_ledgers_directory_is_named() {
    let held = Held::of(told());
    assert_eq!(held.verify().unwrap().remarks, Vec::<String>::new());
    let both = [("journal/", &held.journal), ("keys/", &held.keys)];
    let all: Files = both
        .into_iter()
        .flat_map(|(of, files)| {
            files.iter().map(move |(name, it)| (format!("{of}{name}"), it.clone()))
        })
        .collect();
    let attempt = |held: &Held, flip: &Flip| {
        let mut changed = held.clone();
        let (of, name) = flip.file.split_once('/').unwrap();
        let files = if of == "journal" { &mut changed.journal } else { &mut changed.keys };
        files.get_mut(name).unwrap()[flip.at] ^= flip.mask;
        let file = format!("sim/{name}");
        match changed.verify() {
            Ok(report) if report.remarks.iter().any(|it| it.contains(&file)) => Ok(()),
            Ok(_) => Err("nothing was found".to_owned()),
            Err(wrong) if wrong.to_string().contains(&file) => Ok(()),
            Err(wrong) => Err(format!("it is told as {wrong}")),
        }
    };
    try_all(&flips("directory", &all, 160), || held.clone(), attempt);
}

/// The negative control: the check can tell what names a file from what does not.
#[test]
fn what_names_another_record_or_nothing_is_seen() {
    let wrong = |place: Place| Wrong { place, what: "changed".to_owned() };
    let file = |name: &str| Place::File(name.to_owned());
    let record = |at: u64| Place::Record(judgement_ledger::judgement::Position::new(at));
    assert!(names("records/7.record", &wrong(record(7))));
    for place in [record(8), record(77), file("records/8.record"), Place::Whole] {
        assert!(!names("records/7.record", &wrong(place)));
    }
    assert!(names("README.txt", &wrong(file("README.txt"))));
    assert!(!names("README.txt", &wrong(file("checkpoint"))));
    assert!(!names("tile/0/000.p/12", &wrong(record(12))) || "tile/0/000.p/12".contains("00012"));
    assert!(!names("checkpoint", &wrong(Place::Whole)));
}
