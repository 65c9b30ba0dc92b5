//! What is signed, and when it is not.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::*;
use crate::{
    disk::RealDisk,
    ledger::{
        Contradiction, ReadOnly,
        tree::tests::{Ground, Open},
    },
    merkle::{Frontier, Origin, leaf_hash},
    signer::{self, Seed},
};

/// A signer in a directory of its own, which has signed this tree if any.
fn signing(directory: &tempfile::TempDir, signed: Option<&Frontier>) -> Signing {
    let disk = RealDisk::at(directory.path()).unwrap();
    signer::begin(&disk, &Seed::new(Zeroizing::new([3; 32]))).unwrap();
    let mut signing = Signing::open(Arc::new(disk), Origin::parse("a.log").unwrap()).unwrap();
    if let Some(signed) = signed {
        signing.sign(signed).unwrap();
    }
    signing
}

/// A notary who has still to find out whether the journal of `open` is the one that was signed.
fn undecided(open: &Open, signing: Signing) -> Notary {
    let ledger = open.ledger.clone();
    let lineage = Lineage::of(&ledger.shared, signing.last().map(AsRef::as_ref));
    let ends = ledger.shared.stopped.clone();
    Notary { ledger, signing, lineage, witnesses: Vec::new(), keys_recorded: false, ends }
}

/// As where many records lie between what was signed and what there is.
#[tokio::test]
async fn what_is_found_out_while_the_ledger_serves_is_signed_after_that() {
    let ground = Ground::with(700).await;
    let open = ground.open(None).await;
    let directory = tempfile::tempdir().unwrap();
    let notary = undecided(&open, signing(&directory, Some(&ground.edge(300))));
    let mut covered = open.ledger.covered();
    let running = tokio::spawn(notary.run());
    // The records of its keys come after those that were there.
    covered.wait_for(|size| *size > 700).await.unwrap();
    let published = open.ledger.checkpoint().unwrap();
    assert_eq!(published.head, open.ledger.tree());
    let kept = ground.journal.checkpoint().await.unwrap().unwrap();
    assert_eq!(kept, published.text);
    assert_eq!(open.ledger.read_only(), None);
    open.ledger.close();
    running.await.unwrap().unwrap();
    open.end(true).await;
}

#[tokio::test]
async fn a_contradiction_that_shows_late_takes_no_more_commands_and_signs_nothing() {
    let ground = Ground::with(700).await;
    let open = ground.open(None).await;
    let directory = tempfile::tempdir().unwrap();
    let mut other = Frontier::empty();
    (0..300).for_each(|_| other.push(leaf_hash(b"another record")));
    let notary = undecided(&open, signing(&directory, Some(&other)));
    let mut read_only = open.ledger.follow_read_only();
    let running = tokio::spawn(notary.run());
    let found = *read_only.wait_for(Option::is_some).await.unwrap();
    let expected = ReadOnly { signed: 300, head: 700, how: Contradiction::Inconsistent };
    assert_eq!(found, Some(expected));
    let refused = open.ledger.register_built_in().await;
    let refused = matches!(refused, Err(BuiltInError::Submit(SubmitError::ReadOnly(_))));
    assert!(refused);
    open.ledger.close();
    running.await.unwrap().unwrap();
    assert_eq!(ground.journal.checkpoint().await.unwrap(), None);
    open.end(true).await;
}

/// Whatever was recorded last is signed when the ledger closes.
#[tokio::test]
async fn the_last_head_is_signed_at_the_close() {
    let ground = Ground::with(5).await;
    let open = ground.open(None).await;
    let directory = tempfile::tempdir().unwrap();
    let signing = signing(&directory, None);
    let mut notary = open.ledger.notarised_by(signing, Vec::new()).await.unwrap();
    notary.begin().await.unwrap();
    let running = tokio::spawn(notary.run());
    open.ledger.close();
    running.await.unwrap().unwrap();
    assert_eq!(open.ledger.checkpoint().unwrap().head, open.ledger.tree());
    assert_eq!(*open.ledger.covered().borrow(), 7, "the service and its key were recorded");
    open.end(true).await;
}
