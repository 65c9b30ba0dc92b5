//! The signer's directory: what it signed it never forgets, whatever becomes of the disk.

use std::sync::Arc;

use judgement_ledger::{
    disk::Disk,
    merkle::{Checkpoint, Frontier, Origin, SignedNote, TreeHead, Verifier, leaf_hash},
    signer::{self, KeyState, Seed, SignerError, Signing},
};
use zeroize::Zeroizing;

use crate::sim_disk::{Fault, SimDisk};

fn origin() -> Origin {
    Origin::parse("ledger.example.org/apa").unwrap()
}

fn seed(byte: u8) -> Seed {
    Seed::new(Zeroizing::new([byte; Seed::BYTES]))
}

/// The tree of so many leaves of a journal of this name.
fn tree(journal: &str, size: u64) -> Frontier {
    let mut frontier = Frontier::empty();
    (0..size).for_each(|leaf| frontier.push(leaf_hash(format!("{journal} {leaf}").as_bytes())));
    frontier
}

fn head(frontier: &Frontier) -> TreeHead {
    TreeHead { size: frontier.size(), root: frontier.root() }
}

fn open(disk: &SimDisk) -> Result<Signing, SignerError> {
    Signing::open(disk.directory("signer/"), origin())
}

/// Begins if there is nothing, and signs some trees; `published` learns of what was signed.
fn live(disk: &SimDisk, published: &mut Vec<TreeHead>) -> Result<(), SignerError> {
    let directory = disk.directory("signer/");
    if !signer::is_begun(&*directory)? {
        assert_eq!(*published, [], "the key is gone");
        signer::begin(&*directory, &seed(1))?;
    }
    let mut signing = open(disk)?;
    let signed = signing.last().map_or(0, |last| last.head.size);
    for size in [3, 4, 11].map(|more| signed + more) {
        let signed = signing.sign(&tree("one", size))?;
        assert_eq!(signed.head, head(&tree("one", size)));
        published.push(signed.head);
    }
    Ok(())
}

/// What an earlier life published is remembered, and nothing that contradicts it is signed.
fn remembers(disk: &SimDisk, published: &[TreeHead], context: &str) {
    let Some(last) = published.last() else { return };
    let mut signing = open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let kept = signing.last().unwrap().head;
    assert!(kept.size >= last.size, "{context}: {kept:?} after {last:?}");
    let smaller = signing.sign(&tree("one", kept.size - 1));
    assert!(matches!(smaller, Err(SignerError::Smaller { .. })), "{context}: {smaller:?}");
    let other = signing.sign(&tree("another", kept.size));
    assert!(matches!(other, Err(SignerError::OtherTree { .. })), "{context}: {other:?}");
    // The same again, as where nobody saw it.
    assert_eq!(signing.sign(&tree("one", kept.size)).unwrap().head, kept, "{context}");
    assert_eq!(signing.sign(&tree("one", kept.size + 1)).unwrap().head.size, kept.size + 1);
}

#[test]
fn a_crash_or_a_failure_at_any_call_makes_the_signer_forget_nothing() {
    let whole = SimDisk::new();
    live(&whole, &mut Vec::new()).unwrap();
    let calls = whole.calls().len();
    assert!(calls > 20, "{calls}");
    for at in 0..calls {
        for fault in [Fault::PowerCut, Fault::Eio, Fault::Full, Fault::Short] {
            let disk = SimDisk::new();
            disk.fail_after(at, fault);
            let mut published = Vec::new();
            let outcome = live(&disk, &mut published);
            let context = format!("call {at}, {fault:?}");
            assert!(outcome.is_err() || fault != Fault::PowerCut, "{context}");
            assert_eq!(disk.syncs_tried_again(), 0, "{context}");
            let found = (0..4).map(|seed| disk.after_power_cut(seed)).chain([disk.after_kill()]);
            for next in found {
                remembers(&next, &published, &context);
                live(&next, &mut published.clone()).unwrap_or_else(|it| panic!("{context}: {it}"));
            }
        }
    }
}

#[test]
fn after_a_write_of_unknown_outcome_nothing_more_is_signed() {
    let whole = SimDisk::new();
    live(&whole, &mut Vec::new()).unwrap();
    let disk = SimDisk::new();
    live(&disk, &mut Vec::new()).unwrap();
    let mut signing = open(&disk).unwrap();
    // Removing what is left over, creating, writing, and then the flush.
    disk.fail_after(3, Fault::Eio);
    let unknown = signing.sign(&tree("one", 40));
    assert!(matches!(unknown, Err(SignerError::Unknown { .. })), "{unknown:?}");
    let poisoned = signing.sign(&tree("one", 40));
    assert!(matches!(poisoned, Err(SignerError::Poisoned)), "{poisoned:?}");
}

#[test]
fn a_signed_note_is_verified_by_every_key_and_says_what_was_signed() {
    let disk = SimDisk::new();
    let directory = disk.directory("signer/");
    signer::begin(&*directory, &seed(1)).unwrap();
    assert_eq!(signer::add_key(&*directory, &seed(2)).unwrap(), "2.key");
    let mut signing = open(&disk).unwrap();
    let keys: Vec<Verifier> = signing.keys().iter().map(|it| it.verifier.clone()).collect();
    let signed = signing.sign(&tree("one", 300)).unwrap();
    for key in &keys {
        let checkpoint = Checkpoint::open(&signed.note, &origin(), std::slice::from_ref(key));
        assert_eq!(*checkpoint.unwrap().head(), head(&tree("one", 300)));
    }
    drop(signing);
    // It comes back as it was, to the byte.
    let again = open(&disk).unwrap();
    assert_eq!(again.last().unwrap().note.to_string(), signed.note.to_string());
    assert_eq!(again.last().unwrap().frontier, tree("one", 300));
}

#[test]
fn a_key_that_retires_signs_until_it_is_dropped() {
    let disk = SimDisk::new();
    let directory = disk.directory("signer/");
    signer::begin(&*directory, &seed(1)).unwrap();
    let key = open(&disk).unwrap().keys()[0].verifier.clone();
    let alone = signer::retire_key(&*directory, &origin(), &key);
    assert!(matches!(alone, Err(SignerError::NoKey { .. })), "{alone:?}");
    signer::add_key(&*directory, &seed(2)).unwrap();
    signer::retire_key(&*directory, &origin(), &key).unwrap();
    let other = signer::retire_key(&*directory, &Origin::parse("other").unwrap(), &key);
    assert!(matches!(other, Err(SignerError::UnknownKey)), "{other:?}");
    let mut signing = open(&disk).unwrap();
    let states: Vec<_> = signing.keys().iter().map(|it| (it.file.as_str(), it.state)).collect();
    assert_eq!(states, [("1.retiring", KeyState::Retiring), ("2.key", KeyState::Signing)]);
    assert_eq!(signing.sign(&tree("one", 3)).unwrap().note.signatures().len(), 2);
    signing.drop_retired().unwrap();
    assert_eq!(signing.sign(&tree("one", 4)).unwrap().note.signatures().len(), 1);
    drop(signing);
    let files: Vec<_> = disk.files().into_keys().collect();
    assert!(files.iter().any(|it| it.ends_with("2.key")), "{files:?}");
    assert!(!files.iter().any(|it| it.contains("1.")), "{files:?}");
}

#[test]
fn a_directory_that_is_not_the_ledgers_or_not_whole_is_refused() {
    let disk = SimDisk::new();
    live(&disk, &mut Vec::new()).unwrap();
    let files = disk.files();
    let refused = |files, expected: &str| {
        let error = open(&SimDisk::holding(files)).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    };
    let other = Signing::open(disk.directory("signer/"), Origin::parse("another").unwrap());
    let other = other.map(drop).unwrap_err().to_string();
    assert!(other.contains("signed for ledger.example.org/apa, not for another"), "{other}");
    let name = |end: &str| files.keys().find(|it| it.ends_with(end)).unwrap().clone();
    let memory = files[&name("checkpoint")].clone();
    for at in 0..memory.len() {
        let mut changed = files.clone();
        changed.get_mut(&name("checkpoint")).unwrap()[at] ^= 0x10;
        let error = open(&SimDisk::holding(&changed)).map(drop).unwrap_err();
        let seen = matches!(error, SignerError::Damaged { .. } | SignerError::NewerFormat { .. });
        assert!(seen, "byte {at}: {error:?}");
    }
    let mut cut = files.clone();
    cut.get_mut(&name("checkpoint")).unwrap().truncate(40);
    refused(&cut, "damaged");
    let mut short = files.clone();
    short.get_mut(&name("1.key")).unwrap().truncate(63);
    refused(&short, "a key has 64 hexadecimal digits or 32 raw bytes");
    let mut bare = files.clone();
    bare.remove(&name("1.key"));
    refused(&bare, "no key to sign with");
    let held = open(&disk).unwrap();
    assert!(matches!(open(&disk).map(drop), Err(SignerError::InUse { .. })));
    drop(held);
}

#[test]
fn a_signer_begins_again_with_the_memory_of_a_checkpoint() {
    let first = SimDisk::new();
    live(&first, &mut Vec::new()).unwrap();
    let last = Arc::clone(open(&first).unwrap().last().unwrap());
    let note = SignedNote::parse(last.note.to_string().as_bytes()).unwrap();
    let disk = SimDisk::new();
    let directory: Arc<dyn Disk> = disk.directory("signer/");
    let wrong = signer::begin_again(&*directory, &seed(9), note.clone(), tree("another", 11));
    assert!(matches!(wrong, Err(SignerError::Malformed)), "{wrong:?}");
    signer::begin_again(&*directory, &seed(9), note.clone(), last.frontier.clone()).unwrap();
    let twice = signer::begin_again(&*directory, &seed(9), note, last.frontier.clone());
    assert!(matches!(twice, Err(SignerError::Begun { .. })), "{twice:?}");
    remembers(&disk, &[last.head], "begun again");
}
