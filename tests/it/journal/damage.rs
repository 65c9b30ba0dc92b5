//! Files that are changed behind the journal's back: each change is harmless or noticed.

use std::collections::BTreeMap;

use bytes::Bytes;
use judgement_ledger::{
    journal::{
        Group, Journal, JournalError, Mark, Stored,
        file::{FileJournal, FileOptions, OpenError},
    },
    judgement::Position,
};

use super::{append, by_name, content, group, key, now, stored, tiny, usual_group};
use crate::sim_disk::{Fault, Seeded, SimDisk};

type Files = BTreeMap<String, Vec<u8>>;

const CASES: u64 = 400;
const SECTOR_BYTES: usize = 512;
const BLOCK_BYTES: usize = 4096;

/// Four blocks a segment, so that blocks of one file can be swapped.
fn options() -> FileOptions {
    let mut options = tiny();
    options.segment_bytes = 16 << 10;
    options
}

fn open(files: &Files) -> Result<FileJournal, OpenError> {
    open_on(&SimDisk::holding(files))
}

fn open_on(disk: &SimDisk) -> Result<FileJournal, OpenError> {
    FileJournal::open(disk.shared(), by_name(), options())
}

/// A journal of several segments as it was left, and its files at some moments before.
struct Left {
    files: Files,
    earlier: Vec<Files>,
    expected: Vec<Stored>,
    marks: Vec<Mark>,
    stop: Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Clean,
    Unclean,
}

impl Left {
    fn after(stop: Stop) -> Self {
        let disk = SimDisk::new();
        let groups: Vec<Group> = (0..180).map(usual_group).collect();
        let mut earlier = Vec::new();
        for (life, groups) in groups.chunks(36).enumerate() {
            let journal = FileJournal::open(disk.shared(), by_name(), options()).unwrap();
            for (number, group) in groups.iter().enumerate() {
                now(append(&journal, group.clone())).unwrap();
                if number == 17 {
                    let checkpoint = Bytes::from(format!("checkpoint {life}"));
                    now(journal.keep_checkpoint(checkpoint)).unwrap();
                    earlier.push(disk.files());
                }
            }
            if life < 4 || stop == Stop::Clean {
                now(journal.close()).unwrap();
            }
            earlier.push(disk.files());
        }
        let files = earlier.pop().unwrap();
        assert!(files.len() > 7, "{:?}", files.keys());
        let mut at = Position::START;
        let mark_of = |group: &Group| {
            at = at.plus(group.entries.len() as u64);
            Mark { at, bytes: group.mark.clone() }
        };
        let marks = groups.iter().map(mark_of).collect();
        Self { files, earlier, expected: stored(&groups), marks, stop }
    }

    fn newest_segment(&self) -> &str {
        self.files.keys().rfind(|name| name.starts_with("segment-")).unwrap()
    }

    /// Where the last append begins in the newest segment.
    fn last_append(&self) -> usize {
        let bytes = &self.files[self.newest_segment()];
        bytes.windows(4).rposition(|four| four == b"\xfbJL\xfe").unwrap()
    }

    /// What cannot be seen from within, and the journal's documentation says so: after an unclean
    /// stop, a lost end of the newest segment looks like an append that was cut off by it, and an
    /// older copy of a file that is replaced or grows is a file as it once was.
    fn is_undetectable(&self, change: &Change) -> bool {
        if self.stop == Stop::Clean {
            return false;
        }
        match change {
            Change::Zero { name, at } => {
                name == self.newest_segment() && at + SECTOR_BYTES > self.last_append()
            }
            Change::PutBack { name, .. } => name == self.newest_segment() || name == "CHECKPOINT",
            Change::Flip { .. }
            | Change::Truncate { .. }
            | Change::Swap { .. }
            | Change::Remove { .. }
            | Change::Duplicate { .. } => false,
        }
    }

    fn check(&self, change: &Change) -> Result<Outcome, String> {
        let mut files = self.files.clone();
        change.make(&mut files, &self.earlier);
        let disk = SimDisk::holding(&files);
        let refused = match open_on(&disk) {
            Ok(journal) => return self.check_opened(change, &journal),
            Err(OpenError::Damaged(damage)) => damage.file,
            Err(OpenError::Newer { file, .. }) => file,
            Err(error) => return Err(format!("opening answers {error:?}")),
        };
        if disk.files() != files {
            return Err("a journal that is refused was changed".to_owned());
        }
        let named = refused.strip_prefix("sim/").is_some_and(|name| !name.is_empty());
        if named { Ok(Outcome::Refused) } else { Err(format!("{refused} is no file")) }
    }

    fn check_opened(&self, change: &Change, journal: &FileJournal) -> Result<Outcome, String> {
        if self.is_undetectable(change) {
            return self.check_prefix(journal);
        }
        let mut outcome = Outcome::Harmless;
        match now(content(journal)) {
            Ok(found) if found == self.expected => {}
            Ok(found) => return Err(format!("{} entries without a word", found.len())),
            Err(JournalError::Damaged(_)) => outcome = Outcome::Noticed,
            Err(error) => return Err(format!("reading answers {error:?}")),
        }
        let head = now(journal.head()).unwrap();
        if head.mark.as_ref().is_none_or(|mark| !self.marks.contains(mark)) {
            return Err(format!("the mark is {:?}", head.mark));
        }
        let checkpoint = now(journal.checkpoint()).unwrap();
        if checkpoint != Some(Bytes::from("checkpoint 4")) {
            return Err(format!("the checkpoint is {checkpoint:?}"));
        }
        if self.check_keys(journal)? == Outcome::Noticed {
            outcome = Outcome::Noticed;
        }
        Ok(outcome)
    }

    fn check_keys(&self, journal: &FileJournal) -> Result<Outcome, String> {
        let mut outcome = Outcome::Harmless;
        for stored in &self.expected {
            let name = String::from_utf8_lossy(&stored.entry.record);
            let name = name.split(',').next().unwrap();
            match now(journal.latest(key(name), Position::new(u64::MAX))) {
                Ok(Some(found)) if found == stored.position => {}
                Ok(found) => return Err(format!("{name} is found at {found:?}")),
                Err(JournalError::Damaged(_)) => outcome = Outcome::Noticed,
                Err(error) => return Err(format!("looking up answers {error:?}")),
            }
        }
        Ok(outcome)
    }

    fn check_prefix(&self, journal: &FileJournal) -> Result<Outcome, String> {
        match now(content(journal)) {
            Ok(found) if self.expected.starts_with(&found) => Ok(Outcome::Excluded),
            other => Err(format!("not even a part of the journal: {other:?}")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything is there as it was.
    Harmless,
    /// The journal is not opened.
    Refused,
    /// It is opened, and a call answers `Damaged`.
    Noticed,
    /// Opened with a part of the journal, which is known to be possible.
    Excluded,
}

#[derive(Debug)]
enum Change {
    Flip { name: String, at: usize, bit: u64 },
    Truncate { name: String, length: usize },
    Zero { name: String, at: usize },
    Swap { name: String, blocks: [usize; 2] },
    PutBack { name: String, moment: usize },
    Remove { name: String },
    Duplicate { name: String, to: String },
}

impl Change {
    fn any(seeded: &mut Seeded, left: &Left) -> Self {
        let pick = |seeded: &mut Seeded, bound: usize| seeded.below(bound.max(1) as u64) as usize;
        let names: Vec<_> = left.files.keys().filter(|name| *name != "LOCK").cloned().collect();
        let segments = || left.files.keys().filter(|name| name.starts_with("segment-"));
        let mut name = names[pick(seeded, names.len())].clone();
        let kind = seeded.below(16);
        if (8..12).contains(&kind) {
            name.clone_from(segments().nth(pick(seeded, segments().count())).unwrap());
        }
        let length = left.files[&name].len();
        // Half of the changes fall on what is written, not on the zeros behind it.
        let used = left.files[&name].iter().rposition(|byte| *byte != 0).unwrap_or(0);
        let reach = if seeded.below(2) == 0 { used + 1 } else { length };
        let at = pick(seeded, reach);
        match kind {
            0..6 => Self::Flip { name, at, bit: seeded.below(8) },
            6..8 => Self::Truncate { name, length: at },
            8..10 => Self::Zero { name, at: at / SECTOR_BYTES * SECTOR_BYTES },
            10..12 => {
                let blocks = length / BLOCK_BYTES;
                let first = pick(seeded, blocks);
                let second = (first + 1 + pick(seeded, blocks - 1)) % blocks;
                Self::Swap { name, blocks: [first, second] }
            }
            12..14 => Self::PutBack { name, moment: pick(seeded, left.earlier.len()) },
            14 => Self::Remove { name },
            _ => {
                let next = format!("segment-{:010}.log", segments().count() + 1);
                let names: Vec<_> = segments().cloned().chain([next]).collect();
                let name = segments().nth(pick(seeded, segments().count())).unwrap().clone();
                Self::Duplicate { name, to: names[pick(seeded, names.len())].clone() }
            }
        }
    }

    fn make(&self, files: &mut Files, earlier: &[Files]) {
        match self {
            Self::Flip { name, at, bit } => files.get_mut(name).unwrap()[*at] ^= 1 << bit,
            Self::Truncate { name, length } => files.get_mut(name).unwrap().truncate(*length),
            Self::Zero { name, at } => {
                let file = files.get_mut(name).unwrap();
                let end = file.len().min(at + SECTOR_BYTES);
                file[*at..end].fill(0);
            }
            Self::Swap { name, blocks } => {
                let file = files.get_mut(name).unwrap();
                for at in 0..BLOCK_BYTES {
                    file.swap(blocks[0] * BLOCK_BYTES + at, blocks[1] * BLOCK_BYTES + at);
                }
            }
            Self::PutBack { name, moment } => {
                if let Some(old) = earlier[*moment].get(name) {
                    files.insert(name.clone(), old.clone());
                }
            }
            Self::Remove { name } => {
                files.remove(name);
            }
            Self::Duplicate { name, to } => {
                files.insert(to.clone(), files[name].clone());
            }
        }
    }
}

fn changes_are_harmless_or_noticed(stop: Stop) -> BTreeMap<Outcome, usize> {
    let left = Left::after(stop);
    let mut outcomes = BTreeMap::new();
    for seed in 0..CASES {
        let change = Change::any(&mut Seeded(seed), &left);
        match left.check(&change) {
            Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
            Err(what) => panic!("{stop:?} stop, seed {seed}, {change:?}: {what}"),
        }
    }
    println!("after a {stop:?} stop: {outcomes:?}");
    outcomes
}

#[test]
fn after_a_clean_stop_any_change_is_harmless_or_noticed() {
    let outcomes = changes_are_harmless_or_noticed(Stop::Clean);
    assert_eq!(outcomes.get(&Outcome::Excluded), None);
    assert!(outcomes[&Outcome::Refused] > 50 && outcomes[&Outcome::Noticed] > 50);
}

#[test]
fn after_an_unclean_stop_any_change_is_harmless_or_noticed_but_for_a_lost_end() {
    let outcomes = changes_are_harmless_or_noticed(Stop::Unclean);
    assert!(outcomes.get(&Outcome::Excluded).is_none_or(|count| *count < 30));
}

#[test]
fn each_file_removed_is_noticed_by_its_name_unless_it_is_the_note_of_a_clean_stop() {
    for stop in [Stop::Clean, Stop::Unclean] {
        let left = Left::after(stop);
        for name in left.files.keys().filter(|name| !["LOCK", "CLEAN"].contains(&name.as_str())) {
            let mut files = left.files.clone();
            files.remove(name);
            let Err(OpenError::Damaged(damage)) = open(&files) else {
                panic!("{name} is not missed after a {stop:?} stop")
            };
            assert_eq!(damage.file, format!("sim/{name}"));
            assert_eq!(left.check(&Change::Remove { name: name.clone() }), Ok(Outcome::Refused));
        }
    }
    let left = Left::after(Stop::Clean);
    let change = Change::Remove { name: "CLEAN".to_owned() };
    assert_eq!(left.check(&change), Ok(Outcome::Harmless));
}

/// Where a single bit decides: the notes, the headers and all parts of a footer.
#[test]
fn a_flipped_bit_outside_the_appends_is_harmless_or_noticed() {
    let left = Left::after(Stop::Clean);
    let segment_bytes = 16 << 10;
    let flips = left.files.iter().flat_map(|(name, bytes)| {
        let segment = name.starts_with("segment-");
        let parts =
            if segment { vec![0..128, segment_bytes..bytes.len()] } else { vec![0..bytes.len()] };
        // Of the segments, the second stands for all.
        let wanted = !segment || name.ends_with("2.log");
        let bytes = parts.into_iter().flatten().filter(move |_| wanted);
        bytes.map(move |at| Change::Flip { name: name.clone(), at, bit: (at / 3) as u64 % 8 })
    });
    for change in flips {
        if let Err(what) = left.check(&change) {
            panic!("{change:?}: {what}");
        }
    }
}

/// A copy of the journal that went its own way has segments that are valid in themselves.
#[test]
fn a_segment_of_another_history_is_noticed() {
    let left = Left::after(Stop::Unclean);
    let disk = SimDisk::new();
    let journal = open_on(&disk).unwrap();
    for number in 0..180 {
        let mut other = usual_group(number);
        let record = String::from_utf8(other.entries[0].record.to_vec()).unwrap();
        other.entries[0].record = record.replace("own-", "its-").into();
        now(append(&journal, other)).unwrap();
    }
    let other = disk.files();
    for (name, bytes) in other.iter().filter(|(name, _)| name.starts_with("segment-")) {
        let mut files = left.files.clone();
        assert!(files.insert(name.clone(), bytes.clone()).is_some());
        assert!(matches!(open(&files), Err(OpenError::Damaged(_))), "{name}");
    }
}

/// Two appends of one length, each valid in itself.
#[test]
fn appends_that_change_places_are_noticed() {
    let disk = SimDisk::new();
    let journal = open_on(&disk).unwrap();
    for number in 100..150 {
        now(append(&journal, group(&[&format!("{number}|{}", "x".repeat(500))]))).unwrap();
    }
    drop(journal);
    let mut files = disk.files();
    let bytes = files.get_mut("segment-0000000001.log").unwrap();
    let starts: Vec<_> =
        (0..bytes.len() - 4).filter(|at| &bytes[*at..*at + 4] == b"\xfbJL\xfe").take(3).collect();
    let length = u32::from_le_bytes(bytes[starts[0] + 4..][..4].try_into().unwrap()) as usize;
    for at in 0..length {
        bytes.swap(starts[0] + at, starts[1] + at);
    }
    let journal = open(&files).unwrap();
    assert!(matches!(now(content(&journal)), Err(JournalError::Damaged(_))));
}

/// The footer was cut off by a power cut; what it was to be made of must still be all there.
#[test]
fn a_segment_whose_seal_was_cut_off_is_checked_before_it_is_sealed_again() {
    let disk = SimDisk::new();
    let journal = open_on(&disk).unwrap();
    let footer = "write segment-0000000001.log";
    let mut groups = Vec::new();
    for number in 0.. {
        let before = disk.calls().len();
        disk.fail_after(8, Fault::PowerCut); // The footer is the ninth call of a rotation.
        if now(append(&journal, usual_group(number))).is_err() {
            assert_eq!(disk.calls()[before..].last().map(String::as_str), Some(footer));
            break;
        }
        groups.push(usual_group(number));
    }
    let files = disk.after_power_cut(3).files();
    assert_eq!(now(content(&open(&files).unwrap())).unwrap(), stored(&groups));

    let last =
        files["segment-0000000001.log"][..16 << 10].iter().rposition(|byte| *byte != 0).unwrap();
    for at in [600, last - 20, last] {
        let mut damaged = files.clone();
        damaged.get_mut("segment-0000000001.log").unwrap()[at..=last].fill(0);
        let refused = open(&damaged);
        assert!(matches!(refused, Err(OpenError::Damaged(_))), "zeros from {at}: {refused:?}");
    }
}

#[test]
fn nothing_is_torn_after_a_clean_stop() {
    let left = Left::after(Stop::Clean);
    let name = left.newest_segment().to_owned();
    let end = left.files[&name].iter().rposition(|byte| *byte != 0).unwrap();
    let change = Change::Flip { name, at: end + 100, bit: 0 };
    assert_eq!(left.check(&change), Ok(Outcome::Refused));
}

/// Every bit of the last append after an unclean stop: a complete append is never taken for torn.
#[test]
fn a_flipped_bit_in_the_last_append_is_never_dropped_in_silence() {
    let left = Left::after(Stop::Unclean);
    let name = left.newest_segment().to_owned();
    let end = left.files[&name].iter().rposition(|byte| *byte != 0).unwrap();
    for at in left.last_append()..=end {
        let change = Change::Flip { name: name.clone(), at, bit: at as u64 % 8 };
        assert_eq!(left.check(&change), Ok(Outcome::Refused), "{change:?}");
    }
}

#[test]
fn damage_names_the_file_the_offset_and_the_position() {
    let left = Left::after(Stop::Clean);
    let mut files = left.files.clone();
    let second = "segment-0000000002.log";
    files.get_mut(second).unwrap()[600] ^= 1;
    let journal = open(&files).unwrap();
    let Err(JournalError::Damaged(damage)) = now(content(&journal)) else {
        panic!("nothing was noticed")
    };
    assert_eq!((damage.file.as_str(), damage.offset), ("sim/segment-0000000002.log", 512));
    let before = damage.position.get() as usize - 1;
    let page = judgement_ledger::journal::Page { entries_max: before, bytes_max: usize::MAX };
    assert_eq!(now(journal.read(Position::START, page)).unwrap(), left.expected[..before]);
}
