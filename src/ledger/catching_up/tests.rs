//! Several ledgers on one journal, as several processes have it.

use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::{
    journal::{Journal, MemoryJournal},
    ledger::{
        SubmitError, filing,
        tests::{
            ground::Ground,
            several::{PATIENCE, Several, Wrong, grading, opening, registered, submit},
        },
    },
};

#[tokio::test]
async fn each_goes_on_from_what_the_others_recorded() {
    let several = Several::open(3).await;
    registered(several.ledger(0), "leicester-city").await.unwrap();
    // The turn tells of what was recorded elsewhere: nobody waits to have looked.
    submit(several.ledger(1), opening()).await.unwrap();
    let first = submit(several.ledger(2), grading("social-care", "2", None)).await.unwrap();
    let first = Some(first[0].position);
    submit(several.ledger(0), grading("social-care", "3", first)).await.unwrap();
    let stale = submit(several.ledger(1), grading("social-care", "4", first)).await;
    assert!(matches!(stale, Err(SubmitError::Refused { .. })), "{stale:?}");
    let again = registered(several.ledger(2), "leicester-city").await;
    assert!(matches!(again, Err(SubmitError::Refused { .. })), "{again:?}");
    several.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ledgers_that_race_record_each_command_once_in_one_order() {
    let several = Arc::new(Several::open(4).await);
    let begun = several.agree().await;
    let each = (0..4_usize).flat_map(|of| (0..50).map(move |number| (of, number)));
    let tasks = each.map(|(of, number)| {
        let several = Arc::clone(&several);
        tokio::spawn(async move {
            registered(several.ledger(of), &format!("city-{of}-{number}")).await.unwrap()
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut positions = BTreeSet::new();
    for task in tasks {
        assert!(positions.insert(task.await.unwrap()), "a position is given once");
    }
    let head = several.agree().await;
    // Their caller is introduced once, and no position is skipped.
    assert_eq!(head.since(begun), 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_all_who_expect_the_same_one_is_recorded() {
    let several = Several::open(4).await;
    registered(several.ledger(0), "leicester-city").await.unwrap();
    submit(several.ledger(0), opening()).await.unwrap();
    let mut stands = None;
    for round in 0..20 {
        let order = grading("social-care", ["2", "3", "4", "1"][round % 4], stands);
        let all = several.open.iter().map(|it| submit(&it.ledger, order.clone()));
        let outcomes = futures_util::future::join_all(all).await;
        let recorded: Vec<_> = outcomes.iter().flatten().flatten().map(|it| it.position).collect();
        assert_eq!(recorded.len(), 1, "{outcomes:?}");
        stands = Some(recorded[0]);
    }
    several.agree().await;
}

#[tokio::test]
async fn a_commit_that_was_not_confirmed_is_asked_after() {
    let several = Several::open(2).await;
    registered(several.ledger(1), "rutland").await.unwrap();
    let before = several.abreast().await;
    several.seen[1].goes(Wrong::Unconfirmed);
    let stored = registered(several.ledger(1), "leicester-city").await.unwrap();
    assert_eq!(stored, before.next());
    several.seen[1].goes(Wrong::Lost);
    let lost = registered(several.ledger(1), "haringey").await;
    assert!(matches!(lost, Err(SubmitError::Unavailable)), "{lost:?}");
    // It goes on, and nothing is there twice or skipped.
    assert_eq!(registered(several.ledger(1), "haringey").await.unwrap(), stored.next());
    several.agree().await;
}

#[tokio::test]
async fn what_became_of_a_commit_is_told_although_another_went_on() {
    let several = Several::open(2).await;
    registered(several.ledger(0), "rutland").await.unwrap();
    several.abreast().await;
    several.seen[1].goes(Wrong::Lost);
    // Both take their turns as they come: after the loss, the position is another's.
    let (lost, other) = tokio::join!(
        registered(several.ledger(1), "leicester-city"),
        registered(several.ledger(0), "leicester-city"),
    );
    let lost_is_told = match &lost {
        Err(SubmitError::Unavailable | SubmitError::Refused { .. }) => other.is_ok(),
        _ => false,
    };
    assert!(lost_is_told, "{lost:?} {other:?}");
    several.agree().await;
}

#[tokio::test]
async fn who_is_far_behind_gives_its_turn_back_and_comes_abreast() {
    let several = Several::open(2).await;
    several.abreast().await;
    several.seen[1].goes(Wrong::Blind);
    let ledger = several.ledger(0);
    let count = u32::try_from(UNDER_TURN_MAX).unwrap() + 10;
    for from in (0..count).step_by(500) {
        let each = (from..count.min(from + 500)).map(|number| format!("city-{number}"));
        let all = each.map(|subject| async move { registered(ledger, &subject).await });
        let outcomes = futures_util::future::join_all(all).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
    let (ahead, behind) = (ledger.head().position, several.ledger(1).head().position);
    assert!(ahead.since(behind) > UNDER_TURN_MAX);
    let after = registered(several.ledger(1), "leicester-city").await.unwrap();
    assert_eq!(after, ahead.next());
    several.seen[1].goes(Wrong::Nothing);
    several.agree().await;
}

#[tokio::test]
async fn who_cannot_read_what_others_appended_refuses_and_goes_on_later() {
    let several = Several::open(2).await;
    several.abreast().await;
    several.seen[1].goes(Wrong::Unreadable);
    registered(several.ledger(0), "leicester-city").await.unwrap();
    let refused = registered(several.ledger(1), "rutland").await;
    assert!(matches!(refused, Err(SubmitError::Unavailable)), "{refused:?}");
    several.seen[1].goes(Wrong::Nothing);
    registered(several.ledger(1), "rutland").await.unwrap();
    several.agree().await;
}

/// Why a ledger stops that meets something wrong at its next look.
async fn stops(several: &mut Several, wrong: Wrong) -> Stop {
    several.seen[1].goes(wrong);
    let sequencer = &mut several.open[1].sequencer;
    tokio::time::timeout(PATIENCE, sequencer).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_journal_that_was_put_back_stops_those_who_saw_more() {
    let mut several = Several::open(2).await;
    let before = several.seen[0].inner.head().await.unwrap();
    registered(several.ledger(0), "leicester-city").await.unwrap();
    several.abreast().await;
    let stop = stops(&mut several, Wrong::PutBack(before)).await;
    assert!(matches!(stop, Stop::Behind { .. }), "{stop:?}");
}

#[tokio::test]
async fn another_sum_of_the_same_records_is_found_out() {
    let mut several = Several::open(2).await;
    several.abreast().await;
    several.seen[1].goes(Wrong::OtherMark);
    registered(several.ledger(0), "leicester-city").await.unwrap();
    let stop = stops(&mut several, Wrong::OtherMark).await;
    let Stop::Others(error) = &stop else { panic!("{stop:?}") };
    assert!(matches!(**error, OpenError::OtherTree { .. }), "{error:?}");
}

/// As where a primary lost the last records, and another recorded as many in their place.
#[tokio::test]
async fn other_records_of_the_same_number_are_found_out() {
    let mut several = Several::open(2).await;
    several.abreast().await;
    let stop = stops(&mut several, Wrong::OtherMark).await;
    let Stop::Others(error) = &stop else { panic!("{stop:?}") };
    assert!(matches!(**error, OpenError::OtherTree { .. }), "{error:?}");
}

#[tokio::test]
async fn a_journal_that_is_not_shared_has_one_ledger() {
    let journal = Arc::new(MemoryJournal::new(filing()));
    let keys = tempfile::tempdir().unwrap();
    let ground = || {
        let journal = Arc::<MemoryJournal>::clone(&journal);
        Ground::sharing(journal, keys.path().to_owned())
    };
    let (one, other) = (ground(), ground());
    let (open, overtaken) = (one.open(None).await, other.open(None).await);
    registered(&open.ledger, "leicester-city").await.unwrap();
    let refused = registered(&overtaken.ledger, "rutland").await;
    assert!(matches!(refused, Err(SubmitError::Stopped)), "{refused:?}");
    let stop = overtaken.sequencer.await.unwrap();
    assert!(matches!(stop, Stop::Overtaken { .. }), "{stop:?}");
}

#[tokio::test]
async fn half_a_group_is_kept_back() {
    let several = Several::open(1).await;
    let ledger = several.ledger(0);
    registered(ledger, "leicester-city").await.unwrap();
    let stored = several.seen[0].inner.read(Position::START, PAGE).await.unwrap();
    let mut keeps: Vec<_> = stored.into_iter().map(|it| Keep::of(it).unwrap()).collect();
    assert_eq!(last_group(&keeps), 0);
    let second = keeps.len() - 1;
    keeps[second].record.recorded_at += jiff::SignedDuration::from_micros(1);
    assert_eq!(last_group(&keeps), second);
    keeps[second - 1].record.recorded_at = keeps[second].record.recorded_at;
    assert_eq!(last_group(&keeps), second - 1);
}
