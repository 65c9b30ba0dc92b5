//! Who signs, where several may.

use tokio::{task::JoinHandle, time::timeout};
use zeroize::Zeroizing;

use super::*;
use crate::{
    disk::RealDisk,
    ledger::tests::several::{PATIENCE, Several, Wrong, registered},
    merkle::Origin,
    signer::{self, Seed},
};

/// What checkpoints say beside the tree.
const SAYS: &str = "durability quorum";

/// The signer that they share.
fn signer(directory: &tempfile::TempDir) -> SharedSigner {
    let disk = RealDisk::at(directory.path()).unwrap();
    match signer::begin(&disk, &Seed::new(Zeroizing::new([3; 32]))) {
        Ok(()) | Err(SignerError::Begun { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    SharedSigner::at(Arc::new(disk), Origin::parse("a.log").unwrap(), SAYS.to_owned())
}

type Signs = JoinHandle<Result<(), NotaryError>>;

/// Each of them signs in its turn.
async fn signs(several: &Several, directory: &tempfile::TempDir) -> Vec<Signs> {
    let mut all = Vec::new();
    for open in &several.open {
        let signer = signer(directory);
        let remembered = signer.remembered().unwrap();
        let in_turn = open.ledger.notarised_in_turn((signer, remembered), Vec::new());
        all.push(tokio::spawn(in_turn.await.unwrap().run()));
    }
    all
}

/// What each has published, once all cover a position.
async fn covered(several: &Several, position: u64) -> Vec<Arc<Published>> {
    let mut all = Vec::new();
    for open in &several.open {
        let mut covered = open.ledger.covered();
        let reached = covered.wait_for(|size| *size >= position);
        timeout(PATIENCE, reached).await.unwrap().unwrap();
        all.push(open.ledger.checkpoint().unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_signs_the_others_publish_it_and_the_next_takes_over() {
    let mut several = Several::open(3).await;
    let directory = tempfile::tempdir().unwrap();
    let mut all = signs(&several, &directory).await;
    for round in 0..3 {
        let ledger = several.ledger(several.open.len() - 1);
        let at = registered(ledger, &format!("city-{round}")).await.unwrap();
        let published = covered(&several, at.get()).await;
        let last = signer(&directory).remembered().unwrap().unwrap();
        for it in &published {
            // Each has verified it against a tree of its own.
            assert_eq!(it.keys.len(), 1);
            let checkpoint = Checkpoint::parse(it.note.unverified_text()).unwrap();
            assert_eq!(checkpoint.extensions(), [SAYS]);
            assert!(it.head.size <= last.head.size);
        }
        if several.open.len() == 1 {
            break;
        }
        // Whoever signs stops: another goes on from what it signed.
        let gone = several.open.remove(0);
        gone.ledger.close();
        all.remove(0).await.unwrap().unwrap();
        gone.sequencer.await.unwrap();
    }
}

#[tokio::test]
async fn a_checkpoint_that_no_key_of_the_ledger_signed_is_not_published() {
    let several = Several::open(1).await;
    let directory = tempfile::tempdir().unwrap();
    let (own, other) = (signer(&directory), tempfile::tempdir().unwrap());
    let position = several.abreast().await;
    let in_turn = several.ledger(0).notarised_in_turn((own, None), Vec::new()).await.unwrap();
    // Nobody has signed yet, and somebody else writes into the database.
    let disk = RealDisk::at(other.path()).unwrap();
    signer::begin(&disk, &Seed::new(Zeroizing::new([4; 32]))).unwrap();
    let mut another = Signing::open(Arc::new(disk), Origin::parse("a.log").unwrap()).unwrap();
    let forged = another.sign(&several.ledger(0).shared.tree()).unwrap().note.to_string();
    several.ledger(0).shared.journal.keep_checkpoint(forged.into()).await.unwrap();
    assert!(in_turn.publish().await.is_err());
    assert!(several.ledger(0).checkpoint().is_none());
    assert_eq!(several.ledger(0).head().position, position);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_opens_a_journal_that_has_lost_what_was_signed_is_read_only() {
    let several = Several::open(1).await;
    let directory = tempfile::tempdir().unwrap();
    let mut all = signs(&several, &directory).await;
    let at = registered(several.ledger(0), "leicester-city").await.unwrap();
    covered(&several, at.get()).await;
    several.ledger(0).close();
    all.remove(0).await.unwrap().unwrap();
    // Another database, which never had those records.
    let put_back = Several::open(1).await;
    let signer = signer(&directory);
    let remembered = signer.remembered().unwrap();
    let in_turn = put_back.ledger(0).notarised_in_turn((signer, remembered), Vec::new());
    drop(in_turn.await.unwrap());
    let read_only = put_back.ledger(0).read_only().unwrap();
    assert_eq!(read_only.how, Contradiction::Behind);
    assert!(registered(put_back.ledger(0), "rutland").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_has_not_seen_yet_what_was_signed_does_not_sign() {
    let several = Several::open(2).await;
    let directory = tempfile::tempdir().unwrap();
    several.abreast().await;
    several.seen[1].goes(Wrong::Blind);
    let at = registered(several.ledger(0), "leicester-city").await.unwrap();
    let shared = signer(&directory);
    let mut signing = shared.take().unwrap();
    signing.sign(&several.ledger(0).shared.tree()).unwrap();
    let remembered = None;
    let in_turn = several.ledger(1).notarised_in_turn((shared, remembered), Vec::new());
    let in_turn = in_turn.await.unwrap();
    assert!(several.ledger(1).head().position < at);
    // It cannot ask where the journal ends, then it can.
    assert!(in_turn.has(&signing).await.is_err());
    several.seen[1].goes(Wrong::Nothing);
    let seen = several.ledger(1).head().position >= at;
    assert_eq!(in_turn.has(&signing).await.unwrap(), seen);
    assert!(several.ledger(1).read_only().is_none());
    several.abreast().await;
    assert!(in_turn.has(&signing).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_was_frozen_while_another_signed_signs_nothing_more() {
    let several = Several::open(1).await;
    let directory = tempfile::tempdir().unwrap();
    several.abreast().await;
    let shared = signer(&directory);
    let tree = || several.ledger(0).shared.tree();
    // It has the right, looks at what was signed, and is frozen.
    let mut frozen = shared.take().unwrap();
    let before = frozen.sign(&tree()).unwrap();
    let mut next = shared.take().unwrap();
    assert_eq!(next.last(), Some(&before));
    registered(several.ledger(0), "leicester-city").await.unwrap();
    let signed = next.sign(&tree()).unwrap();
    registered(several.ledger(0), "rutland").await.unwrap();
    let refused = frozen.sign(&tree()).unwrap_err();
    assert!(matches!(refused, SignerError::Overtaken { .. }), "{refused}");
    let cosigned = frozen.add_cosignatures(before.note.clone()).unwrap_err();
    assert!(matches!(cosigned, SignerError::Overtaken { .. }), "{cosigned}");
    assert_eq!(shared.remembered().unwrap().unwrap(), *signed);
    // Whoever takes up signing again goes on from there.
    shared.take().unwrap().sign(&tree()).unwrap();
}

/// Somebody who is frozen with the right, but not while the memory is replaced, holds no lock.
#[tokio::test]
async fn the_directory_is_locked_only_while_the_memory_is_replaced() {
    let several = Several::open(1).await;
    let directory = tempfile::tempdir().unwrap();
    several.abreast().await;
    let shared = signer(&directory);
    let mut signing = shared.take().unwrap();
    signing.sign(&several.ledger(0).shared.tree()).unwrap();
    let disk = RealDisk::at(directory.path()).unwrap();
    let lock = crate::disk::Disk::lock(&disk, "signer.shared.lock").unwrap();
    assert!(lock.is_some());
    // Where another has it, it is waited for.
    registered(several.ledger(0), "leicester-city").await.unwrap();
    let released = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        drop(lock);
    });
    signing.sign(&several.ledger(0).shared.tree()).unwrap();
    released.join().unwrap();
}

/// One who is frozen while the memory is replaced holds nobody up for ever.
#[tokio::test]
async fn a_lock_that_is_never_given_back_is_waited_for_no_longer_than_it_takes() {
    let several = Several::open(1).await;
    let directory = tempfile::tempdir().unwrap();
    several.abreast().await;
    let mut signing = signer(&directory).take().unwrap();
    let disk = RealDisk::at(directory.path()).unwrap();
    let lock = |name| crate::disk::Disk::lock(&disk, name).unwrap().unwrap();
    let _frozen = lock("signer.shared.lock");
    let signed = signing.sign(&several.ledger(0).shared.tree()).unwrap();
    assert_eq!(signer(&directory).remembered().unwrap().unwrap(), *signed);
    // The negative control: who has the signer for itself is not passed by.
    let _alone = lock("signer.lock");
    registered(several.ledger(0), "leicester-city").await.unwrap();
    let refused = signing.sign(&several.ledger(0).shared.tree()).unwrap_err();
    assert!(matches!(refused, SignerError::InUse { .. }), "{refused}");
}
