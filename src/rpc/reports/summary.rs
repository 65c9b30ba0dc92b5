//! How often which level stands, and how grades moved since the assessments before. (Spec §5,
//! `SummarizeGrades`)

use std::{cmp::Reverse, collections::BTreeMap};

use tonic::Status;

use super::{
    page::comparison,
    timeline::{age, of_subject},
};
use crate::{
    judgement::{
        Comparison, Cycle, Event, Framework, FrameworkId, Position, Standing, StreamId, compare,
    },
    ledger::{
        AsOf, AssessmentRead, Condition, Holds, KnownAt, Ledger, Moment, Order, ReadRecord, Test,
        View,
    },
    pb::{self, summarize_grades_request},
    rpc::{
        asked::Asked,
        page_token::Paging,
        reads::{self, known_at},
        show,
        sight::{Reach, Sight},
        status::{self, Reason},
    },
};

/// How many assessments one answer counts at most: each is read with those before it.
const ASSESSMENTS_MAX: usize = 200;

/// Counts a page of assessments.
///
/// # Errors
/// `BadRequest`, `NOT_PERMITTED`, `FRAMEWORK_NOT_FOUND`, or why the ledger cannot be read.
pub(super) async fn summarize(
    ledger: &Ledger,
    reach: &Reach,
    request: pb::SummarizeGradesRequest,
) -> Result<pb::SummarizeGradesResponse, Status> {
    if !request.published {
        reach.must_go_inside("working views")?;
    }
    let mut asked = Asked::default();
    let named = asked.required("framework", FrameworkId::parse(&request.framework));
    let cycle = asked.optional("cycle", &request.cycle, Cycle::parse);
    let (position, time) = match &request.known_at {
        None => (None, None),
        Some(summarize_grades_request::KnownAt::KnownAtPosition(at)) => (Some(*at), None),
        Some(summarize_grades_request::KnownAt::KnownAtTime(time)) => (None, Some(time)),
    };
    let known = known_at(&mut asked, position, time);
    let listed = pb::SummarizeGradesRequest {
        page_size: 0,
        page_token: String::new(),
        min_position: 0,
        ..request.clone()
    };
    let size = if request.page_size == 0 { i32::MAX } else { request.page_size };
    let token = request.page_token.as_str();
    let paging = Paging::take(&mut asked, "SummarizeGrades", &listed, size, token);
    let (id, paging) = asked.settle(named.zip(paging))?;

    reads::reached(ledger, request.min_position).await?;
    let moment = reads::moment(ledger, paging.known(known)).await?;
    let Some(registered) = ledger.framework(&id) else {
        let what = "is not registered";
        return Err(reads::unknown(Reason::FrameworkNotFound, "framework", &id, what));
    };
    let framework = registered.framework.as_ref();
    let sight = reach.on(framework);
    if !request.published {
        sight.must_be_all("working views under this framework, in an organisation that judges,")?;
    }
    let tests = [Test::Framework(id), Test::Event("AssessmentOpened")];
    let condition = Condition::All(tests.map(Condition::Test).to_vec());
    let _turn = ledger.turn().await;
    let view = if request.published { View::Published } else { View::Working };
    let mut count = Count { framework, reach, sight, view, moment, tally: Tally::default() };
    let next = Box::pin(count.page(ledger, &condition, cycle.as_ref(), &paging)).await?;
    let mut answer = count.answer();
    answer.read = Some(show::moment(moment));
    answer.next_page_token = paging.next(next, moment.position);
    Ok(answer)
}

/// A cycle, in the order of years.
type Year = (Option<i32>, String);

/// What is counted, by cycle and by the place of the area in its framework.
#[derive(Default)]
struct Tally {
    assessments: u32,
    grades: BTreeMap<(Year, usize, Rank, Standing), u32>,
    movements: BTreeMap<(Year, usize, Move), u32>,
}

/// Scales in the framework's order, and on each the best level first; what is no grade comes last.
type Rank = (usize, Reverse<i32>);

/// From what to what, and how that compares.
type Move = (Option<Standing>, Option<Standing>, Comparison);

/// Counts assessments under one framework.
struct Count<'a> {
    framework: &'a Framework,
    reach: &'a Reach,
    sight: Sight,
    view: View,
    moment: Moment,
    tally: Tally,
}

impl Count<'_> {
    /// Counts a page of assessments; answers where the next one goes on. Who does not see all is told
    /// of a next page only where that has something to be counted, or very much that is not to be seen
    /// lies in between.
    async fn page(
        &mut self,
        ledger: &Ledger,
        condition: &Condition,
        cycle: Option<&Cycle>,
        paging: &Paging,
    ) -> Result<Option<Position>, Status> {
        let limit = paging.limit.min(ASSESSMENTS_MAX);
        let all = self.sight == Sight::All;
        let (looks, sought) =
            if all { (1, limit) } else { (reads::LOOKS_MAX, limit.max(reads::LOOK)) };
        let (mut from, mut last, mut counted) = (paging.from(), None, 0_usize);
        for _ in 0..looks {
            let found = ledger.find(condition, Order::OldestFirst, self.moment, from, sought).await;
            let found = found.map_err(|error| status::of_read(&error))?;
            for opening in &found.records {
                let Some(read) = self.counts(ledger, opening, cycle).await? else { continue };
                if counted >= limit {
                    return Ok(last);
                }
                Box::pin(self.add(ledger, &read)).await?;
                (last, counted) = (Some(opening.record.position), counted.saturating_add(1));
            }
            from = found.next;
            if from.is_none() {
                break;
            }
        }
        Ok(from)
    }

    /// The assessment that a record opened, if it is one of the cycle and is to be counted.
    async fn counts(
        &self,
        ledger: &Ledger,
        opening: &ReadRecord,
        cycle: Option<&Cycle>,
    ) -> Result<Option<AssessmentRead>, Status> {
        let (StreamId::Assessment(of), Event::AssessmentOpened(event)) =
            (&opening.record.stream, &opening.event)
        else {
            return Ok(None);
        };
        if cycle.is_some_and(|cycle| *cycle != event.cycle) {
            return Ok(None);
        }
        let known = KnownAt::Position(self.moment.position);
        let as_of = AsOf { view: self.view, known, effective: None, stated: None };
        let read = reads::seen(ledger, of, as_of, self.reach).await?;
        // What was withdrawn counts no more.
        Ok(read.map(|(read, _)| read).filter(|read| read.holds == Holds::AsAsked))
    }

    async fn add(&mut self, ledger: &Ledger, read: &AssessmentRead) -> Result<(), Status> {
        self.tally.assessments = self.tally.assessments.saturating_add(1);
        let (year, cycle, _) = age(&read.assessment);
        let year = (year, cycle);
        let earlier = self.earlier(ledger, read).await?;
        let subject = read.assessment.id.subject();
        for (place, area) in self.framework.areas.iter().enumerate() {
            if !self.sight.takes_in(area, subject) {
                continue;
            }
            let stands = read.assessment.judgements.get(&area.id).map(|it| &it.standing);
            if let Some(standing) = stands {
                let rank = rank(self.framework, standing);
                let counted = (year.clone(), place, rank, standing.clone());
                add_one(self.tally.grades.entry(counted).or_default());
            }
            let Some((earlier, sight)) = &earlier else { continue };
            let before = earlier.framework.framework.as_ref();
            let stood = before.counterpart(area, self.framework);
            let Some(stood) = stood.filter(|it| sight.takes_in(it, subject)) else { continue };
            let stood = earlier.assessment.judgements.get(&stood.id).map(|it| &it.standing);
            if let Some(told) = compare((stood, before), (stands, self.framework)) {
                let moved = (stood.cloned(), stands.cloned(), told);
                add_one(self.tally.movements.entry((year.clone(), place, moved)).or_default());
            }
        }
        Ok(())
    }

    /// The subject's assessment before, under a comparable framework: the one of the nearest
    /// earlier cycle.
    async fn earlier(
        &self,
        ledger: &Ledger,
        read: &AssessmentRead,
    ) -> Result<Option<(AssessmentRead, Sight)>, Status> {
        let subject = read.assessment.id.subject();
        let view = Some(self.view);
        let reads = of_subject(ledger, self.reach, subject, view, self.moment).await?;
        let (year, cycle, _) = age(&read.assessment);
        let earlier = reads.into_iter().filter(|(other, _)| {
            let (other_year, other_cycle, _) = age(&other.assessment);
            (other_year, other_cycle) < (year, cycle.clone())
                && other.holds == Holds::AsAsked
                && other.framework.framework.is_comparable_with(self.framework)
        });
        Ok(earlier.max_by_key(|(other, _)| age(&other.assessment)))
    }

    fn answer(self) -> pb::SummarizeGradesResponse {
        let Self { framework, tally, .. } = self;
        let named = |place: usize| {
            let area = framework.areas.get(place);
            area.map(|area| (area.id.to_string(), area.label.clone())).unwrap_or_default()
        };
        let award = |standing: &Standing| show::award(standing, None);
        let grades = tally.grades.into_iter().map(|(((_, cycle), place, _, standing), count)| {
            let (area, area_label) = named(place);
            let worded = matches!(&standing, Standing::Level { word: Some(_), .. });
            let award = Some(award(&standing));
            pb::GradeCount { cycle, area, area_label, award, worded, count }
        });
        let movements = tally.movements.into_iter().map(|(((_, cycle), place, moved), count)| {
            let (area, area_label) = named(place);
            let (before, after, told) = moved;
            pb::MovementCount {
                cycle,
                area,
                area_label,
                before: before.as_ref().map(award),
                after: after.as_ref().map(award),
                comparison: comparison(told),
                count,
            }
        });
        pb::SummarizeGradesResponse {
            assessments: tally.assessments,
            grades: grades.collect(),
            movements: movements.collect(),
            read: None,
            next_page_token: String::new(),
        }
    }
}

fn rank(framework: &Framework, standing: &Standing) -> Rank {
    let Standing::Level { scale, level, .. } = standing else {
        return (usize::MAX, Reverse(0));
    };
    let place = framework.scales.iter().position(|it| it.id == *scale).unwrap_or(usize::MAX);
    let level = framework.scale(scale).and_then(|scale| scale.level(level));
    (place, Reverse(level.map_or(i32::MIN, |level| level.rank)))
}

fn add_one(count: &mut u32) {
    *count = count.saturating_add(1);
}
