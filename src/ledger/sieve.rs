//! Whether one record meets a condition.
//!
//! What the record says is believed, and not the index. Left to the views is what it does not say:
//! the framework of its assessment, the concept of its area, the area that an entry spoke of
//! before, and what its assessment had passed.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Condition, Keep, Ledger, Moment, ReadError, Test, fold, told};
use crate::{
    judgement::{AssessmentId, Bearing, Position, StreamId},
    record::Record,
    views::{Direction, Postings, Range, Term, Views, ViewsError},
};

/// A condition at work on records that come in one direction.
pub(super) struct Sieve<'v> {
    condition: &'v Condition,
    views: &'v Views,
    /// Of each test that the record itself does not answer, the positions.
    filed: HashMap<Term, Filed<'v>>,
    /// The edition looked up last, of each assessment.
    publications: HashMap<AssessmentId, Edition>,
    asks_for_publication: bool,
    moment: Moment,
}

/// The positions that carry a term, read along with the records.
struct Filed<'v> {
    postings: Postings<'v>,
    towards: Direction,
    /// The nearest one from the last record on.
    nearest: Nearest,
}

/// What is known of the next position that carries a term.
#[derive(Clone, Copy)]
enum Nearest {
    /// No record was looked at.
    Unsought,
    At(Position),
    Ended,
}

/// The records of an assessment that went into one edition.
#[derive(Clone, Copy)]
struct Edition {
    /// They follow the publication before it.
    after: Position,
    /// Its own publication, if it is known.
    published: Option<(Position, Timestamp)>,
}

impl Edition {
    fn takes_in(&self, at: Position) -> bool {
        self.after < at && self.published.is_none_or(|(published, _)| at < published)
    }
}

/// A record with what it does not say.
struct Candidate<'a> {
    record: &'a Record,
    /// Hours until the edition that it went into was published.
    hours_to_publication: Option<i64>,
}

impl<'v> Sieve<'v> {
    /// Looks at records in this direction, as known at `moment`.
    pub(super) fn new(
        condition: &'v Condition,
        views: &'v Views,
        towards: Direction,
        moment: Moment,
    ) -> Self {
        let mut filed = HashMap::new();
        file(condition, &mut |term| {
            let postings = views.postings(&term, Range::ALL, towards);
            filed.entry(term).or_insert(Filed { postings, towards, nearest: Nearest::Unsought });
        });
        Self {
            condition,
            views,
            filed,
            publications: HashMap::new(),
            asks_for_publication: condition.asks_for_publication(),
            moment,
        }
    }

    /// Whether the record meets the condition.
    ///
    /// # Errors
    /// [`ReadError`] if the views or the journal cannot be read.
    pub(super) async fn meets(&mut self, ledger: &Ledger, keep: &Keep) -> Result<bool, ReadError> {
        let hours_to_publication = if self.asks_for_publication {
            Box::pin(self.hours_to_publication(ledger, &keep.record)).await?
        } else {
            None
        };
        let candidate = Candidate { record: &keep.record, hours_to_publication };
        let condition = self.condition;
        Ok(self.tells(condition, &candidate)?)
    }

    fn tells(
        &mut self,
        condition: &Condition,
        candidate: &Candidate<'_>,
    ) -> Result<bool, ViewsError> {
        match condition {
            Condition::All(conditions) => {
                for each in conditions {
                    if !self.tells(each, candidate)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Any(conditions) => {
                for each in conditions {
                    if self.tells(each, candidate)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!self.tells(condition, candidate)?),
            Condition::Test(Test::HoursToPublication(within)) => {
                Ok(candidate.hours_to_publication.is_some_and(|hours| within.contains(hours)))
            }
            Condition::Test(test) => match told::by(candidate.record, test) {
                Some(told) => Ok(told),
                None => self.is_filed(test, candidate.record.position),
            },
        }
    }

    fn is_filed(&mut self, test: &Test, at: Position) -> Result<bool, ViewsError> {
        let Some(filed) = test.filed_under().and_then(|term| self.filed.get_mut(&term)) else {
            return Ok(false);
        };
        filed.carries(at)
    }

    /// The whole hours from a change to the publication of the edition that it went into, if that
    /// is known at the moment: the first publication after it.
    async fn hours_to_publication(
        &mut self,
        ledger: &Ledger,
        record: &Record,
    ) -> Result<Option<i64>, ReadError> {
        let StreamId::Assessment(id) = &record.stream else { return Ok(None) };
        if record.event.bearing() != Bearing::Changes {
            return Ok(None);
        }
        let known = self.publications.get(id).filter(|it| it.takes_in(record.position));
        let edition = match known {
            Some(edition) => *edition,
            None => self.edition_of(ledger, id, record.position).await?,
        };
        self.publications.insert(id.clone(), edition);
        let until = edition.published.map(|(_, time)| time.duration_since(record.recorded_at));
        Ok(until.map(|until| until.as_hours()))
    }

    async fn edition_of(
        &self,
        ledger: &Ledger,
        id: &AssessmentId,
        at: Position,
    ) -> Result<Edition, ReadError> {
        let term = Term::Publication(id.clone());
        let (before, behind) = (
            Range { after: Position::START, before: at },
            Range { after: at, before: self.moment.position.next() },
        );
        let nearest = |range, towards| self.views.postings(&term, range, towards).next();
        let after = nearest(before, Direction::Backwards).transpose()?.unwrap_or(Position::START);
        let published = nearest(behind, Direction::Forwards).transpose()?;
        let published = match published {
            Some(found) => {
                let record = fold::keep(&*ledger.shared.journal, found).await?.record;
                Some((found, record.recorded_at))
            }
            None => None,
        };
        Ok(Edition { after, published })
    }
}

impl Filed<'_> {
    /// Whether this position carries the term. It lies no nearer to where the records began than
    /// the one asked for before.
    fn carries(&mut self, at: Position) -> Result<bool, ViewsError> {
        let behind = match (self.nearest, self.towards) {
            (Nearest::Unsought, _) => true,
            (Nearest::Ended, _) => false,
            (Nearest::At(nearest), Direction::Forwards) => nearest < at,
            (Nearest::At(nearest), Direction::Backwards) => nearest > at,
        };
        if behind {
            self.nearest = self.postings.seek(at)?.map_or(Nearest::Ended, Nearest::At);
        }
        Ok(match self.nearest {
            Nearest::At(nearest) => nearest == at,
            Nearest::Unsought | Nearest::Ended => false,
        })
    }
}

/// Tells every term that a condition needs the views for.
fn file(condition: &Condition, found: &mut impl FnMut(Term)) {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            for each in conditions {
                file(each, found);
            }
        }
        Condition::Not(condition) => file(condition, found),
        Condition::Test(test) => test.filed_under().into_iter().for_each(found),
    }
}
