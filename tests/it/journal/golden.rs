//! A journal as version 1 wrote it: it opens with the same content for ever.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use bytes::Bytes;
use judgement_ledger::{
    journal::{
        Entry, Group, Journal, Mark, Stored,
        file::{OpenError, Start},
    },
    judgement::Position,
};

use super::{append, content, key, now, open, stored};
use crate::sim_disk::SimDisk;

const GOLDEN: &str = include_str!("../../journal/version-1.hex");
/// The same with the filters of the first days, of 10 bits a key instead of 20.
const OF_TEN_BITS: &str = include_str!("../../journal/version-1-ten-bits.hex");

/// What the golden journal holds. The zeros make it small in hexadecimal.
fn groups() -> Vec<Group> {
    let entry = |name: &str, zeros: usize, sealed: &'static str| Entry {
        record: [name.as_bytes(), &vec![0; zeros]].concat().into(),
        sealed: Bytes::from(sealed),
    };
    let group =
        |mark: &'static str, entries: Vec<Entry>| Group { entries, mark: Bytes::from(mark) };
    vec![
        group("one", vec![entry("a,stream|", 0, ""), entry("b,stream|", 1200, "sealed")]),
        group("two", vec![entry("c,stream|", 1500, "")]),
        group("three", vec![entry("d,stream|\u{e4}\u{2713}", 1400, "sealed"), entry("e|", 0, "")]),
        group("four", vec![entry("f,stream|", 0, "sealed")]),
    ]
}

/// Lines of an offset and 32 bytes, below the name and length of each file; lines of zeros and the
/// empty lock file are left out.
fn dump(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut text = String::new();
    for (name, bytes) in files.iter().filter(|(name, _)| *name != "LOCK") {
        writeln!(text, "{name} {}", bytes.len()).unwrap();
        for (line, chunk) in
            bytes.chunks(32).enumerate().filter(|(_, chunk)| chunk.iter().any(|byte| *byte != 0))
        {
            write!(text, "  {:05x} ", line * 32).unwrap();
            for byte in chunk {
                write!(text, "{byte:02x}").unwrap();
            }
            text.push('\n');
        }
    }
    text
}

fn undump(text: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        let (left, right) = line.trim().split_once(' ').unwrap();
        if line.starts_with(' ') {
            let at = usize::from_str_radix(left, 16).unwrap();
            let file: &mut Vec<u8> = files.get_mut(&name).unwrap();
            for (byte, digits) in right.as_bytes().chunks(2).enumerate() {
                file[at + byte] =
                    u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
            }
        } else {
            left.clone_into(&mut name);
            files.insert(name.clone(), vec![0; right.parse().unwrap()]);
        }
    }
    files
}

fn written_today() -> BTreeMap<String, Vec<u8>> {
    let disk = SimDisk::new();
    let journal = open(disk.shared()).unwrap();
    for group in groups() {
        now(append(&journal, group)).unwrap();
    }
    now(journal.keep_checkpoint(Bytes::from("checkpoint"))).unwrap();
    now(journal.close()).unwrap();
    disk.files()
}

#[test]
fn the_golden_journal_opens_with_its_content() {
    opens_with_its_content(GOLDEN);
}

#[test]
fn a_journal_with_filters_of_another_density_opens_with_the_same_content() {
    assert_ne!(GOLDEN, OF_TEN_BITS);
    opens_with_its_content(OF_TEN_BITS);
}

fn opens_with_its_content(golden: &str) {
    let journal = open(SimDisk::holding(&undump(golden)).shared()).unwrap();
    assert_eq!(journal.recovery().start, Start::AfterCleanStop);
    assert_eq!(journal.ledger_id(), *b"a ledger's id...");
    assert_eq!(now(content(&journal)).unwrap(), stored(&groups()));
    let mark = Some(Mark { at: Position::new(6), bytes: Bytes::from("four") });
    assert_eq!(now(journal.head()).unwrap().mark, mark);
    assert_eq!(now(journal.checkpoint()).unwrap(), Some(Bytes::from("checkpoint")));
    for (name, position) in [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5), ("stream", 6)] {
        let found = now(journal.latest(key(name), Position::new(u64::MAX))).unwrap();
        assert_eq!(found, Some(Position::new(position)), "{name}");
    }
}

#[test]
fn the_golden_journal_goes_on() {
    let disk = SimDisk::holding(&undump(GOLDEN));
    let mut all = groups();
    all.push(super::group(&["g|today"]));
    now(append(&open(disk.shared()).unwrap(), super::group(&["g|today"]))).unwrap();
    let journal = open(disk.after_power_cut(1).shared()).unwrap();
    assert_eq!(now(content(&journal)).unwrap(), stored(&all));
}

/// Version 1 is written by this program. Once it writes a newer one, this test goes; the golden
/// journal and the tests above stay.
#[test]
fn the_same_journal_is_written_to_the_byte() {
    let today = dump(&written_today());
    assert!(today == GOLDEN, "written today:\n{today}");
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let mut files = undump(GOLDEN);
    let format = files.get_mut("FORMAT").unwrap();
    format[8] = 2;
    format.truncate(14); // Whatever else a newer version has there.
    let disk = SimDisk::holding(&files);
    let Err(error) = open(disk.shared()) else { panic!("it was opened") };
    assert!(matches!(&error, OpenError::Newer { found: 2, known: 1, .. }), "{error:?}");
    let text = "sim/FORMAT: format 2 is newer than 1, the newest that this program knows";
    assert_eq!(error.to_string(), text);
    assert_eq!(disk.files(), files);
    assert_eq!(disk.calls(), ["open FORMAT", "length FORMAT", "read FORMAT"].map(str::to_owned));
}

#[test]
fn the_golden_journal_is_what_it_was_when_read_by_another_filing() {
    // The rows are in the footers: only the newest segment is filed when it is opened.
    let disk = SimDisk::holding(&undump(GOLDEN));
    let filing = Arc::new(|_: &[u8]| vec![]);
    let journal =
        judgement_ledger::journal::file::FileJournal::open(disk.shared(), filing, super::tiny())
            .unwrap();
    let found = now(journal.latest(key("stream"), Position::new(u64::MAX))).unwrap();
    assert!(found.is_some_and(|found| found < Position::new(6)));
    let all: Vec<Stored> = stored(&groups());
    assert_eq!(now(content(&journal)).unwrap(), all);
}
