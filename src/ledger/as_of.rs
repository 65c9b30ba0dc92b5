//! An assessment as it stood: at a moment of the ledger, on a day, by what sources state.
//!
//! Each of these is a fold over some of the assessment's records. (Spec §4.5, §5)
//! - *known at K*: the records up to position K;
//! - *effective on E*: of those, a grade that holds from a later day than E, as corrected by K, does
//!   not count;
//! - *stated by S*: the records that their sources date up to S, of which the latest dated stands;
//! - *an edition*: the records up to the one that published it.

use std::{collections::HashMap, sync::Arc};

use jiff::civil::Date;

use super::{
    AsOf, AssessmentRead, Holds, Keep, KnownAt, Ledger, Moment, ReadError, View, fold, moment,
};
use crate::judgement::{Assessment, AssessmentId, Correction, Event, Position, StreamId};

impl Ledger {
    /// An assessment as of a moment, a day or an edition; `None` if it was not opened by then, or
    /// has no such edition.
    ///
    /// # Errors
    /// [`ReadError`] if the views or the journal cannot be read.
    pub async fn assessment(
        &self,
        id: &AssessmentId,
        as_of: AsOf,
    ) -> Result<Option<AssessmentRead>, ReadError> {
        let now = as_of.known == KnownAt::Now;
        let moment = self.moment(as_of.known).await?;
        // What reads the journal is apart, so that the future of most reads is small.
        let known =
            if now { self.current(id).await? } else { Box::pin(self.known(id, moment)).await? };
        let Some(known) = known else { return Ok(None) };
        // The views may already hold a group that is durable and about to be published.
        let moment = if known.last.at > moment.position {
            self.reached(known.last.at).await?;
            Box::pin(self.at(known.last.at)).await?
        } else {
            moment
        };
        let until = match as_of.view {
            View::Working => None,
            View::Published if known.published.last() != known.in_force() => {
                return self.read(Arc::clone(&known), known, moment).map(|it| Some(it.withdrawn()));
            }
            View::Published => Some(known.in_force()),
            View::Edition(number) => {
                Some(known.published.iter().find(|edition| edition.number == number))
            }
        };
        let until = match until {
            None => moment.position,
            Some(None) => return Ok(None),
            Some(Some(edition)) => edition.item.at,
        };
        let whole = as_of.effective.is_none() && as_of.stated.is_none();
        if whole && known.last.at <= until {
            return self.read(Arc::clone(&known), known, moment).map(Some);
        }
        let records = Box::pin(self.stream(&StreamId::Assessment(id.clone()), until)).await?;
        let records = pick(records, as_of.effective, as_of.stated);
        match fold::fold(id, records.iter()) {
            Some(assessment) => self.read(Arc::new(assessment), known, moment).map(Some),
            None => Ok(None),
        }
    }

    fn read(
        &self,
        assessment: Arc<Assessment>,
        known: Arc<Assessment>,
        moment: Moment,
    ) -> Result<AssessmentRead, ReadError> {
        let framework = self.framework(&assessment.framework).ok_or(ReadError::Rebuilding)?;
        Ok(AssessmentRead { assessment, known, holds: Holds::AsAsked, framework, moment })
    }

    /// An assessment as of its last record.
    async fn current(&self, id: &AssessmentId) -> Result<Option<Arc<Assessment>>, ReadError> {
        Ok(self.shared.views().await?.assessment(id)?)
    }

    async fn known(
        &self,
        id: &AssessmentId,
        moment: Moment,
    ) -> Result<Option<Arc<Assessment>>, ReadError> {
        let current = self.current(id).await?;
        if let Some(current) = current.filter(|it| it.last.at <= moment.position) {
            return Ok(Some(current));
        }
        let records = self.stream(&StreamId::Assessment(id.clone()), moment.position).await?;
        Ok(fold::fold(id, records.iter()).map(Arc::new))
    }

    /// The moment of a record.
    pub(super) async fn at(&self, position: Position) -> Result<Moment, ReadError> {
        moment::of(&*self.shared.journal, position).await
    }
}

/// The records that count, in the order in which they count.
fn pick(records: Vec<Keep>, effective: Option<Date>, stated: Option<Date>) -> Vec<Keep> {
    let dates = Dates::of(&records);
    let holds = |keep: &Keep| match (&keep.record.event, effective) {
        (Event::GradeSet(_), Some(day)) => dates.effective_on(keep) <= day,
        (_, _) => true,
    };
    let mut picked: Vec<Keep> = records.into_iter().filter(holds).collect();
    if let Some(day) = stated {
        // What a record should have said of its day counts, whenever that was noticed.
        let corrects = |keep: &Keep| matches!(keep.record.event, Event::RecordCorrected(_));
        let opens = |keep: &Keep| place(keep, &dates) == Place::Opens;
        picked.retain(|it| opens(it) || corrects(it) || dates.stated_on(it) <= day);
        picked.sort_by_key(|keep| (place(keep, &dates), keep.record.position));
    }
    picked
}

/// The days of records, as corrected by the last of the records at hand. (Spec §4.5)
struct Dates {
    effective: HashMap<Position, Date>,
    decided: HashMap<Position, Date>,
}

impl Dates {
    fn of(records: &[Keep]) -> Self {
        let (mut effective, mut decided) = (HashMap::new(), HashMap::new());
        for keep in records {
            let Event::RecordCorrected(event) = &keep.record.event else { continue };
            match &event.to {
                Correction::EffectiveOn(day) => drop(effective.insert(event.record, *day)),
                Correction::DecidedOn(day) => drop(decided.insert(event.record, *day)),
                Correction::DecidedBy(_) | Correction::Reason(_) | Correction::Transcription(_) => {
                }
            }
        }
        Self { effective, decided }
    }

    fn effective_on(&self, keep: &Keep) -> Date {
        let corrected = self.effective.get(&keep.record.position).copied();
        corrected.unwrap_or_else(|| keep.record.fact(keep.hash).effective_on())
    }

    fn stated_on(&self, keep: &Keep) -> Date {
        let corrected = self.decided.get(&keep.record.position).copied();
        corrected.or(keep.record.act.decided_on).unwrap_or(keep.record.recorded_on)
    }
}

/// Where a record counts among those that sources date.
///
/// A source dates each grade, wording and addressee by itself, and the one with the latest day
/// stands. The steps of an edition have one order only, in which they were recorded: a letter is
/// often signed "on" a day before the one on which it is said to have been agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// An assessment is there before anything in it, whenever it was opened.
    Opens,
    /// An entry is there before it is revised.
    Writes,
    /// The state of one item, from this day on.
    Dated(Date),
    /// A step of an edition.
    Step,
}

fn place(keep: &Keep, dates: &Dates) -> Place {
    match &keep.record.event {
        Event::AssessmentOpened(_) => Place::Opens,
        Event::EntryRecorded(_) => Place::Writes,
        Event::GradeSet(_) | Event::EntryRevised(_) | Event::AddresseeSet(_) => {
            Place::Dated(dates.stated_on(keep))
        }
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
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
        | Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_)
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => Place::Step,
    }
}
