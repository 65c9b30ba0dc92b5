//! What an assessment is to those who write to it and read it: an area has a grade and the record
//! that set it, and there is a revision that counts records. One call happens at one moment.

use std::collections::BTreeMap;

use todc_utils::{Action, History, Specification, WGLChecker, linearizability::history::ProcessId};

use super::tape::{Asked, Call, Expected, Stamp, Step, Told};

/// An assessment, as a specification that calls are held against.
struct Assessment;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct State {
    revision: u64,
    /// The position of the last record that is known.
    last: u64,
    grades: BTreeMap<String, (Place, String)>,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    At(u64),
    /// Its call was never answered, so that the first who reads it learns the position. Nobody can
    /// have expected it before.
    Between {
        after: u64,
        before: u64,
    },
}

impl Place {
    /// Whether it is at this position, which is learned from here on.
    fn learn(&mut self, position: u64) -> bool {
        match *self {
            Self::At(at) => at == position,
            Self::Between { after, before } => {
                let fits = after < position && position < before;
                *self = Self::At(position);
                fits
            }
        }
    }
}

impl State {
    /// Whether an expectation is met.
    fn meets(&self, area: &str, expected: Expected) -> bool {
        let last = self.grades.get(area).map(|(place, _)| *place);
        match expected {
            Expected::Any => true,
            Expected::NoneYet => last.is_none(),
            Expected::At(position) => last == Some(Place::At(position)),
        }
    }

    /// Takes steps of which all expectations are met, or says at which area they are not. Stamps
    /// are missing where the call was never answered.
    fn take(&mut self, steps: &[Step], stamps: Option<&[Stamp]>) -> Result<(), String> {
        for (number, step) in steps.iter().enumerate() {
            self.revision += 1;
            let place = if let Some(stamps) = stamps {
                let position = stamps[number].position;
                for (place, _) in self.grades.values_mut() {
                    if let Place::Between { before, .. } = place {
                        *before = position.min(*before);
                    }
                }
                self.last = position;
                Place::At(position)
            } else {
                Place::Between { after: self.last, before: u64::MAX }
            };
            if let Step::Grade { area, expected, level } = step {
                if !self.meets(area, *expected) {
                    return Err(area.clone());
                }
                self.grades.insert(area.clone(), (place, level.clone()));
            }
        }
        Ok(())
    }

    /// All was recorded: each expectation is met, and each record is the next.
    fn recorded(&mut self, steps: &[Step], stamps: &[Stamp]) -> bool {
        let revisions = self.revision + 1..;
        let next = stamps.iter().zip(revisions).all(|(it, revision)| it.revision == revision);
        let positions = std::iter::once(self.last).chain(stamps.iter().map(|it| it.position));
        let ascending = positions.is_sorted_by(|before, after| before < after);
        stamps.len() == steps.len() && next && ascending && self.take(steps, Some(stamps)).is_ok()
    }

    /// Somebody else was first, and is named rightly.
    fn was_stale(&mut self, steps: &[Step], winner: u64) -> bool {
        let Err(area) = self.clone().take(steps, None) else { return false };
        match self.grades.get_mut(&area) {
            Some((place, _)) => place.learn(winner),
            None => winner == 0,
        }
    }

    /// What was read is what stands.
    fn stands(&mut self, at: u64, revision: u64, grades: &BTreeMap<String, (u64, String)>) -> bool {
        let same = |(area, (position, level)): (&String, &(u64, String))| {
            let stands = self.grades.get_mut(area);
            *position <= at
                && stands.is_some_and(|(place, stands)| stands == level && place.learn(*position))
        };
        grades.iter().all(same)
            && grades.len() == self.grades.len()
            && revision == self.revision
            && at >= self.last
    }
}

/// A call and its answer; none, if there was none.
type Operation = (Asked, Option<Told>);

impl Specification for Assessment {
    type State = State;
    type Operation = Operation;

    fn init() -> State {
        State::default()
    }

    fn apply((asked, told): &Operation, before: &State) -> (bool, State) {
        let mut state = before.clone();
        let valid = match (asked, told) {
            (Asked::Write(steps), Some(Told::Recorded(stamps))) => state.recorded(steps, stamps),
            (Asked::Write(steps), Some(Told::Stale(winner))) => state.was_stale(steps, *winner),
            // Recorded, if it can be. That it never was is the same as that it is yet to be: what
            // has no answer ends after everything else.
            (Asked::Write(steps), None) => {
                if state.take(steps, None).is_err() {
                    state = before.clone();
                }
                true
            }
            (Asked::Read, Some(Told::Stands { at, revision, grades })) => {
                state.stands(*at, *revision, grades)
            }
            (Asked::Read, None) => true,
            (Asked::Read, Some(Told::Recorded(_) | Told::Stale(_)))
            | (Asked::Write(_), Some(Told::Stands { .. })) => false,
        };
        if valid { (true, state) } else { (false, before.clone()) }
    }
}

/// Whether there is an order of these calls, each at one moment between its beginning and its end,
/// in which every answer is right. The calls are of one assessment.
pub fn is_linearizable(calls: &[&Call]) -> bool {
    let mut actions: Vec<(u64, ProcessId, Action<Operation>)> = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        let told = call.told.as_ref().map(|(_, told)| told.clone());
        let until = call.told.as_ref().map_or(u64::MAX, |(moment, _)| *moment);
        let operation = (call.asked.clone(), told);
        actions.push((call.from, number, Action::Call(operation.clone())));
        actions.push((until, number, Action::Response(operation)));
    }
    actions.sort_by_key(|(moment, _, _)| *moment);
    if actions.is_empty() {
        return true;
    }
    let actions = actions.into_iter().map(|(_, process, action)| (process, action)).collect();
    WGLChecker::<Assessment>::is_linearizable(History::from_actions(actions))
}
