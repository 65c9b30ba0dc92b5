//! Searching for records that carry several terms at once.

use crate::judgement::Position;

use super::{Direction, Postings, Range, Term, ViewsError, indexer::Shared, postings::beyond};

/// What to look for, and how much may be done for one page.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// A record must carry all of them; none: every record is found.
    pub terms: &'a [Term],
    /// Where to look.
    pub range: Range,
    /// Oldest or newest first.
    pub towards: Direction,
    /// At most so many positions are answered; 0 is taken for 1.
    pub limit: usize,
    /// At most about so many steps are made; a step finds the next position of one term, and reads
    /// at most two blocks for it. Each page makes at least one step for each term, so that pages
    /// come to an end.
    pub steps_max: usize,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The positions, in the direction of the search. May be few or none, though more follow.
    pub positions: Vec<Position>,
    /// Where the next page goes on: the range's `after`, or backwards its `before`. None: the end.
    pub next: Option<Position>,
}

/// Looks for the next record that carries all terms by leaps: whichever term is furthest ahead
/// says where the others look next. So the rarest term sets the pace.
pub(super) fn search(shared: &Shared, search: &Search<'_>) -> Result<Page, ViewsError> {
    let Search { terms, range, towards, limit, steps_max } = search;
    let range = Range { before: range.before.min(shared.memory().head().next()), ..*range };
    let cursor = |term| Postings::new(shared, term, range, *towards);
    let mut cursors: Vec<Postings<'_>> = terms.iter().map(cursor).collect();
    let mut positions = Vec::new();
    let mut steps = 0_usize;
    let mut candidate = range.start(*towards);
    while let Some(from) = candidate {
        if positions.len() >= (*limit).max(1) || (steps > 0 && steps >= *steps_max) {
            // Everything before `from` was seen, and `from` not: the ranges exclude their ends.
            let next = beyond(from, towards.opposite());
            return Ok(Page { positions, next });
        }
        steps = steps.saturating_add(cursors.len().max(1));
        let Some(furthest) = leap(&mut cursors, from)? else { break };
        candidate = if furthest == from {
            positions.push(from);
            beyond(from, *towards).filter(|next| range.contains(*next))
        } else {
            Some(furthest)
        };
    }
    Ok(Page { positions, next: None })
}

/// The position that is reached when each term in turn is sought from where the one before it
/// was found; `from` if all carry it. Nothing if some term has no more.
fn leap(cursors: &mut [Postings<'_>], from: Position) -> Result<Option<Position>, ViewsError> {
    let mut reached = from;
    for cursor in cursors {
        match cursor.seek(reached)? {
            Some(found) => reached = found,
            None => return Ok(None),
        }
    }
    Ok(Some(reached))
}
