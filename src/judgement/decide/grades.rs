//! Rules for grades. (Spec §4)

use std::cmp::Ordering;

use super::{Case, check_stated};
use crate::judgement::{
    Area, Award, ChangeKind, Event, Framework, Grade, GradeSet, Judgement, LevelCode, NamedBy,
    Refusal, Scale, ScaleId, SelfModeration, SetGrade, Standing, Text,
};

pub(super) fn set(case: &Case<'_>, order: &SetGrade<Text>) -> Result<Event<Text>, Refusal> {
    let area = case.area(&order.area, NamedBy::Grade)?;
    let before = case.assessment.judgements.get(&order.area).map(AsRef::as_ref);
    let last = case.assessment.last_of_area(&order.area);
    let ungradable = Refusal::AreaNotGradable { area: order.area.clone() };

    ungradable.when(area.scales.is_empty())?;
    let standing = find(case.framework, area, &order.grade)?;
    let change = change(case.framework, before.map(|it| &it.standing), &standing);
    let reworded = before.is_some_and(|it| is_level(&it.standing)) || change != ChangeKind::Awarded;
    let unexplained = case.act.rationale.is_none() || case.act.reason.is_none();
    let needs = "a reason and a rationale: a judgement stands already";

    case.check_act()?;
    Refusal::RationaleRequired { needs }.when(reworded && unexplained)?;
    check_stated(last, order.expected)?;
    case.check_open()?;
    case.check_expected(|| format!("area {}", order.area), last, order.expected)?;
    Refusal::SelfModeration { area: order.area.clone() }.when(moderates_self(case, before))?;

    let award = Award { standing, qualifier: order.qualifier.clone() };
    let before = before.map(|it| it.standing.clone());
    Ok(Event::GradeSet(GradeSet { area: order.area.clone(), award, change, before }))
}

/// Finds a stated grade on the scales of the area.
fn find(framework: &Framework, area: &Area, grade: &Grade) -> Result<Standing, Refusal> {
    let found = match grade {
        Grade::Level(Some(named), _) if !area.scales.contains(named) => {
            return Err(Refusal::ScaleNotOfArea {
                area: area.id.clone(),
                scale: named.clone(),
                scales: area.scales.clone(),
            });
        }
        Grade::Level(named, code) => framework
            .scales_of(area)
            .filter(|scale| named.as_ref().is_none_or(|named| scale.id == *named))
            .find_map(|scale| scale.level(code).map(|level| (scale, level, None))),
        Grade::Word(word) => framework.scales_of(area).find_map(|scale| {
            scale.level_worded(word).map(|level| (scale, level, Some(word.clone())))
        }),
        Grade::NotGraded(value) if framework.non_grades.contains(value) => {
            return Ok(Standing::NotGraded(*value));
        }
        Grade::NotGraded(_) => None,
    };
    match found {
        // §3.4: an award in words keeps the word as stated, and a code states none.
        Some((_, level, None)) if !level.words.is_empty() => Err(Refusal::LevelInWords {
            area: area.id.clone(),
            level: level.code.clone(),
            words: level.words.clone(),
        }),
        Some((scale, level, word)) => {
            Ok(Standing::Level { scale: scale.id.clone(), level: level.code.clone(), word })
        }
        None => Err(Refusal::LevelNotOnScale {
            area: area.id.clone(),
            given: grade.clone(),
            valid: valid(framework, area),
        }),
    }
}

/// All that an area takes, best first: codes where a level has no words, else its words.
fn valid(framework: &Framework, area: &Area) -> Vec<String> {
    let mut valid = Vec::new();
    for scale in framework.scales_of(area) {
        let mut levels: Vec<_> = scale.levels.iter().collect();
        levels.sort_by_key(|level| std::cmp::Reverse(level.rank));
        for level in levels {
            if level.words.is_empty() {
                valid.push(level.code.to_string());
            }
            valid.extend(level.words.iter().map(ToString::to_string));
        }
    }
    valid.extend(framework.non_grades.iter().map(|value| value.as_str().to_owned()));
    valid
}

fn is_level(standing: &Standing) -> bool {
    match standing {
        Standing::Level { .. } => true,
        Standing::NotGraded(_) => false,
    }
}

/// How a grade differs from the one before: by rank, never by number. (Spec §3.3)
///
/// The same level in another of its words is the same again. One value that is no grade after
/// another takes no level away: it is awarded, as the first was.
fn change(framework: &Framework, before: Option<&Standing>, now: &Standing) -> ChangeKind {
    match (before, now) {
        (Some(Standing::NotGraded(old)), Standing::NotGraded(new)) if old == new => {
            ChangeKind::Reaffirmed
        }
        (None | Some(Standing::NotGraded(_)), _) => ChangeKind::Awarded,
        (Some(Standing::Level { .. }), Standing::NotGraded(_)) => ChangeKind::Vacated,
        (
            Some(Standing::Level { scale: old_scale, level: old_level, .. }),
            Standing::Level { scale, level, .. },
        ) if (old_scale, old_level) == (scale, level) => ChangeKind::Reaffirmed, // §4.4
        (
            Some(Standing::Level { scale: old_scale, level: old_level, .. }),
            Standing::Level { scale, level, .. },
        ) => {
            let old = place(framework, old_scale, old_level);
            let new = place(framework, scale, level);
            match (old, new) {
                (Some((old, old_rank)), Some((new, rank))) if new.ranks_against(old) => {
                    by_rank(old_rank.cmp(&rank))
                }
                (_, _) => ChangeKind::Awarded,
            }
        }
    }
}

/// The scale of a level, and its rank there.
fn place<'a>(
    framework: &'a Framework,
    scale: &ScaleId,
    level: &LevelCode,
) -> Option<(&'a Scale, i32)> {
    let scale = framework.scale(scale)?;
    Some((scale, scale.level(level)?.rank))
}

fn by_rank(old_to_new: Ordering) -> ChangeKind {
    match old_to_new {
        Ordering::Less => ChangeKind::Raised,
        Ordering::Greater => ChangeKind::Lowered,
        Ordering::Equal => ChangeKind::Reaffirmed,
    }
}

/// Whether somebody who decided the grade that stands now decides to moderate it, where the
/// framework forbids that. History is told as it was.
fn moderates_self(case: &Case<'_>, before: Option<&Judgement>) -> bool {
    let moderation = super::moderates(case.framework, case.act);
    let forbidden = case.framework.self_moderation == SelfModeration::Forbidden;
    let deciding = match &case.act.decided_by {
        Some(decider) => decider.persons(),
        None => std::slice::from_ref(&case.caller.person),
    };
    let same = before.is_some_and(|it| it.deciders.iter().any(|last| deciding.contains(last)));
    moderation && forbidden && same && !case.act.origin.is_transcribed()
}
