//! Looking at a journal from end to end: all that it holds is shown, every byte of it counts, and
//! nothing of it is touched.

use std::{collections::BTreeMap, ops::ControlFlow};

use bytes::Bytes;
use judgement_ledger::journal::{
    Group, Journal, Mark, Stored,
    file::{FileJournal, Inspected, OpenError, Seen, inspect},
};

use super::{append, by_name, now, stored, tiny, usual_group};
use crate::sim_disk::SimDisk;

type Files = BTreeMap<String, Vec<u8>>;

const GROUPS: usize = 40;

/// A journal of some segments with a checkpoint; stopped cleanly or not.
fn left(clean: bool) -> (Files, Vec<Stored>) {
    let disk = SimDisk::new();
    let journal = FileJournal::open(disk.shared(), by_name(), tiny()).unwrap();
    let groups: Vec<Group> = (0..GROUPS).map(usual_group).collect();
    for group in &groups {
        now(append(&journal, group.clone())).unwrap();
    }
    now(journal.keep_checkpoint(Bytes::from_static(b"a checkpoint"))).unwrap();
    if clean {
        now(journal.close()).unwrap();
    }
    let files = disk.files();
    assert!(files.keys().filter(|name| name.starts_with("segment-")).count() >= 3);
    (files, stored(&groups))
}

struct Look {
    entries: Vec<Stored>,
    marks: Vec<Mark>,
    outcome: Result<Inspected, OpenError>,
}

fn look(files: &Files) -> Look {
    let disk = SimDisk::holding(files);
    let (mut entries, mut marks) = (Vec::new(), Vec::new());
    let outcome = inspect(&*disk.shared(), &by_name(), &mut |seen| {
        match seen {
            Seen::Segment { .. } => {}
            Seen::Mark(mark) => marks.push(mark),
            Seen::Entry(entry, _) => entries.push(entry),
        }
        ControlFlow::Continue(())
    });
    assert_eq!(disk.files(), *files, "looking changes nothing");
    Look { entries, marks, outcome }
}

#[test]
fn all_that_a_journal_holds_is_shown() {
    for clean in [true, false] {
        let (files, expected) = left(clean);
        let Look { entries, marks, outcome } = look(&files);
        let inspected = outcome.unwrap();
        assert_eq!(entries, expected);
        assert_eq!(inspected.head, expected.last().unwrap().position);
        assert_eq!(inspected.ledger, tiny().ledger_id);
        assert_eq!(inspected.checkpoint.as_deref(), Some(b"a checkpoint".as_slice()));
        assert_eq!(inspected.remarks, Vec::<String>::new());
        assert!(marks.iter().all(|mark| mark.bytes.starts_with(b"mark of ")));
        let newest = marks.iter().map(|mark| mark.at).max();
        assert_eq!(newest == Some(inspected.head), clean, "a clean stop keeps the last mark");
    }
}

#[test]
fn an_inspection_breaks_off_when_it_is_told_to() {
    let (files, expected) = left(true);
    let mut seen = 0;
    let inspected = inspect(&*SimDisk::holding(&files).shared(), &by_name(), &mut |it| {
        seen += usize::from(matches!(it, Seen::Entry(..)));
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(seen, 3);
    assert!(inspected.unwrap().head < expected.last().unwrap().position);
}

/// Whether the change is named: by a refusal or by a remark that names the file.
fn is_named(look: &Look, file: &str) -> bool {
    let file = format!("sim/{file}");
    match &look.outcome {
        Err(OpenError::Damaged(damage)) => damage.file == file,
        Err(OpenError::Newer { file: found, .. }) => *found == file,
        Ok(inspected) => inspected.remarks.iter().any(|remark| remark.contains(&file)),
        Err(_) => false,
    }
}

#[test]
fn every_flipped_byte_is_named() {
    for clean in [true, false] {
        let (files, _) = left(clean);
        for (name, bytes) in &files {
            for at in 0..bytes.len() {
                let mut changed = files.clone();
                changed.get_mut(name).unwrap()[at] ^= if at % 2 == 0 { 0x20 } else { 0xff };
                let look = look(&changed);
                assert!(is_named(&look, name), "{name}, byte {at}: {:?}", look.outcome);
            }
        }
    }
}

#[test]
fn a_file_that_is_missing_cut_short_or_too_long_is_damage() {
    let (files, _) = left(true);
    let optional = |name: &str| ["CLEAN", "LOCK"].contains(&name);
    for name in files.keys() {
        let mut missing = files.clone();
        missing.remove(name);
        let refused = look(&missing).outcome.is_err();
        assert!(refused || optional(name), "{name} is missing");
        for change in [-1_isize, 1] {
            let mut changed = files.clone();
            let bytes = changed.get_mut(name).unwrap();
            let length = bytes.len().saturating_add_signed(change);
            bytes.resize(length, 0);
            let look = look(&changed);
            let unchanged = changed[name] == files[name];
            assert!(unchanged || is_named(&look, name), "{name} {change}: {:?}", look.outcome);
        }
    }
}

#[test]
fn an_append_that_was_cut_off_and_files_of_others_are_remarked() {
    let (mut files, expected) = left(false);
    let newest = files.keys().rfind(|name| name.starts_with("segment-")).unwrap().clone();
    let bytes = files.get_mut(&newest).unwrap();
    let begin = bytes.windows(4).rposition(|four| four == b"\xfbJL\xfe").unwrap();
    bytes[begin + 40..].fill(0);
    files.insert("segment-0000000009.tmp".to_owned(), vec![0; 10]);
    files.insert("notes.txt".to_owned(), b"remember the milk".to_vec());
    let Look { entries, outcome, .. } = look(&files);
    let inspected = outcome.unwrap();
    assert!(inspected.head < expected.last().unwrap().position);
    assert_eq!(entries.last().unwrap().position, inspected.head);
    let remarks = inspected.remarks.join("\n");
    for part in
        ["cut off before it was answered", "removed at the next start", "notes.txt: no file of"]
    {
        assert!(remarks.contains(part), "{part} is not in {remarks}");
    }
}

#[test]
fn a_directory_without_a_journal_is_none() {
    let error = look(&Files::new()).outcome.unwrap_err().to_string();
    assert!(error.contains("this is no journal"), "{error}");
}
