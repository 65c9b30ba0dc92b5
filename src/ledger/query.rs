//! Records that meet a filter.
//!
//! The views say where to look; the record itself says whether it is meant. So an index can make
//! an answer slow, never wrong.

use jiff::SignedDuration;

use super::{Filter, Found, Keep, KnownAt, Ledger, Moment, Order, ReadError, fold, topics};
use crate::{
    judgement::{
        AreaId, ChangeKind, Correction, Decider, Event, OrganisationId, Position, StreamId,
    },
    views::{Direction, Range, Search, Term},
};

/// How many postings one page may examine, and how many records it may read in vain: some
/// milliseconds of work.
const WORK_MAX: usize = 10_000;

/// How many bytes of records and texts one page may hold, so that many wide queries of large
/// records at once fit into memory: a thousand records of usual size.
const FOUND_BYTES_MAX: usize = 1 << 20;

/// Where to look: after the one position, up to and with the other.
#[derive(Debug, Clone, Copy)]
struct Span {
    after: Position,
    until: Position,
}

impl Span {
    fn is_empty(self) -> bool {
        self.after >= self.until
    }

    /// What is left once `position` has been looked at.
    fn beyond(self, order: Order, position: Position) -> Self {
        match order {
            Order::NewestFirst => {
                let until = Position::new(position.get().saturating_sub(1));
                Self { until: until.min(self.until), ..self }
            }
            Order::OldestFirst => Self { after: position.max(self.after), ..self },
        }
    }
}

impl Ledger {
    /// Records that meet `filter`, known at `moment`, beyond `from`, at most `limit`. The work is
    /// bounded: a page may be short or empty and still name where to go on.
    ///
    /// # Errors
    /// [`ReadError`] if the views or the journal cannot be read.
    #[expect(
        clippy::too_many_arguments,
        reason = "a query is what, in which order, as of when, from where and how much"
    )]
    pub async fn find(
        &self,
        filter: &Filter,
        order: Order,
        moment: Moment,
        from: Option<Position>,
        limit: usize,
    ) -> Result<Found, ReadError> {
        let mut span = self.span(filter, moment).await?;
        if let Some(from) = from {
            span = span.beyond(order, from);
        }
        let terms = terms(filter);
        let mut records = Vec::new();
        let (mut work, mut bytes) = (0_usize, 0_usize);
        while !span.is_empty() && !filter.is_contradictory() {
            let (positions, next) = self.candidates(&terms, span, order, limit).await?;
            for position in positions {
                span = span.beyond(order, position);
                work = work.saturating_add(1);
                let keep = fold::keep(&*self.shared.journal, position).await?;
                if meets(filter, &keep) {
                    bytes = bytes.saturating_add(keep.entry.record.len());
                    bytes = bytes.saturating_add(keep.entry.sealed.len());
                    records.push(self.read_keep(keep));
                }
                if records.len() >= limit || bytes >= FOUND_BYTES_MAX || work >= WORK_MAX {
                    let more = !span.is_empty();
                    return Ok(Found { records, next: more.then_some(position) });
                }
            }
            let Some(edge) = next else { break };
            span = span.beyond(order, edge);
            if work == 0 {
                // Nothing was found among all the postings that one page may examine.
                return Ok(Found { records, next: (!span.is_empty()).then_some(edge) });
            }
        }
        Ok(Found { records, next: None })
    }

    /// The positions that the filter's times allow. Times rise with positions, so they bound them.
    async fn span(&self, filter: &Filter, moment: Moment) -> Result<Span, ReadError> {
        let (from, before) = filter.recorded;
        let tick = SignedDuration::from_micros(1);
        let mut span = Span { after: Position::START, until: moment.position };
        if let Some(from) = from.and_then(|time| time.checked_sub(tick).ok()) {
            span.after = self.moment(KnownAt::Time(from)).await?.position;
        }
        if let Some(before) = before.and_then(|time| time.checked_sub(tick).ok()) {
            let last = self.moment(KnownAt::Time(before)).await?.position;
            span.until = span.until.min(last);
        }
        Ok(span)
    }

    /// The next positions to look at, and where the search goes on if it has not come to the end.
    async fn candidates(
        &self,
        terms: &[Term],
        span: Span,
        order: Order,
        limit: usize,
    ) -> Result<(Vec<Position>, Option<Position>), ReadError> {
        let towards = match order {
            Order::NewestFirst => Direction::Backwards,
            Order::OldestFirst => Direction::Forwards,
        };
        let range = Range { after: span.after, before: span.until.next() };
        let search = Search { terms, range, towards, limit, steps_max: WORK_MAX };
        let page = self.shared.views().await?.search(&search)?;
        Ok((page.positions, page.next))
    }
}

impl Filter {
    /// Whether no record can meet it: it asks for a person whom nobody knows.
    fn is_contradictory(&self) -> bool {
        let nobody = |persons: &Option<Vec<_>>| persons.as_ref().is_some_and(Vec::is_empty);
        nobody(&self.recorded_by) || nobody(&self.decided_by)
    }
}

/// What the views are asked for: every field of the filter that is a single term.
fn terms(filter: &Filter) -> Vec<Term> {
    let one = |persons: &Option<Vec<_>>| match persons.as_deref() {
        Some([person]) => Some(*person),
        Some(_) | None => None,
    };
    let day = match filter.effective {
        (Some(from), Some(to)) if from == to => Some(from),
        (_, _) => None,
    };
    // The narrower term says all that the wider ones would.
    let both = filter.assessment.clone().zip(filter.area.clone());
    let narrow = both.is_some();
    let terms = [
        both.map(|(assessment, area)| Term::Judgement(assessment, area)),
        filter.assessment.clone().filter(|_| !narrow).map(Term::Assessment),
        filter.area.clone().filter(|_| !narrow).map(Term::Area),
        filter.subject.clone().map(Term::Subject),
        filter.concept.clone().map(Term::Concept),
        one(&filter.recorded_by).map(Term::RecordedBy),
        one(&filter.decided_by).map(Term::DecidedBy),
        filter.organisation.clone().map(Term::Organisation),
        filter.reason.clone().map(Term::Reason),
        filter.basis.map(Term::Basis),
        filter.change.map(Term::Change),
        filter.event.map(Term::Event),
        day.map(Term::EffectiveOn),
    ];
    terms.into_iter().flatten().collect()
}

/// Whether a record meets every field of the filter. Left to the views is what the record does not
/// say: its concept, which stands in the framework, and the area that an entry spoke of before.
fn meets(filter: &Filter, keep: &Keep) -> bool {
    let record = &keep.record;
    let fact = record.fact(keep.hash);
    let assessment = match &record.stream {
        StreamId::Assessment(id) => Some(id),
        StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
    };
    let subject = match &record.stream {
        StreamId::Assessment(id) => Some(id.subject()),
        StreamId::Subject(id) => Some(id),
        StreamId::Framework(_) | StreamId::Ledger => None,
    };
    let mut deciders = fact.deciders();
    deciders.extend(put_right(&record.event).map(Decider::persons).unwrap_or_default());
    let decided_for = record.act.decided_by.as_ref().map(|decider| &decider.organisation);
    let organisations = [
        Some(&record.recorded_by.organisation),
        decided_for,
        signed_for(&record.event),
        put_right(&record.event).map(|it| &it.organisation),
    ];
    let effective_on = fact.effective_on();
    let (from, to) = filter.effective;

    same(filter.assessment.as_ref(), assessment)
        && same(filter.subject.as_ref(), subject)
        && filter.area.as_ref().is_none_or(|area| may_speak_of(&record.event, area))
        && filter.recorded_by.as_ref().is_none_or(|it| it.contains(&record.recorded_by.person))
        && filter.decided_by.as_ref().is_none_or(|it| it.iter().any(|id| deciders.contains(id)))
        && filter.organisation.as_ref().is_none_or(|it| organisations.contains(&Some(it)))
        && same(filter.reason.as_ref(), record.act.reason.as_ref())
        && same(filter.basis.as_ref(), record.act.basis.as_ref())
        && same(filter.change.as_ref(), change_of(&record.event).as_ref())
        && filter.event.is_none_or(|name| name == record.event.name())
        && from.is_none_or(|day| effective_on >= day)
        && to.is_none_or(|day| effective_on <= day)
}

fn same<T: PartialEq>(asked: Option<&T>, found: Option<&T>) -> bool {
    asked.is_none() || asked == found
}

/// How a grade changed.
fn change_of<T>(event: &Event<T>) -> Option<ChangeKind> {
    match event {
        Event::GradeSet(event) => Some(event.change),
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::EntryRecorded(_)
        | Event::EntryRevised(_)
        | Event::AssessmentLocked(_)
        | Event::SignedOff(_)
        | Event::AssessmentPublished(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::ChallengeReceived(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_)
        | Event::RecordCorrected(_)
        | Event::SubjectRenamed(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => None,
    }
}

/// Who decided instead of whom another record says, if this one puts that right.
fn put_right<T>(event: &Event<T>) -> Option<&Decider<T>> {
    let Event::RecordCorrected(event) = event else { return None };
    match &event.to {
        Correction::DecidedBy(decider) => Some(decider),
        Correction::DecidedOn(_)
        | Correction::EffectiveOn(_)
        | Correction::Reason(_)
        | Correction::Transcription(_) => None,
    }
}

/// Whose signature it is, or who will not sign.
fn signed_for<T>(event: &Event<T>) -> Option<&OrganisationId> {
    match event {
        Event::SignedOff(event) => Some(&event.organisation),
        Event::SignOffRefused(event) => Some(&event.organisation),
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::GradeSet(_)
        | Event::EntryRecorded(_)
        | Event::EntryRevised(_)
        | Event::AssessmentLocked(_)
        | Event::AssessmentPublished(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::ChallengeReceived(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_)
        | Event::RecordCorrected(_)
        | Event::SubjectRenamed(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => None,
    }
}

/// Whether an event may be filed under an area. What area a revised entry spoke of before stands
/// in another record: there the views are believed.
fn may_speak_of<T>(event: &Event<T>, area: &AreaId) -> bool {
    matches!(event, Event::EntryRevised(_)) || topics::said(event).contains(&area)
}
