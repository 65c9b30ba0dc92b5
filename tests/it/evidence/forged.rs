//! Ledgers as somebody forges them who may write every file: all checksums, chains and marks are
//! right again, and only what was signed is not theirs to make.

use std::{collections::BTreeMap, ops::ControlFlow};

use bytes::Bytes;
use judgement_ledger::{
    disk::RealDisk,
    evidence::{Directory, Place, Report, Trust, Wrong, verify_directory},
    journal::{
        Entry, Group, Journal as _,
        file::{FileJournal, FileOptions, LedgerId, Prepare, Seen, inspect},
    },
    judgement::{Event, LevelCode, Position, Role, Standing, VerifierKey},
    ledger::filing,
    merkle::{Checkpoint, Frontier, Hash, SignedNote, Signer, TreeHead, Verifier, leaf_hash},
    record::{Beside, Record},
    vault::{self, MasterKey, Setup, Vault, slots_of, system_entropy},
};
use uuid::Uuid;

use super::{files_in, told::told};
use crate::{
    journal::{append, now},
    sim_disk::SimDisk,
};

type Files = BTreeMap<String, Vec<u8>>;

/// The master key of the ledger that is told.
pub fn master_key() -> MasterKey {
    let home = RealDisk::at(told().home()).unwrap();
    MasterKey::load_or_create(&home, "master.key", &system_entropy()).unwrap()
}

/// What a ledger consists of, to be written anew.
#[derive(Clone)]
struct Forged {
    id: LedgerId,
    entries: Vec<Entry>,
    checkpoint: Bytes,
    keys: Files,
}

impl Forged {
    /// As it is.
    fn unchanged() -> Self {
        let data = told().home().join("data");
        let disk = SimDisk::holding(&files_in(&data.join("journal")));
        let mut entries = Vec::new();
        let inspected = inspect(&*disk.shared(), &filing(), &mut |seen| {
            if let Seen::Entry(stored, _) = seen {
                entries.push(stored.entry);
            }
            ControlFlow::Continue(())
        });
        let inspected = inspected.unwrap();
        let checkpoint = inspected.checkpoint.unwrap();
        Self { id: inspected.ledger, entries, checkpoint, keys: files_in(&data.join("keys")) }
    }

    fn record(&self, at: u64) -> Record {
        Record::decode(&self.entries[at as usize - 1].record).unwrap()
    }

    fn records(&self) -> impl Iterator<Item = (u64, Record)> {
        (1..=self.entries.len() as u64).map(|at| (at, self.record(at)))
    }

    /// The last record of which this holds.
    fn last(&self, meant: impl Fn(&Record) -> bool) -> u64 {
        self.records().filter(|(_, it)| meant(it)).map(|(at, _)| at).last().unwrap()
    }

    /// Changes one record and nothing else.
    fn change(&mut self, at: u64, change: impl Fn(&mut Record)) {
        let mut record = self.record(at);
        change(&mut record);
        self.entries[at as usize - 1].record = record.encode().unwrap();
    }

    /// Changes one record, and every hash of it in the records after it.
    fn change_and_follow(&mut self, at: u64, change: impl Fn(&mut Record)) {
        let mut became: BTreeMap<Hash, Hash> = BTreeMap::new();
        for (position, mut record) in self.records().collect::<Vec<_>>() {
            let entry = &mut self.entries[position as usize - 1];
            let before = leaf_hash(&entry.record);
            assert_eq!(record.encode().unwrap(), entry.record, "the forger writes as we do");
            if position == at {
                change(&mut record);
            }
            if let Some(previous) = &mut record.previous {
                previous.hash = became.get(&previous.hash).copied().unwrap_or(previous.hash);
            }
            if let Event::TextRedacted(order) = &mut record.event {
                let hash = order.record_hash;
                order.record_hash = became.get(&hash).copied().unwrap_or(hash);
            }
            entry.record = record.encode().unwrap();
            let after = leaf_hash(&entry.record);
            if after != before {
                became.insert(before, after);
            }
        }
        assert!(!became.is_empty(), "something changed");
    }

    /// Changes what lies beside a record.
    fn change_beside(&mut self, at: u64, change: impl Fn(&mut Beside)) {
        let entry = &mut self.entries[at as usize - 1];
        let mut beside = Beside::decode(entry.sealed.clone()).unwrap();
        change(&mut beside);
        entry.sealed = beside.encode();
    }

    fn head(&self) -> TreeHead {
        let mut tree = Frontier::empty();
        self.entries.iter().for_each(|it| tree.push(leaf_hash(&it.record)));
        TreeHead { size: tree.size(), root: tree.root() }
    }

    /// Signs it with another key than the log's.
    fn sign(&mut self, with: &Signer) {
        let note = SignedNote::parse(&self.checkpoint).unwrap();
        let origin = Checkpoint::parse(note.unverified_text()).unwrap().origin().clone();
        let signed = Checkpoint::new(origin, self.head()).sign(std::slice::from_ref(with)).unwrap();
        self.checkpoint = Bytes::from(signed.to_string());
    }

    /// The files of a journal that was written in order and stopped in order.
    fn journal(&self) -> SimDisk {
        let disk = SimDisk::new();
        let mut options = FileOptions::new(self.id);
        options.segment_bytes = 64 << 10;
        options.prepare = Prepare::Inline;
        let journal = FileJournal::open(disk.shared(), filing(), options).unwrap();
        let mut tree = Frontier::empty();
        for entry in &self.entries {
            tree.push(leaf_hash(&entry.record));
            let recorded_at = Record::decode(&entry.record).unwrap().recorded_at;
            // A mark: version ‖ microseconds since 1970 ‖ frontier.
            let mut mark = vec![1];
            mark.extend(recorded_at.as_microsecond().to_be_bytes());
            mark.extend(tree.to_bytes());
            let group = Group { entries: vec![entry.clone()], mark: Bytes::from(mark) };
            now(append(&journal, group)).unwrap();
        }
        now(journal.keep_checkpoint(self.checkpoint.clone())).unwrap();
        now(journal.close()).unwrap();
        disk
    }

    fn verify_with(&self, keys: &[Verifier], master: Option<MasterKey>) -> Result<Report, Wrong> {
        let directory = Directory {
            journal: self.journal().shared(),
            keys: Some(SimDisk::holding(&self.keys).shared()),
            master,
            checkpoints: Vec::new(),
        };
        verify_directory(&directory, &Trust { keys: keys.to_vec() }, &mut |_| ())
    }

    /// By whoever has the log's key and the keyring.
    fn verify(&self) -> Result<Report, Wrong> {
        self.verify_with(&[told().key.clone()], Some(master_key()))
    }

    /// By whoever has neither.
    fn verify_blindly(&self) -> Result<Report, Wrong> {
        self.verify_with(&[], None)
    }
}

/// A forgery, and what is told of it.
fn forged(change: impl Fn(&mut Forged)) -> Forged {
    let mut forged = Forged::unchanged();
    change(&mut forged);
    forged
}

fn at(position: u64) -> Place {
    Place::Record(Position::new(position))
}

/// The key of somebody else, by the log's name.
fn stranger() -> Signer {
    Signer::new(told().key.name().clone(), &[7; 32])
}

fn raise(record: &mut Record) {
    let Event::GradeSet(event) = &mut record.event else { panic!("{record:?}") };
    let Standing::Level { level, .. } = &mut event.award.standing else { panic!("{event:?}") };
    let other = if level.as_str() == "4" { "3" } else { "4" };
    *level = LevelCode::parse(other).unwrap();
}

/// A level that an edition was signed with.
fn a_level(ledger: &Forged) -> u64 {
    let numbered = |it: &Record| match &it.event {
        Event::GradeSet(event) => {
            let standing = matches!(&event.award.standing, Standing::Level { word: None, .. });
            standing && event.area.as_str() == "social-care"
        }
        _ => false,
    };
    ledger.last(numbered)
}

/// The next record of the same stream.
fn next_in_stream(ledger: &Forged, of: u64) -> u64 {
    let stream = ledger.record(of).stream;
    ledger.records().find(|(at, it)| *at > of && it.stream == stream).unwrap().0
}

#[test]
fn a_ledger_that_is_written_anew_as_it_was_is_whole() {
    let unchanged = Forged::unchanged();
    let report = unchanged.verify().unwrap();
    assert_eq!(report.records, unchanged.entries.len() as u64);
    assert!(report.checkpoints[0].trusted);
    assert_eq!((report.texts.redacted, report.texts.sealed), (2, 0));
    let blind = unchanged.verify_blindly().unwrap();
    assert!(!blind.checkpoints[0].trusted);
    let texts = report.texts.verified + report.texts.redacted;
    assert_eq!((blind.texts.sealed, blind.texts.verified), (texts - blind.texts.redacted, 0));
}

#[test]
fn a_changed_level_is_found_by_the_record_that_names_it() {
    let ledger = Forged::unchanged();
    let level = a_level(&ledger);
    let changed = forged(|it| it.change(level, raise));
    for wrong in [changed.verify().unwrap_err(), changed.verify_blindly().unwrap_err()] {
        assert_eq!(wrong.place, at(next_in_stream(&ledger, level)));
        let said = format!("it names record {level} before it by another hash");
        assert!(wrong.what.contains(&said), "{wrong}");
    }
}

#[test]
fn a_level_that_is_changed_with_all_hashes_after_it_is_not_what_was_signed() {
    let level = a_level(&Forged::unchanged());
    let changed = forged(|it| {
        it.change_and_follow(level, raise);
        it.sign(&stranger());
    });
    // The next that claims what stood: a draft that was shown, or a lock.
    let claims =
        |it: &Record| matches!(it.event, Event::DraftShared(_) | Event::AssessmentLocked(_));
    let claim = changed.records().find(|(at, it)| *at > level && claims(it)).unwrap().0;
    for wrong in [changed.verify().unwrap_err(), changed.verify_blindly().unwrap_err()] {
        assert_eq!(wrong.place, at(claim), "{wrong}");
        assert!(wrong.what.ends_with("is not what stood"), "{wrong}");
    }
}

#[test]
fn a_record_that_is_dropped_or_out_of_its_order_is_named() {
    let whole = Forged::unchanged();
    let size = whole.entries.len() as u64;
    let cut = forged(|it| drop(it.entries.pop()));
    let wrong = cut.verify().unwrap_err();
    assert_eq!(wrong.place, Place::Whole);
    let said = format!(
        "there are {} records; the checkpoint in the journal covers {size}: records are missing at \
         the end",
        size - 1
    );
    assert_eq!(wrong.what, said);
    for position in [1, size / 2, size - 1] {
        let dropped = forged(|it| drop(it.entries.remove(position as usize - 1)));
        let wrong = dropped.verify().unwrap_err();
        assert_eq!(wrong.place, at(position));
        assert_eq!(wrong.what, format!("it says that it stands at {}", position + 1));
        let swapped = forged(|it| it.entries.swap(position as usize - 1, position as usize));
        assert_eq!(swapped.verify().unwrap_err(), wrong);
    }
}

#[test]
fn a_text_that_was_moved_or_taken_away_names_its_record() {
    let (open, ..) = told().story.open;
    let whole = Forged::unchanged();
    let other = whole.last(|it| it.fields().len() == 1 && it.position.get() != open);
    assert_eq!(whole.record(open).fields().len(), 1, "one text each");
    let moved = forged(|it| {
        it.entries[open as usize - 1].sealed = it.entries[other as usize - 1].sealed.clone();
    });
    let wrong = moved.verify().unwrap_err();
    assert_eq!(wrong.place, at(open), "{wrong}");
    assert!(moved.verify_blindly().is_ok(), "what nobody can open is sealed, and no more is said");
    let taken = forged(|it| it.change_beside(open, |beside| beside.texts = Bytes::new()));
    for wrong in [taken.verify().unwrap_err(), taken.verify_blindly().unwrap_err()] {
        assert_eq!(wrong.place, at(open), "{wrong}");
    }
    let added = forged(|it| it.entries[0].sealed = Bytes::from_static(b"\x7a\x01x"));
    let wrong = added.verify().unwrap_err();
    assert_eq!(wrong.place, at(1), "{wrong}");
}

#[test]
fn a_framework_is_the_document_that_was_registered() {
    let whole = Forged::unchanged();
    let framework = whole.last(|it| matches!(it.event, Event::FrameworkRegistered(_)));
    let change = |change: fn(&mut Vec<u8>)| {
        forged(|it| {
            it.change_beside(framework, |beside| {
                let mut document = beside.document.to_vec();
                change(&mut document);
                beside.document = document.into();
            });
        })
    };
    for (changed, said) in [
        (change(|it| it[20] ^= 1), "the framework's document is not the one that was registered"),
        (change(|it| it.push(0)), "the framework's document is not the one that was registered"),
        (change(Vec::clear), "the framework's document is missing"),
    ] {
        let wrong = changed.verify_blindly().unwrap_err();
        assert_eq!((wrong.place, wrong.what.as_str()), (at(framework), said));
    }
    let grade = a_level(&whole);
    let added =
        forged(|it| it.change_beside(grade, |beside| beside.document = b"x".as_ref().into()));
    let wrong = added.verify().unwrap_err();
    let said = "a document lies beside it that is not its own";
    assert_eq!((wrong.place, wrong.what.as_str()), (at(grade), said));
}

#[test]
fn what_was_locked_signed_published_and_shown_is_what_stood() {
    type Change = fn(&mut Event<judgement_ledger::record::Commitment>);
    let whole = Forged::unchanged();
    let cases: [(&str, Change, &str); 6] = [
        (
            "AssessmentLocked",
            |it| {
                if let Event::AssessmentLocked(it) = it {
                    it.digest = Hash::new([0; 32]);
                }
            },
            "what was locked is not what stood",
        ),
        (
            "SignedOff",
            |it| {
                if let Event::SignedOff(it) = it {
                    it.digest = Hash::new([0; 32]);
                }
            },
            "what was signed is not what was locked",
        ),
        (
            "SignOffRefused",
            |it| {
                if let Event::SignOffRefused(it) = it {
                    it.digest = Hash::new([0; 32]);
                }
            },
            "what was refused is not what was locked",
        ),
        (
            "AssessmentPublished",
            |it| {
                if let Event::AssessmentPublished(it) = it {
                    it.digest = Hash::new([0; 32]);
                }
            },
            "what was published is not what was locked",
        ),
        (
            "AssessmentPublished",
            |it| {
                if let Event::AssessmentPublished(it) = it {
                    it.audiences[1].salt = [0; 32];
                }
            },
            "was shown is not what stood",
        ),
        (
            "DraftShared",
            |it| {
                if let Event::DraftShared(it) = it {
                    it.digest.root = Hash::new([0; 32]);
                }
            },
            "what addressee was shown is not what stood",
        ),
    ];
    for (event, change, said) in cases {
        let claim = whole.last(|it| it.event.name() == event);
        let lying = forged(|it| {
            it.change_and_follow(claim, |record| change(&mut record.event));
            it.sign(&stranger());
        });
        for wrong in [lying.verify().unwrap_err(), lying.verify_blindly().unwrap_err()] {
            assert_eq!(wrong.place, at(claim), "{event}: {wrong}");
            assert!(wrong.what.ends_with(said), "{event}: {wrong}");
        }
    }
}

#[test]
fn who_has_all_keys_but_the_one_that_is_trusted_is_not_believed() {
    let whole = Forged::unchanged();
    let taken = whole.last(|it| matches!(it.event, Event::AccessRecorded(_)));
    let lie = |it: &mut Forged| {
        it.change_and_follow(taken, |record| record.recorded_by.role = Role::RecordsOfficer);
    };
    // The checkpoint that was signed contradicts it.
    let unsigned = forged(lie);
    for wrong in [unsigned.verify().unwrap_err(), unsigned.verify_blindly().unwrap_err()] {
        assert_eq!(wrong.place, Place::Whole);
        let said = format!("the first {} records have the root ", whole.entries.len());
        assert!(wrong.what.starts_with(&said), "{wrong}");
    }
    // Another that is signed with another key is not the log's,
    let signed = forged(|it| {
        lie(it);
        it.sign(&stranger());
    });
    let place = Place::File("the checkpoint in the journal".to_owned());
    for (wrong, whose) in [
        (signed.verify().unwrap_err(), "that you trust"),
        (signed.verify_blindly().unwrap_err(), "that the ledger names"),
    ] {
        let said = format!("no key {whose} has signed it");
        assert_eq!((&wrong.place, wrong.what), (&place, said));
    }
    // nor if the ledger itself names that key: then only who trusts the right one sees it, and who
    // trusts none is told so.
    let key = whole.last(|it| matches!(it.event, Event::KeyRotated(_)));
    let renamed = forged(|it| {
        lie(it);
        let named = VerifierKey::parse(&stranger().verifier().to_string()).unwrap();
        it.change_and_follow(key, |record| {
            if let Event::KeyRotated(event) = &mut record.event {
                event.key = named.clone();
            }
        });
        it.sign(&stranger());
    });
    assert_eq!(renamed.verify().unwrap_err().what, "no key that you trust has signed it");
    assert!(!renamed.verify_blindly().unwrap().checkpoints[0].trusted);
}

#[test]
fn an_order_to_erase_names_the_very_record() {
    let whole = Forged::unchanged();
    let (order, redacted) = (told().story.order, told().story.redacted);
    let other = leaf_hash(&whole.entries[3].record);
    let lying = forged(|it| {
        it.change_and_follow(order, |record| {
            if let Event::TextRedacted(event) = &mut record.event {
                event.record_hash = other;
            }
        });
        it.sign(&stranger());
    });
    for wrong in [lying.verify().unwrap_err(), lying.verify_blindly().unwrap_err()] {
        assert_eq!(wrong.place, at(order), "{wrong}");
        let said = format!("record {redacted} is not the one whose rationale it orders to erase");
        assert_eq!(wrong.what, said);
    }
}

/// The slot of the only text beside a record.
fn slot_of(whole: &Forged, at: u64) -> vault::Slot {
    let sealed = whole.entries[at as usize - 1].sealed.clone();
    slots_of(&Beside::decode(sealed).unwrap().texts).unwrap()[0]
}

#[test]
fn a_key_that_was_destroyed_without_an_order_leaves_a_text_missing() {
    let (open, field, _) = told().story.open;
    let lost = forged(|it| {
        let disk = SimDisk::holding(&it.keys);
        let setup = Setup {
            ledger: Uuid::from_bytes(it.id),
            prepare: vault::Prepare::Inline,
            last_slot: None,
        };
        let vault = Vault::open(disk.shared(), master_key(), system_entropy(), setup).unwrap();
        vault.destroy(&[slot_of(it, open)]).unwrap();
        it.keys = disk.files();
    });
    let wrong = lost.verify().unwrap_err();
    assert_eq!(wrong.place, at(open));
    let said = format!(
        "its {field} is missing, and no order to erase it explains it: its key was destroyed"
    );
    assert_eq!(wrong.what, said);
    // So is one whose block of keys is gone; who has no keyring cannot know.
    let gone = forged(|it| it.keys.retain(|name, _| !name.starts_with("block-0000000001")));
    let wrong = gone.verify().unwrap_err();
    assert!(wrong.what.contains("is missing, and no order to erase it explains it"), "{wrong}");
    assert!(gone.verify_blindly().is_ok());
}

#[test]
fn an_older_keyring_brings_an_erased_text_back_which_is_told() {
    let order = told().story.order;
    let put_back = forged(|it| it.keys.extend(files_in(&told().earlier_keys())));
    let wrong = put_back.verify().unwrap_err();
    assert_eq!(wrong.place, at(told().story.named.min(told().story.redacted)));
    assert!(wrong.what.contains("is still there, though record"), "{wrong}");
    let of = |at: u64| format!("record {at} orders to erase it; start the ledger to finish that");
    assert!(wrong.what.ends_with(&of(order)) || wrong.what.contains("name is still"), "{wrong}");
}

#[test]
fn a_keyring_of_another_ledger_or_another_master_key_opens_nothing() {
    let whole = Forged::unchanged();
    let wrong = whole.verify_with(&[], Some(MasterKey::new([9; MasterKey::BYTES]))).unwrap_err();
    assert!(wrong.what.contains("sim/block-0000000001.keys"), "{wrong}");
    let other = forged(|it| it.id = *b"another ledger's");
    let wrong = other.verify().unwrap_err();
    assert!(wrong.what.contains("sim/block-0000000001.keys"), "{wrong}");
}
