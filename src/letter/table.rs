//! The table of grades, and the key to it.

use super::{GradeRow, Grades, Heading, Judged, Key, Source, Words, compose::runs};
use crate::judgement::{Area, DescriptorSet, LevelCode, NonGrade, Scale, ScaleId, Standing};

/// The table, still without its footnotes; `None` if no grade is in sight.
pub(super) fn grades(source: &Source<'_>) -> Option<Grades> {
    let table = &source.layout.table;
    let areas: Vec<&Area> = if table.areas.is_empty() {
        source.framework.areas.iter().collect()
    } else {
        table.areas.iter().filter_map(|id| source.framework.area(id)).collect()
    };
    let judgement = |area: &&Area| source.judgements.get(&area.id).cloned();
    let graded: Vec<(&Area, Judged)> =
        areas.into_iter().filter_map(|area| Some((area, judgement(&area)?))).collect();
    let row = |(area, judged): &(&Area, Judged)| GradeRow {
        label: runs(&area.label),
        grade: grade(judged),
    };
    let rows: Vec<_> = graded.iter().map(row).collect();
    if rows.is_empty() {
        return None;
    }
    Some(Grades {
        headings: [heading(source, &table.areas_heading), heading(source, &table.grades_heading)],
        rows,
        key: key(source, graded.iter().map(|(area, _)| *area)),
        footnotes: Vec::new(),
    })
}

fn heading(source: &Source<'_>, said: &str) -> Heading {
    let attached = source.layout.table.footnotes.iter().filter(|note| note.attached_to == said);
    let markers = attached.map(|note| note.marker.clone()).collect();
    Heading { said: said.to_owned(), markers }
}

/// The grade as it was awarded: a number stays a number, a word the word. (Spec §3.4)
fn grade(judged: &Judged) -> String {
    let grade = match &judged.standing {
        Standing::Level { word: Some(word), .. } => word.to_string(),
        Standing::Level { level, word: None, .. } => level.to_string(),
        Standing::NotGraded(NonGrade::NotJudged) => "Not judged".to_owned(),
        Standing::NotGraded(NonGrade::NotApplicable) => "Not applicable".to_owned(),
        Standing::NotGraded(NonGrade::SubjectToReview) => "Subject to review".to_owned(),
    };
    match judged.qualifier.as_ref().map(Words::print) {
        Some(qualifier) => format!("{grade} {qualifier}"),
        None => grade,
    }
}

/// What the levels are called in the descriptor sets of the areas in sight; `None` without any.
fn key<'a>(source: &Source<'_>, areas: impl Iterator<Item = &'a Area>) -> Option<Key> {
    let used: Vec<_> = areas.filter_map(|area| area.descriptor_set.as_ref()).collect();
    let sets = source.framework.descriptor_sets.iter().filter(|set| used.contains(&&set.id));
    let sets: Vec<&DescriptorSet> = sets.collect();
    if sets.is_empty() {
        return None;
    }
    let mut rows = Vec::new();
    for scale in &source.framework.scales {
        rows.extend(described(scale, &sets));
    }
    let mut headings = vec![heading(source, &source.layout.table.levels_heading)];
    headings.extend(sets.iter().map(|set| heading(source, &set.heading)));
    Some(Key { headings, rows })
}

/// The levels of a scale that a set describes, in the scale's order.
fn described(scale: &Scale, sets: &[&DescriptorSet]) -> Vec<(String, Vec<String>)> {
    let row = |level: &LevelCode| {
        let called: Vec<_> = sets.iter().map(|set| called(set, &scale.id, level)).collect();
        let is_called = called.iter().any(|it| !it.is_empty());
        is_called.then(|| (level.to_string(), called))
    };
    scale.levels.iter().filter_map(|level| row(&level.code)).collect()
}

fn called(set: &DescriptorSet, scale: &ScaleId, level: &LevelCode) -> String {
    let mut descriptors = set.descriptors.iter();
    let found = descriptors.find(|it| it.scale == *scale && it.level == *level);
    found.map_or_else(String::new, |it| it.text.clone())
}
