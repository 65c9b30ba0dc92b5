//! What is read of a subject: what it is called, its assessments, and which of them is in force.

use std::sync::Arc;

use super::{
    AsOf, Condition, DatedName, Keep, KnownAt, Ledger, Moment, Order, ReadError, SubjectRead, Test,
    View, filing, fold,
};
use crate::{
    judgement::{self, Assessment, AssessmentId, Current, Event, Framework, StreamId, SubjectId},
    record::Record,
};

/// How many openings of a subject's assessments are looked up at once: more than it ever has.
const OPENINGS_PAGE: usize = 1_000;

impl Ledger {
    /// A subject that is registered at a moment, with all its names until then.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn subject(
        &self,
        id: &SubjectId,
        moment: Moment,
    ) -> Result<Option<SubjectRead>, ReadError> {
        let stream = StreamId::Subject(id.clone());
        let head = moment.position;
        let meant = |record: &Record| record.stream == stream;
        let key = filing::of_stream(&stream);
        let last = fold::latest(&*self.shared.journal, key, head, meant).await?;
        let records = match last {
            Some(last) => fold::trail(&*self.shared.journal, last, None).await?,
            None => Vec::new(),
        };
        Ok(records.first().and_then(registered).map(|read| {
            let names = records.iter().filter_map(name).collect();
            SubjectRead { names, ..read }
        }))
    }

    /// What holds of a subject at a moment, for each framework id under which it was assessed, in
    /// the order in which it first was. (Spec §5) Of assessments that were never published those count
    /// alone whose framework `sees` lets be seen.
    ///
    /// # Errors
    /// [`ReadError`] if the views or the journal cannot be read.
    pub async fn current_of(
        &self,
        subject: &SubjectId,
        moment: Moment,
        sees: impl Fn(&Framework) -> bool,
    ) -> Result<Vec<(String, Current)>, ReadError> {
        let mut assessments: Vec<Arc<Assessment>> = Vec::new();
        for id in self.opened_of(subject, moment).await? {
            let known = KnownAt::Position(moment.position);
            let as_of = AsOf { view: View::Working, known, effective: None, stated: None };
            let read = Box::pin(self.assessment(&id, as_of)).await?;
            let told = read
                .filter(|read| !read.known.published.is_empty() || sees(&read.framework.framework));
            assessments.extend(told.map(|told| told.known));
        }
        let mut families: Vec<&str> = Vec::new();
        for assessment in &assessments {
            let family = assessment.framework.family();
            if !families.contains(&family) {
                families.push(family);
            }
        }
        let all: Vec<&Assessment> = assessments.iter().map(AsRef::as_ref).collect();
        let of = |family: &&str| ((*family).to_owned(), judgement::current(&all, family));
        Ok(families.iter().map(of).collect())
    }

    /// The assessments of a subject that were opened by a moment, oldest first.
    async fn opened_of(
        &self,
        subject: &SubjectId,
        moment: Moment,
    ) -> Result<Vec<AssessmentId>, ReadError> {
        let tests = [Test::Event("AssessmentOpened"), Test::Subject(subject.clone())];
        let condition = Condition::All(tests.map(Condition::Test).to_vec());
        let (mut opened, mut from) = (Vec::new(), None);
        loop {
            let order = Order::OldestFirst;
            let found = self.find(&condition, order, moment, from, OPENINGS_PAGE);
            let found = Box::pin(found).await?;
            opened.extend(found.records.into_iter().filter_map(|read| match read.record.stream {
                StreamId::Assessment(id) => Some(id),
                StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
            }));
            from = found.next;
            if from.is_none() {
                return Ok(opened);
            }
        }
    }
}

/// The subject that a record registered, if it registered one.
fn registered(keep: &Keep) -> Option<SubjectRead> {
    let Event::SubjectRegistered(event) = &keep.record.event else { return None };
    Some(SubjectRead {
        subject: event.subject.clone(),
        names: Vec::new(),
        kind: event.kind.to_string(),
        position: keep.record.position,
    })
}

/// The name that a record gave its subject, if it gave one.
fn name(keep: &Keep) -> Option<DatedName> {
    let record = &keep.record;
    let (name, from) = match &record.event {
        Event::SubjectRegistered(event) => (&event.name, None),
        Event::SubjectRenamed(event) => (&event.name, Some(record.fact(keep.hash).effective_on())),
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::GradeSet(_)
        | Event::EntryRecorded(_)
        | Event::EntryRevised(_)
        | Event::AssessmentLocked(_)
        | Event::SignedOff(_)
        | Event::AssessmentPublished(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::ChallengeReceived(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_)
        | Event::RecordCorrected(_)
        | Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_)
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_) => return None,
    };
    Some(DatedName { name: name.to_string(), from, position: record.position })
}
