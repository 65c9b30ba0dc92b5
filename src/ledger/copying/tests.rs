//! A copy is what it was copied from, whenever it was cut short.

use std::sync::Arc;

use super::*;
use crate::{
    journal::{MemoryJournal, Page},
    ledger::{
        filing,
        tests::ground::{Ground, register},
    },
};

/// A journal of some groups, of one record and more.
async fn source() -> Arc<dyn Journal> {
    let ground = Ground::new(filing());
    let open = ground.open(None).await;
    for round in 0..8 {
        let each = (0..=round).map(|number| format!("city-{round}-{number}"));
        let ledger = &open.ledger;
        let all = each.map(|subject| ledger.submit(register(ledger, &subject)));
        for outcome in futures_util::future::join_all(all).await {
            // Who introduces the caller first is seen by the others.
            drop(outcome);
        }
    }
    let journal = Arc::clone(&ground.journal);
    open.end().await;
    journal.keep_checkpoint("a checkpoint".into()).await.unwrap();
    journal
}

async fn everything(journal: &dyn Journal) -> Vec<crate::journal::Stored> {
    journal.read(Position::START, Page { entries_max: 10_000, bytes_max: 1 << 30 }).await.unwrap()
}

async fn is_the_same(from: &dyn Journal, to: &dyn Journal) {
    assert_eq!(everything(from).await, everything(to).await);
    let frontier = |head: Head| Summary::from_bytes(&head.mark.unwrap().bytes).unwrap().frontier;
    let (one, other) = (from.head().await.unwrap(), to.head().await.unwrap());
    assert_eq!(frontier(one), frontier(other));
    assert_eq!(from.checkpoint().await.unwrap(), to.checkpoint().await.unwrap());
}

#[tokio::test]
async fn a_copy_has_the_same_bytes_and_the_same_root() {
    let from = source().await;
    let to = MemoryJournal::new(filing());
    let mut told = Vec::new();
    let copied = copy(&*from, &to, &mut |at, of| told.push((at, of))).await.unwrap();
    is_the_same(&*from, &to).await;
    let head = from.head().await.unwrap().position;
    assert_eq!((copied.records, copied.tree.size), (head.get(), head.get()));
    assert_eq!(told.last(), Some(&(head, head)));
    // Once more: there is nothing left to copy.
    let again = copy(&*from, &to, &mut |_, _| {}).await.unwrap();
    assert_eq!((again.records, again.tree), (0, copied.tree));
    is_the_same(&*from, &to).await;
}

#[tokio::test]
async fn a_copy_that_was_cut_short_goes_on_and_another_is_refused() {
    let from = source().await;
    let all = everything(&*from).await;
    for cut in 1..all.len() {
        let to = MemoryJournal::new(filing());
        let begun: Vec<_> = all[..cut].iter().map(|it| Keep::of(it.clone()).unwrap()).collect();
        let mut copying = Copying { to: &to, frontier: Frontier::empty(), bytes: 0 };
        copying.append(begun).await.unwrap();
        let copied = copy(&*from, &to, &mut |_, _| {}).await.unwrap();
        assert_eq!(copied.records, u64::try_from(all.len() - cut).unwrap());
        is_the_same(&*from, &to).await;
    }
    let other = source().await;
    let refused = copy(&*from, &*other, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::Other { .. }), "{refused}");
    let empty = MemoryJournal::new(filing());
    let too_long = copy(&empty, &*other, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(too_long, CopyError::Longer { .. }), "{too_long}");
}
