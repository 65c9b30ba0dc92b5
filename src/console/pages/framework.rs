//! How often which level stands under a framework, and how grades moved.

use std::{cmp::Reverse, collections::BTreeMap};

use askama::Template;
use axum::extract::Path;
use serde::Deserialize;

use super::{Frame, Read, Shown, framework, shown, too_long};
use crate::{
    console::{
        asked::Query,
        fault::Fault,
        moment::{self, Moment},
        visitor::Visitor,
    },
    judgement::FrameworkId,
    pb::{self, summarize_grades_request::KnownAt},
    wording::{award, label, rows::stream},
};

/// How many pages of sums are added up: of 200 assessments each.
const COUNTED_MAX: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    cycle: String,
    counted: String,
    known_at: String,
}

#[derive(Template)]
#[template(path = "framework.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    short: String,
    title: String,
    asked: Asked,
    cycles: Vec<String>,
    read: Read,
    assessments: u32,
    areas: Vec<Distribution>,
    movements: Vec<Matrix>,
}

/// How often each level stands for an area, as parts of a bar.
struct Distribution {
    cycle: String,
    area: String,
    levels: Vec<Level>,
}

struct Level {
    said: String,
    worded: bool,
    count: u32,
    /// Where its part of the bar begins and how long it is, of a hundred.
    from: u32,
    percent: u32,
    shade: usize,
}

/// How often an area's grade moved from which level to which.
struct Matrix {
    cycle: String,
    area: String,
    after: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
}

struct Cell {
    count: u32,
    class: &'static str,
}

/// Counts them.
pub(in crate::console) async fn page(
    visitor: Visitor,
    Path((family, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let name = FrameworkId::new(&family, &version);
    let name = name.map_err(|error| Fault::Asked(error.to_string()))?.to_string();
    let at = moment::Asked { known_at: asked.known_at.clone(), ..moment::Asked::default() };
    let moment = Moment::read(&at)?;
    let framework = framework(&visitor, &name).await?;
    let mut sums = counted(&visitor, &name, &asked, &moment).await?;
    // Levels that only a later page brought stand at its end.
    sums.grades.sort_by_key(|it| place(it, &framework));
    let mut cycles: Vec<_> = sums.grades.iter().map(|it| it.cycle.clone()).collect();
    cycles.sort();
    cycles.dedup();
    shown(&Page {
        frame: Frame::new(framework.title.clone(), Some(&visitor)),
        short: stream(&name),
        title: framework.title.clone(),
        cycles,
        read: Read::of(sums.read.as_ref()),
        assessments: sums.assessments,
        areas: distributions(&sums.grades, &framework),
        movements: matrices(&sums.movements),
        asked,
    })
}

/// All pages together.
async fn counted(
    visitor: &Visitor,
    name: &str,
    asked: &Asked,
    moment: &Moment,
) -> Result<pb::SummarizeGradesResponse, Fault> {
    let mut request = pb::SummarizeGradesRequest {
        framework: name.to_owned(),
        cycle: asked.cycle.clone(),
        published: asked.counted != "working",
        known_at: moment.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
        ..pb::SummarizeGradesRequest::default()
    };
    let mut sums = pb::SummarizeGradesResponse::default();
    for _ in 0..COUNTED_MAX {
        let page = visitor.reports().summarize_grades(request.clone()).await?.into_inner();
        sums.assessments = sums.assessments.saturating_add(page.assessments);
        sums.read = page.read;
        for count in page.grades {
            let same = |it: &&mut pb::GradeCount| {
                (&it.cycle, &it.area, &it.award) == (&count.cycle, &count.area, &count.award)
            };
            match sums.grades.iter_mut().find(same) {
                Some(sum) => sum.count = sum.count.saturating_add(count.count),
                None => sums.grades.push(count),
            }
        }
        for count in page.movements {
            let same = |it: &&mut pb::MovementCount| {
                (&it.cycle, &it.area, &it.before, &it.after)
                    == (&count.cycle, &count.area, &count.before, &count.after)
            };
            match sums.movements.iter_mut().find(same) {
                Some(sum) => sum.count = sum.count.saturating_add(count.count),
                None => sums.movements.push(count),
            }
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(sums);
        }
    }
    Err(too_long("judgement-ledger summary"))
}

/// Where a count stands: by cycle and area, best level first, what is no grade last.
fn place(count: &pb::GradeCount, framework: &pb::Framework) -> (String, usize, i64) {
    let area = framework.areas.iter().position(|it| it.id == count.area).unwrap_or(usize::MAX);
    let award = count.award.clone().unwrap_or_default();
    let scale = framework.scales.iter().find(|it| it.id == award.scale);
    let level = scale.and_then(|it| it.levels.iter().find(|it| it.code == award.level));
    let order = level.map_or(i64::MAX, |it| i64::from(it.rank).saturating_neg());
    (count.cycle.clone(), area, order)
}

/// Shades from the best level to the worst, and after them that of no grade.
const SHADES: usize = 6;

/// The shade of a level: by its rank among those of its scale, so that it is the same in every bar.
fn shade(count: &pb::GradeCount, framework: &pb::Framework) -> usize {
    let award = count.award.clone().unwrap_or_default();
    let Some(scale) = framework.scales.iter().find(|it| it.id == award.scale) else {
        return SHADES;
    };
    let mut ranks: Vec<_> = scale.levels.iter().map(|it| Reverse(it.rank)).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let rank = scale.levels.iter().find(|it| it.code == award.level).map(|it| Reverse(it.rank));
    let place = rank.and_then(|rank| ranks.iter().position(|it| *it == rank));
    let (last, worst) = (ranks.len().saturating_sub(1).max(1), SHADES.saturating_sub(1));
    place.map_or(SHADES, |it| it.saturating_mul(worst).checked_div(last).unwrap_or(0))
}

fn distributions(counts: &[pb::GradeCount], framework: &pb::Framework) -> Vec<Distribution> {
    let mut areas: Vec<(&str, &str, Vec<&pb::GradeCount>)> = Vec::new();
    for count in counts {
        match areas
            .iter_mut()
            .find(|(cycle, area, _)| (*cycle, *area) == (&*count.cycle, &*count.area))
        {
            Some((.., all)) => all.push(count),
            None => areas.push((&count.cycle, &count.area, vec![count])),
        }
    }
    let drawn = |(cycle, _, of): (&str, &str, Vec<&pb::GradeCount>)| {
        let all: u32 = of.iter().map(|it| it.count).sum();
        let percent = |count: u32| count.saturating_mul(100).checked_div(all).unwrap_or(0);
        let mut before = 0_u32;
        let levels = of.iter().map(|it| {
            let from = percent(before);
            before = before.saturating_add(it.count);
            Level {
                said: award(it.award.as_ref()),
                worded: it.worded,
                count: it.count,
                from,
                percent: percent(before).saturating_sub(from),
                shade: shade(it, framework),
            }
        });
        let levels = levels.collect();
        let area = of.first().map(|it| label(&it.area_label)).unwrap_or_default();
        Distribution { cycle: cycle.to_owned(), area, levels }
    };
    areas.into_iter().map(drawn).collect()
}

fn matrices(counts: &[pb::MovementCount]) -> Vec<Matrix> {
    let mut areas: BTreeMap<(&str, &str), Vec<&pb::MovementCount>> = BTreeMap::new();
    for count in counts {
        areas.entry((&count.cycle, &count.area)).or_default().push(count);
    }
    let matrix = |((cycle, _), of): ((&str, &str), Vec<&pb::MovementCount>)| {
        let (mut befores, mut afters) = (Vec::new(), Vec::new());
        for count in &of {
            for (list, said) in [(&mut befores, &count.before), (&mut afters, &count.after)] {
                let said = award(said.as_ref());
                if !list.contains(&said) {
                    list.push(said);
                }
            }
        }
        let cell = |before: &str, after: &str| {
            let same = |it: &&&pb::MovementCount| {
                award(it.before.as_ref()) == before && award(it.after.as_ref()) == after
            };
            let mut found = of.iter().filter(same);
            let first = found.next();
            let others: u32 = found.map(|it| it.count).sum();
            Cell {
                count: first.map_or(0, |it| it.count).saturating_add(others),
                class: first.map_or("", |it| class(it.comparison())),
            }
        };
        let row =
            |before: &String| (before.clone(), afters.iter().map(|it| cell(before, it)).collect());
        Matrix {
            cycle: cycle.to_owned(),
            area: of.first().map(|it| label(&it.area_label)).unwrap_or_default(),
            rows: befores.iter().map(row).collect(),
            after: afters,
        }
    };
    areas.into_iter().map(matrix).collect()
}

fn class(comparison: pb::Comparison) -> &'static str {
    match comparison {
        pb::Comparison::Raised => "raised",
        pb::Comparison::Lowered => "lowered",
        pb::Comparison::Unspecified
        | pb::Comparison::Same
        | pb::Comparison::New
        | pb::Comparison::Dropped
        | pb::Comparison::NotComparable => "",
    }
}
