//! Linearizability: whoever asks of an assessment is answered as if every call happened at one
//! moment between its beginning and its end.
//!
//! Clients write down what they ask and what they are told ([`tape`]): grades under expectations,
//! alone and in batches, accepted, refused as stale or never answered, and readings of what stands.
//! A checker that is not ours (the algorithm of Wing, Gong and Lowe, of the crate `todc-utils`)
//! searches an order of the calls on each assessment in which every answer is right by a small
//! [`model`]; a pass over all of them holds the ledger's one [`order`] against every answer, refusal
//! and subscriber. Tapes come from the simulation, whose judge checks each of its runs so, and from
//! the real server under concurrent callers ([`load`]), many short histories of an assessment each.
//!
//! `JUDGEMENT_LEDGER_LINEAR=1000` runs so many rounds on the real server instead of 25,
//! `JUDGEMENT_LEDGER_LINEAR_SEED` repeats what its callers do.

mod load;
mod model;
pub mod negative;
mod order;
mod tape;

use std::collections::BTreeMap;

use judgement_ledger::pb;

pub use tape::{Asked, Call, CallId, Expected, Stamp, Step, Tape, Told};

/// The checker's search grows with what overlaps, and doubles with each call that was never answered
/// ([`Tape::settle`] says what became of those); a history is kept short enough to be searched in no
/// time.
const CALLS_MAX: usize = 200;

/// Checks a tape: each assessment by itself, and all together. How many histories that were.
///
/// # Errors
/// What cannot have been.
pub fn check(tape: &Tape) -> Result<usize, String> {
    order::check_order(tape)?;
    let mut histories: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in tape.calls() {
        histories.entry(&call.assessment).or_default().push(call);
    }
    for (assessment, calls) in &histories {
        assert!(calls.len() <= CALLS_MAX, "{assessment} has a history of {}", calls.len());
        if !model::is_linearizable(calls) {
            let said: Vec<_> = calls.iter().map(|call| format!("{call:?}")).collect();
            return Err(format!("{assessment} is not linearizable:\n{}", said.join("\n")));
        }
    }
    Ok(histories.len())
}

/// What an answer says that stands.
pub fn stands(read: &pb::Assessment) -> Told {
    let grades = read.judgements.iter().filter(|it| it.position > 0).map(|it| {
        let level = it.award.as_ref().unwrap().level.clone();
        (it.area.clone(), (it.position, level))
    });
    let at = read.read.as_ref().unwrap().position;
    Told::Stands { at, revision: read.revision, grades: grades.collect() }
}
