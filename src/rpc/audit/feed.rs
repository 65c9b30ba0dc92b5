//! What the reader of a stream is told, page by page: pure, without a clock or a task.
//!
//! A feed is fed with pages of records and with the head that was seen *before* the page was
//! read. It answers with what the reader is to be told, in order:
//!
//! - every record that is wanted, once;
//! - [`Told::CaughtUp`] once each time it becomes live, at the end of the page that reached the
//!   head;
//! - [`Told::Checkpoint`] where a page ends with records that were not wanted, so that a reader
//!   who is told nothing else still knows where to go on: at least every [`CHECKPOINT_EVERY`]
//!   records, if pages have no more than that.

use std::sync::Arc;

use super::{wanted::Wanted, within::Within};
use crate::{judgement::Position, ledger::Streamed};

/// The largest number of records that may be filtered out between two checkpoints: some
/// milliseconds of reading again, should the reader have to.
pub(super) const CHECKPOINT_EVERY: usize = 1_000;

/// What a reader is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// A record.
    Record(Streamed),
    /// Everything up to here was told or not wanted; what follows comes as it is recorded.
    CaughtUp(Position),
    /// Everything up to here was told or not wanted.
    Checkpoint(Position),
}

impl Told {
    /// The position after which a reader goes on who was told this.
    pub(super) fn position(&self) -> Position {
        match self {
            Self::Record(streamed) => streamed.position(),
            Self::CaughtUp(position) | Self::Checkpoint(position) => *position,
        }
    }
}

/// Where a reader stands.
pub(in crate::rpc) struct Feed {
    wanted: Wanted,
    /// What the reader is told of, if not of everything.
    within: Option<Arc<Within>>,
    /// Everything up to here was told or not wanted.
    after: Position,
    /// The last position that the reader knows of.
    told: Position,
    pace: Pace,
}

/// Whether the reader has all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    CatchingUp,
    Live,
}

impl Feed {
    /// A reader who has everything up to `after`.
    pub(in crate::rpc) fn new(wanted: Wanted, after: Position) -> Self {
        Self { wanted, within: None, after, told: after, pace: Pace::CatchingUp }
    }

    /// The same for a reader who is told of this alone, if not of everything. Each page must have been
    /// learnt before it is taken.
    pub(super) fn within(self, within: Option<Arc<Within>>) -> Self {
        Self { within, ..self }
    }

    /// The position after which the next page begins.
    pub(super) fn after(&self) -> Position {
        self.after
    }

    /// Whether the reader had all there was at the last page.
    pub(super) fn is_live(&self) -> bool {
        self.pace == Pace::Live
    }

    /// Takes the page after [`Feed::after`]; `head` was seen before it was read. A page is empty
    /// only at the head.
    pub(super) fn take(&mut self, page: Vec<Streamed>, head: Position) -> Vec<Told> {
        let at_end = page.is_empty();
        let mut told = Vec::new();
        for streamed in page {
            self.after = streamed.position();
            let told_of = self.within.as_ref().is_none_or(|within| within.tells(&streamed));
            if told_of && self.wanted.takes(&streamed) {
                self.told = self.after;
                told.push(Told::Record(streamed));
            }
        }
        let caught_up = at_end || self.after >= head;
        if caught_up && self.pace == Pace::CatchingUp {
            self.told = self.after;
            told.push(Told::CaughtUp(self.after));
        } else if self.after > self.told {
            self.told = self.after;
            told.push(Told::Checkpoint(self.after));
        }
        self.pace = if caught_up { Pace::Live } else { Pace::CatchingUp };
        told
    }

    /// What a reader is told who has been told nothing for a while: a sign of life.
    pub(super) fn idle(&self) -> Told {
        Told::Checkpoint(self.after)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        judgement::{AssessmentLocked, Event},
        merkle::Hash,
        rpc::show::fixture::{ASSESSMENT, act, passed_on, record_of},
    };

    fn at(position: u64) -> Position {
        Position::new(position)
    }

    /// A record of the assessment if `wanted`, else of another one.
    fn streamed(position: u64, wanted: bool) -> Streamed {
        let stream = if wanted { ASSESSMENT } else { "subjects/a/assessments/b" };
        let locked = AssessmentLocked { edition: 1, digest: Hash::new([7; 32]) };
        let event = Event::AssessmentLocked(locked);
        passed_on(&record_of(position, stream, act(), event))
    }

    fn record(position: u64) -> Told {
        Told::Record(streamed(position, true))
    }

    fn of_assessment(after: u64) -> Feed {
        let stream = crate::judgement::StreamId::parse(ASSESSMENT).unwrap();
        let wanted = Wanted { streams: [stream].into(), ..Wanted::default() };
        Feed::new(wanted, at(after))
    }

    #[test]
    fn a_reader_catches_up_page_by_page_and_is_told_once() {
        let mut feed = of_assessment(0);
        let page = vec![streamed(1, true), streamed(2, true)];
        assert_eq!(feed.take(page, at(3)), [record(1), record(2)]);
        assert!(!feed.is_live());
        assert_eq!(feed.take(vec![streamed(3, true)], at(3)), [record(3), Told::CaughtUp(at(3))]);
        assert!(feed.is_live());
        assert_eq!(feed.take(vec![streamed(4, true)], at(4)), [record(4)]);
        assert_eq!(feed.take(Vec::new(), at(4)), []);
    }

    #[test]
    fn an_empty_ledger_is_caught_up_with() {
        assert_eq!(of_assessment(0).take(Vec::new(), at(0)), [Told::CaughtUp(at(0))]);
        assert_eq!(of_assessment(9).take(Vec::new(), at(9)), [Told::CaughtUp(at(9))]);
    }

    #[test]
    fn a_reader_who_falls_behind_a_page_is_told_again_when_it_is_live_again() {
        let mut feed = of_assessment(0);
        assert_eq!(feed.take(Vec::new(), at(0)), [Told::CaughtUp(at(0))]);
        assert_eq!(feed.take(vec![streamed(1, true)], at(2)), [record(1)]);
        assert_eq!(feed.take(vec![streamed(2, true)], at(2)), [record(2), Told::CaughtUp(at(2))]);
    }

    #[test]
    fn a_page_that_ends_unwanted_ends_with_a_checkpoint() {
        let mut feed = of_assessment(0);
        let told = feed.take(vec![streamed(1, true), streamed(2, false)], at(4));
        assert_eq!(told, [record(1), Told::Checkpoint(at(2))]);
        let wanted_last = feed.take(vec![streamed(3, false), streamed(4, true)], at(6));
        assert_eq!(wanted_last, [record(4)], "the record itself says where to go on");
        let caught_up = feed.take(vec![streamed(5, false), streamed(6, false)], at(6));
        assert_eq!(caught_up, [Told::CaughtUp(at(6))], "and so does this");
        assert_eq!(feed.take(vec![streamed(7, false)], at(7)), [Told::Checkpoint(at(7))]);
        assert_eq!(feed.idle(), Told::Checkpoint(at(7)));
    }

    proptest! {
        /// Wherever a reader is cut off and goes on after the last position that it was told, it
        /// gets every wanted record once, in order, and it is never told nothing for longer than
        /// a page.
        #[test]
        fn nothing_is_lost_or_doubled_wherever_a_reader_is_cut_off(
            wanted in prop::collection::vec(any::<bool>(), 0..40),
            page_size in 1_usize..7,
            patience in 1_usize..9,
        ) {
            let records: Vec<_> = (1..).zip(&wanted).map(|(i, &it)| streamed(i, it)).collect();
            let head = Position::new(u64::try_from(records.len()).unwrap());
            let (mut got, mut resume_after) = (Vec::new(), Position::START);
            'reader: loop {
                let mut feed = of_assessment(resume_after.get());
                let mut left = patience;
                loop {
                    let skip = usize::try_from(feed.after().get()).unwrap();
                    let page = records.iter().skip(skip).take(page_size).cloned().collect();
                    for told in feed.take(page, head) {
                        let passed = usize::try_from(told.position().since(resume_after)).unwrap();
                        prop_assert!(passed <= page_size, "told nothing for {passed} records");
                        resume_after = told.position();
                        match told {
                            Told::Record(it) => got.push(it.position()),
                            Told::Checkpoint(_) => {}
                            Told::CaughtUp(_) => break 'reader,
                        }
                        left = left.saturating_sub(1);
                        if left == 0 {
                            continue 'reader;
                        }
                    }
                }
            }
            let all = (1..).zip(&wanted).filter(|(_, it)| **it).map(|(i, _)| Position::new(i));
            prop_assert_eq!(got, all.collect::<Vec<_>>());
            prop_assert_eq!(resume_after, head);
        }
    }
}
