//! Searching for records that carry several terms at once.

use crate::judgement::Position;

use super::{Direction, Postings, Range, Term, ViewsError, indexer::Shared, postings::beyond};

/// What to look for, and how much may be done for one page.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// A record must carry one term of each clause; no clause: every record is found; a clause
    /// without a term: none is.
    pub clauses: &'a [Vec<Term>],
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

/// Looks for the next record that carries a term of each clause by leaps: whichever clause is
/// furthest ahead says where the others look next. So the rarest clause sets the pace.
pub(super) fn search(shared: &Shared, search: &Search<'_>) -> Result<Page, ViewsError> {
    let Search { clauses, range, towards, limit, steps_max } = search;
    let range = Range { before: range.before.min(shared.memory().head().next()), ..*range };
    let merged = |clause: &Vec<Term>| Merged::new(shared, clause, range, *towards);
    let mut merged: Vec<Merged<'_>> = clauses.iter().map(merged).collect();
    let mut positions = Vec::new();
    let mut steps = 0_usize;
    let mut candidate = range.start(*towards);
    while let Some(from) = candidate {
        if positions.len() >= (*limit).max(1) || (steps > 0 && steps >= *steps_max) {
            // Everything before `from` was seen, and `from` not: the ranges exclude their ends.
            let next = beyond(from, towards.opposite());
            return Ok(Page { positions, next });
        }
        let furthest = leap(&mut merged, from)?;
        let sought: usize = merged.iter_mut().map(|it| std::mem::take(&mut it.sought)).sum();
        steps = steps.saturating_add(sought.max(1));
        let Some(furthest) = furthest else { break };
        candidate = if furthest == from {
            positions.push(from);
            beyond(from, *towards).filter(|next| range.contains(*next))
        } else {
            Some(furthest)
        };
    }
    Ok(Page { positions, next: None })
}

/// The position that is reached when each clause in turn is sought from where the one before it
/// was found; `from` if all carry it. Nothing if some clause has no more.
fn leap(clauses: &mut [Merged<'_>], from: Position) -> Result<Option<Position>, ViewsError> {
    let mut reached = from;
    for clause in clauses {
        match clause.seek(reached)? {
            Some(found) => reached = found,
            None => return Ok(None),
        }
    }
    Ok(Some(reached))
}

/// The positions that carry any of some terms, merged.
#[derive(Debug)]
struct Merged<'a> {
    terms: Vec<(Postings<'a>, Head)>,
    towards: Direction,
    /// How many positions were sought in the store or in memory.
    sought: usize,
}

/// The nearest position of a term that is not behind the search.
#[derive(Debug, Clone, Copy)]
enum Head {
    Unsought,
    At(Position),
    Ended,
}

impl<'a> Merged<'a> {
    fn new(shared: &'a Shared, clause: &[Term], range: Range, towards: Direction) -> Self {
        let cursor = |term| (Postings::new(shared, term, range, towards), Head::Unsought);
        Self { terms: clause.iter().map(cursor).collect(), towards, sought: 0 }
    }

    /// The nearest position from `from` on, itself included, that carries one of the terms. Only
    /// those are sought again that lie behind.
    fn seek(&mut self, from: Position) -> Result<Option<Position>, ViewsError> {
        let towards = self.towards;
        let mut nearest: Option<Position> = None;
        for (postings, head) in &mut self.terms {
            let behind = match (*head, towards) {
                (Head::Unsought, _) => true,
                (Head::At(at), Direction::Forwards) => at < from,
                (Head::At(at), Direction::Backwards) => at > from,
                (Head::Ended, _) => false,
            };
            if behind {
                self.sought = self.sought.saturating_add(1);
                *head = postings.seek(from)?.map_or(Head::Ended, Head::At);
            }
            let Head::At(at) = *head else { continue };
            nearest = Some(match (nearest, towards) {
                (None, _) => at,
                (Some(other), Direction::Forwards) => other.min(at),
                (Some(other), Direction::Backwards) => other.max(at),
            });
        }
        Ok(nearest)
    }
}
