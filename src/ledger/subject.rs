//! What is read of a subject: what it is called, its assessments, and which of them is in force.

use std::sync::Arc;

use super::{
    AsOf, Filter, Keep, KnownAt, Ledger, Moment, Order, ReadError, SubjectRead, View, filing, fold,
};
use crate::{
    judgement::{self, Assessment, AssessmentId, Current, Event, StreamId, SubjectId},
    record::Record,
};

/// How many openings of a subject's assessments are looked up at once: more than it ever has.
const OPENINGS_PAGE: usize = 1_000;

impl Ledger {
    /// A subject that is registered.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn subject(&self, id: &SubjectId) -> Result<Option<SubjectRead>, ReadError> {
        let stream = StreamId::Subject(id.clone());
        let head = self.head().position;
        let meant = |record: &Record| record.stream == stream;
        let key = filing::of_stream(&stream);
        let last = fold::latest(&*self.shared.journal, key, head, meant).await?;
        let records = match last {
            Some(last) => fold::trail(&*self.shared.journal, last).await?,
            None => Vec::new(),
        };
        Ok(records.first().and_then(registered))
    }

    /// What holds of a subject at a moment, for each framework id under which it was assessed, in
    /// the order in which it first was. (Spec §5)
    ///
    /// # Errors
    /// [`ReadError`] if the views or the journal cannot be read.
    pub async fn current_of(
        &self,
        subject: &SubjectId,
        moment: Moment,
    ) -> Result<Vec<(String, Current)>, ReadError> {
        let mut assessments: Vec<Arc<Assessment>> = Vec::new();
        for id in self.opened_of(subject, moment).await? {
            let known = KnownAt::Position(moment.position);
            let as_of = AsOf { view: View::Working, known, effective: None, stated: None };
            let read = Box::pin(self.assessment(&id, as_of)).await?;
            assessments.extend(read.map(|read| read.known));
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
        let filter = Filter {
            event: Some("AssessmentOpened"),
            subject: Some(subject.clone()),
            ..Filter::default()
        };
        let (mut opened, mut from) = (Vec::new(), None);
        loop {
            let order = Order::OldestFirst;
            let found = self.find(&filter, order, moment, from, OPENINGS_PAGE);
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
        name: event.name.to_string(),
        kind: event.kind.to_string(),
        position: keep.record.position,
    })
}
