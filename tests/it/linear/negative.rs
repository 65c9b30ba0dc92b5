//! The negative controls: a tape on which one answer is wrong is refused.

use std::collections::BTreeMap;

use super::{
    Asked, Call, Expected, Stamp, Step, Tape, Told, check, load::run, model::is_linearizable,
    order::check_order,
};

const ROUNDS: u64 = 2;

/// What callers of the real server wrote down, which is in order.
async fn recorded() -> Tape {
    let tape = run(ROUNDS, 1).await.tape().clone();
    check(&tape).unwrap();
    tape
}

fn of<'t>(tape: &'t Tape, assessment: &str) -> Vec<&'t Call> {
    tape.calls().filter(|call| call.assessment == assessment).collect()
}

fn revision_of(call: &Call) -> Option<(u64, u64)> {
    match &call.told {
        Some((moment, Told::Recorded(stamps))) => Some((*moment, stamps.last()?.revision)),
        Some((_, Told::Stale(_) | Told::Stands { .. })) | None => None,
    }
}

/// Every assessment on a tape, with what was told of it last.
fn ends(tape: &Tape) -> BTreeMap<String, Stamp> {
    let mut ends = BTreeMap::new();
    for call in tape.calls() {
        let end = ends.entry(call.assessment.clone()).or_insert(Stamp { position: 0, revision: 0 });
        match &call.told {
            Some((_, Told::Recorded(stamps))) => {
                let last = *stamps.last().unwrap();
                end.position = end.position.max(last.position);
                end.revision = end.revision.max(last.revision);
            }
            Some((_, Told::Stands { revision, at, .. })) => {
                end.position = end.position.max(*at);
                end.revision = end.revision.max(*revision);
            }
            Some((_, Told::Stale(_))) | None => {}
        }
    }
    ends
}

/// Makes each reading of a tape, alone, one that does not know of what was acknowledged before it
/// began, and sees that it is refused; of how many that can be made.
pub fn refuse_stale_readings(tape: &Tape) -> usize {
    let readings: Vec<&Call> = tape.calls().filter(|call| call.asked == Asked::Read).collect();
    let mut altered = 0;
    for late in &readings {
        let calls = of(tape, &late.assessment);
        let known = calls.iter().filter_map(|call| revision_of(call));
        let known = known.filter(|(moment, _)| *moment < late.from).map(|(_, it)| it).max();
        let early = readings.iter().find_map(|early| match &early.told {
            Some((_, told @ Told::Stands { revision, .. })) => {
                (early.assessment == late.assessment && Some(*revision) < known).then_some(told)
            }
            _ => None,
        });
        let (Some(early), Some((moment, _))) = (early, &late.told) else { continue };
        let wrong = Call { told: Some((*moment, early.clone())), ..(*late).clone() };
        let calls: Vec<&Call> =
            calls.into_iter().map(|call| if call == *late { &wrong } else { call }).collect();
        assert!(!is_linearizable(&calls), "{wrong:?}");
        altered += 1;
    }
    altered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_reading_is_refused() {
    let altered = refuse_stale_readings(&recorded().await);
    assert!(altered > 20, "only {altered} readings could have been stale");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_write_that_was_acknowledged_is_refused() {
    let tape = recorded().await;
    let mut lost = 0;
    for call in tape.calls().filter(|call| revision_of(call).is_some()) {
        // Somebody was told the same before, and then it was as if that had not been.
        let mut before = call.clone();
        before.told = Some((call.from, call.told.clone().unwrap().1));
        let mut calls = of(&tape, &call.assessment);
        calls.push(&before);
        assert!(!is_linearizable(&calls), "{before:?}");
        lost += 1;
    }
    assert!(lost > 20, "only {lost} writes could have been lost");
    // The last one of all is lost, which only a reading tells.
    let read = |told: Told| {
        let mut tape = opened();
        let call = tape.asks(NAME, Asked::Write(vec![grade(Expected::NoneYet)]));
        tape.told(call, stamp(11, 2));
        let call = tape.asks(NAME, Asked::Read);
        tape.told(call, told);
        is_linearizable(&of(&tape, NAME))
    };
    assert!(read(stands(11, 2, 11)));
    assert!(!read(Told::Stands { at: 11, revision: 1, grades: BTreeMap::new() }));
}

fn grade(expected: Expected) -> Step {
    Step::Grade { area: "social-care".to_owned(), expected, level: "2".to_owned() }
}

fn stamp(position: u64, revision: u64) -> Told {
    Told::Recorded(vec![Stamp { position, revision }])
}

fn stands(at: u64, revision: u64, position: u64) -> Told {
    let grades = BTreeMap::from([("social-care".to_owned(), (position, "2".to_owned()))]);
    Told::Stands { at, revision, grades }
}

const NAME: &str = "an-assessment";

/// An assessment that was opened as record 10.
fn opened() -> Tape {
    let mut tape = Tape::default();
    let call = tape.asks(NAME, Asked::Write(vec![Step::Other]));
    tape.told(call, stamp(10, 1));
    tape
}

/// Whether two writers at once can both be accepted under these expectations.
fn both(first: Expected, second: Expected) -> bool {
    let mut tape = opened();
    let calls = [first, second].map(|it| tape.asks(NAME, Asked::Write(vec![grade(it)])));
    tape.told(calls[0], stamp(11, 2));
    tape.told(calls[1], stamp(12, 3));
    check(&tape).is_ok()
}

#[test]
fn two_writers_accepted_under_one_expectation_are_refused() {
    assert!(!both(Expected::NoneYet, Expected::NoneYet));
    assert!(both(Expected::NoneYet, Expected::Any));
    assert!(both(Expected::NoneYet, Expected::At(11)));
    assert!(!both(Expected::Any, Expected::NoneYet));
    assert!(!both(Expected::At(11), Expected::NoneYet));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_refused_cannot_have_been_accepted() {
    let tape = recorded().await;
    let mut altered = 0;
    for call in tape.calls() {
        let Some((moment, Told::Stale(_))) = &call.told else { continue };
        let Asked::Write(steps) = &call.asked else { continue };
        let end = ends(&tape)[&call.assessment];
        let revisions = 2..=end.revision;
        // Whatever place it had got in the history.
        for revision in revisions {
            let stamps = (0..steps.len() as u64).map(|step| Stamp {
                position: end.position + 1_000 + step,
                revision: revision + step,
            });
            let mut wrong = call.clone();
            wrong.told = Some((*moment, Told::Recorded(stamps.collect())));
            let calls = of(&tape, &call.assessment);
            let calls: Vec<&Call> =
                calls.into_iter().map(|it| if it == call { &wrong } else { it }).collect();
            assert!(!is_linearizable(&calls), "{wrong:?}");
        }
        altered += 1;
    }
    assert!(altered > 5, "only {altered} were refused");
}

#[test]
fn what_was_never_answered_came_about_or_not_but_not_both() {
    let mut tape = opened();
    tape.asks(NAME, Asked::Write(vec![grade(Expected::NoneYet)]));
    let mut read = |told: Told| {
        let call = tape.asks(NAME, Asked::Read);
        tape.told(call, told);
        check(&tape).is_ok()
    };
    let nothing = Told::Stands { at: 10, revision: 1, grades: BTreeMap::new() };
    assert!(read(nothing.clone()), "not yet");
    assert!(read(stands(11, 2, 11)), "now");
    assert!(read(stands(13, 2, 11)), "and ever after");
    let mut other = tape.clone();
    let call = other.asks(NAME, Asked::Read);
    other.told(call, stands(14, 2, 12));
    assert!(check(&other).is_err(), "at another position than before");
    let call = tape.asks(NAME, Asked::Read);
    tape.told(call, Told::Stands { at: 14, revision: 1, grades: BTreeMap::new() });
    assert!(!is_linearizable(&of(&tape, NAME)), "and gone again");
}

/// Thirty calls of which nobody knows what became: a search over all that may have been would never
/// end. Once it is known what was recorded, a reading that fits it is right, and no other.
#[test]
fn what_was_never_answered_is_settled_by_what_was_recorded() {
    for (last, fits) in [(25, true), (24, false), (26, false)] {
        let mut tape = opened();
        for number in 0..30 {
            let call = tape.asks(NAME, Asked::Write(vec![grade(Expected::Any)]));
            tape.made_under(call, vec![vec![number]]);
        }
        // Every second one was recorded.
        tape.settle(|request| {
            let number = u64::from(request[0]);
            let stamp = Stamp { position: 11 + number / 2, revision: 2 + number / 2 };
            (number % 2 == 0).then_some(stamp)
        });
        let read = tape.asks(NAME, Asked::Read);
        tape.told(read, stands(25, 16, last));
        assert_eq!(check(&tape).is_ok(), fits, "{last}");
    }
}

#[test]
fn a_refusal_names_the_one_who_was_first() {
    for (winner, fits) in [(11, true), (12, false), (0, false)] {
        let mut tape = opened();
        let call = tape.asks(NAME, Asked::Write(vec![grade(Expected::NoneYet)]));
        tape.told(call, stamp(11, 2));
        let call = tape.asks(NAME, Asked::Write(vec![grade(Expected::NoneYet)]));
        tape.told(call, Told::Stale(winner));
        assert_eq!(check(&tape).is_ok(), fits, "{winner}");
    }
    // Nobody was first.
    let mut tape = opened();
    let call = tape.asks(NAME, Asked::Write(vec![grade(Expected::NoneYet)]));
    tape.told(call, Told::Stale(0));
    assert!(check(&tape).is_err());
}

#[test]
fn whoever_knows_of_a_record_knows_of_all_before_it() {
    let told = |told: Told| {
        let mut tape = opened();
        tape.hears(20);
        let asked = match told {
            Told::Stands { .. } => Asked::Read,
            Told::Recorded(_) | Told::Stale(_) => Asked::Write(vec![grade(Expected::Any)]),
        };
        let call = tape.asks("another", asked);
        tape.told(call, told);
        check_order(&tape)
    };
    assert_eq!(told(stamp(21, 2)), Ok(()));
    assert_eq!(told(stands(20, 2, 7)), Ok(()));
    assert!(told(stamp(19, 2)).is_err(), "a record before one that was heard of");
    assert!(told(stands(19, 2, 7)).is_err(), "a reading that does not know what was heard");
    let mut twice = opened();
    let call = twice.asks("another", Asked::Write(vec![grade(Expected::Any)]));
    twice.told(call, stamp(12, 2));
    let calls = ["another", NAME].map(|it| twice.asks(it, Asked::Write(vec![Step::Other])));
    twice.told(calls[0], stamp(13, 3));
    assert_eq!(check_order(&twice), Ok(()));
    twice.told(calls[1], stamp(13, 2));
    assert!(check_order(&twice).is_err(), "a position given twice");
}
