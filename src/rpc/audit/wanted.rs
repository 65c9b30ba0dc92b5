//! Which records a stream is to carry.

use std::collections::BTreeSet;

use super::{
    events::event,
    expression::{self, Asker},
    filter::Named,
};
use crate::{
    judgement::StreamId,
    ledger::{Condition, PassedOn, Streamed},
    pb,
    record::Record,
    rpc::{asked::Asked, show::newer_stream},
};

/// Which records a reader wants. An empty set wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::rpc) struct Wanted {
    /// Those of these streams.
    pub(in crate::rpc) streams: BTreeSet<StreamId>,
    /// Those of these events.
    pub(in crate::rpc) events: BTreeSet<&'static str>,
    /// Those that meet this.
    pub(in crate::rpc) condition: Option<Condition>,
}

impl Wanted {
    /// Takes the filters of a request.
    pub(super) fn take(
        asked: &mut Asked,
        request: &pb::StreamRecordsRequest,
        named: Named<'_>,
    ) -> Self {
        let mut wanted = Self::default();
        if !request.expression.is_empty() {
            let given = &request.expression;
            wanted.condition = expression::take(asked, given, Asker::Stream, named);
        }
        for (index, stream) in request.streams.iter().enumerate() {
            let stream = StreamId::parse(stream);
            wanted.streams.extend(asked.required(&format!("streams[{index}]"), stream));
        }
        for (index, name) in request.events.iter().enumerate() {
            match event(name) {
                Ok(event) => _ = wanted.events.insert(event),
                Err(what) => asked.note(&format!("events[{index}]"), what),
            }
        }
        wanted
    }

    /// Whether a record is wanted. One that a newer version wrote is passed on wherever it may be
    /// wanted: it must not get lost only because its event cannot be told.
    pub(super) fn takes(&self, streamed: &Streamed) -> bool {
        match streamed {
            Streamed::Record(passed_on) => {
                self.takes_event(passed_on.event)
                    && self.takes_stream(|| StreamId::parse(passed_on.stream()).ok())
                    && self.meets(passed_on)
            }
            Streamed::Newer(_, bytes) => self.takes_stream(|| newer_stream(bytes)),
        }
    }

    /// Whether a record meets the condition, for which alone it is decoded. Whatever it does not
    /// tell could only be wanted.
    fn meets(&self, passed_on: &PassedOn) -> bool {
        self.condition.as_ref().is_none_or(|condition| {
            let record = Record::decode(&passed_on.entry.record).ok();
            record.and_then(|it| condition.told_by(&it)).unwrap_or(true)
        })
    }

    /// A stream that cannot be told may be any.
    fn takes_stream(&self, stream: impl FnOnce() -> Option<StreamId>) -> bool {
        self.streams.is_empty() || stream().is_none_or(|stream| self.streams.contains(&stream))
    }

    fn takes_event(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.contains(event)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message;
    use tonic_types::StatusExt;

    use super::*;
    use crate::{
        judgement::{AssessmentLocked, Event, Position},
        merkle::Hash,
        rpc::show::fixture::{ASSESSMENT, act, passed_on, record_of},
    };

    const OTHER: &str = "subjects/haringey/assessments/apa-2008";

    fn asked_for(streams: &[&str], events: &[&str]) -> Result<Wanted, tonic::Status> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let (streams, events) = (owned(streams), owned(events));
        let request = pb::StreamRecordsRequest { streams, events, ..Default::default() };
        let mut asked = Asked::default();
        let wanted = Wanted::take(&mut asked, &request, &|_| None);
        asked.settle(Some(wanted))
    }

    fn locked(stream: &str) -> Streamed {
        let locked = AssessmentLocked { edition: 1, digest: Hash::new([7; 32]) };
        passed_on(&record_of(1, stream, act(), Event::AssessmentLocked(locked)))
    }

    #[test]
    fn a_record_is_wanted_by_stream_and_by_event() {
        for (streams, events, wanted) in [
            (vec![], vec![], true),
            (vec![ASSESSMENT], vec![], true),
            (vec![OTHER], vec![], false),
            (vec![OTHER, ASSESSMENT], vec!["AssessmentLocked"], true),
            (vec![], vec!["GradeSet", "AssessmentLocked"], true),
            (vec![], vec!["GradeSet"], false),
        ] {
            let takes = asked_for(&streams, &events).unwrap().takes(&locked(ASSESSMENT));
            assert_eq!(takes, wanted, "{streams:?} {events:?}");
        }
    }

    #[test]
    fn a_record_is_wanted_by_what_it_tells_of_itself() {
        for (expression, wanted) in [
            ("event = AssessmentLocked", true),
            ("NOT event = AssessmentLocked", false),
            ("subject = leicester-city OR event = GradeSet", true),
            ("change = RAISED", false),
        ] {
            let expression = expression.to_owned();
            let request = pb::StreamRecordsRequest { expression, ..Default::default() };
            let mut asked = Asked::default();
            let taken = Wanted::take(&mut asked, &request, &|_| None);
            let taken = asked.settle(Some(taken)).unwrap();
            assert_eq!(taken.takes(&locked(ASSESSMENT)), wanted, "{}", request.expression);
        }
    }

    #[test]
    fn a_newer_record_is_passed_on_unless_it_is_of_another_stream() {
        let header = pb::Record { stream: OTHER.to_owned(), ..Default::default() };
        let newer = Streamed::Newer(Position::new(1), Bytes::from(header.encode_to_vec()));
        let illegible = Streamed::Newer(Position::new(1), Bytes::from_static(b"\xff"));
        assert!(asked_for(&[OTHER], &["GradeSet"]).unwrap().takes(&newer));
        assert!(!asked_for(&[ASSESSMENT], &[]).unwrap().takes(&newer));
        assert!(asked_for(&[ASSESSMENT], &[]).unwrap().takes(&illegible));
    }

    #[test]
    fn every_bad_name_is_reported() {
        let status = asked_for(&["ledger", "x"], &["GradeSet", "Y"]).unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["streams[1]", "events[1]"]);
    }
}
