//! Records that meet a filter.
//!
//! The views say where to look; the record itself says whether it is meant. So an index can make
//! an answer slow, never wrong.

use jiff::SignedDuration;

use super::{Condition, Found, KnownAt, Ledger, Moment, Order, ReadError, fold, sieve::Sieve};
use crate::{
    judgement::Position,
    views::{Direction, Range, Search, Term, Views},
};

/// How many steps of a search one page may make: some milliseconds of work.
const STEPS_MAX: usize = 10_000;

/// How many records one page may read, in vain or not: some ten milliseconds of work, and twice as
/// many as the largest page has.
const READS_MAX: usize = 2_000;

/// How many positions are sought at once at least: those that are needed no more cost little, and
/// every search begins by reading a block for each of its terms.
const SOUGHT_MIN: usize = 256;

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
    /// Records that meet `condition`, known at `moment`, beyond `from`, at most `limit`. The work is
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
        condition: &Condition,
        order: Order,
        moment: Moment,
        from: Option<Position>,
        limit: usize,
    ) -> Result<Found, ReadError> {
        let mut span = self.span(condition, moment).await?;
        if let Some(from) = from {
            span = span.beyond(order, from);
        }
        let views = self.shared.views().await?;
        let clauses = condition.clauses();
        let mut sieve = Sieve::new(condition, &views, order.towards(), moment);
        let mut records = Vec::new();
        let (mut work, mut bytes) = (0_usize, 0_usize);
        while !span.is_empty() {
            let sought = limit.max(SOUGHT_MIN);
            let (positions, next) = candidates(&views, &clauses, span, order, sought)?;
            let looked_enough = positions.len() < sought;
            for position in positions {
                span = span.beyond(order, position);
                work = work.saturating_add(1);
                let keep = fold::keep(&*self.shared.journal, position).await?;
                if sieve.meets(self, &keep).await? {
                    bytes = bytes.saturating_add(keep.entry.record.len());
                    bytes = bytes.saturating_add(keep.entry.sealed.len());
                    records.push(self.read_keep(keep));
                }
                if records.len() >= limit || bytes >= FOUND_BYTES_MAX || work >= READS_MAX {
                    let more = !span.is_empty();
                    return Ok(Found { records, next: more.then_some(position) });
                }
            }
            let Some(edge) = next else { break };
            span = span.beyond(order, edge);
            if looked_enough {
                // All the postings that one page may examine were examined.
                return Ok(Found { records, next: (!span.is_empty()).then_some(edge) });
            }
        }
        Ok(Found { records, next: None })
    }

    /// The positions that the condition's times allow. Times rise with positions, so they bound
    /// them.
    async fn span(&self, condition: &Condition, moment: Moment) -> Result<Span, ReadError> {
        let recorded = condition.recorded();
        let tick = SignedDuration::from_nanos(1);
        let mut span = Span { after: Position::START, until: moment.position };
        if let Some(from) = recorded.from.and_then(|time| time.checked_sub(tick).ok()) {
            span.after = self.moment(KnownAt::Time(from)).await?.position;
        }
        if let Some(to) = recorded.to {
            let last = self.moment(KnownAt::Time(to)).await?.position;
            span.until = span.until.min(last);
        }
        Ok(span)
    }
}

impl Order {
    const fn towards(self) -> Direction {
        match self {
            Self::NewestFirst => Direction::Backwards,
            Self::OldestFirst => Direction::Forwards,
        }
    }
}

/// The next positions to look at, and where the search goes on if it has not come to the end.
fn candidates(
    views: &Views,
    clauses: &[Vec<Term>],
    span: Span,
    order: Order,
    limit: usize,
) -> Result<(Vec<Position>, Option<Position>), ReadError> {
    let range = Range { after: span.after, before: span.until.next() };
    let towards = order.towards();
    let page = views.search(&Search { clauses, range, towards, limit, steps_max: STEPS_MAX })?;
    Ok((page.positions, page.next))
}
