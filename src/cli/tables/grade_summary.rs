//! How often which level stands, and how grades moved, as two tables.

use super::{NAME_WIDTH, at_least, keep, lines, listing};
use crate::{
    pb,
    wording::{award, label},
};

/// The sums.
pub(in crate::cli) fn grade_summary(width: u16, sum: &pb::SummarizeGradesResponse) -> Vec<String> {
    let mut grades =
        listing(width, ["Cycle", "Area for judgement", "Grade", "Awarded in", "Count"]);
    for count in &sum.grades {
        let awarded_in = if count.worded { "words" } else { "levels" };
        grades.add_row([
            count.cycle.clone(),
            label(&count.area_label),
            award(count.award.as_ref()),
            awarded_in.to_owned(),
            count.count.to_string(),
        ]);
    }
    keep(&mut grades, [0, 3, 4]);
    at_least(&mut grades, 1, NAME_WIDTH);
    let mut shown = vec![format!("Assessments counted: {}", sum.assessments)];
    if !sum.grades.is_empty() {
        shown.extend(lines(&grades));
    }
    if sum.movements.is_empty() {
        return shown;
    }
    let mut moved = listing(width, ["Cycle", "Area for judgement", "Moved", "Comparison", "Count"]);
    for count in &sum.movements {
        let comparison = count.comparison().as_str_name().trim_start_matches("COMPARISON_");
        moved.add_row([
            count.cycle.clone(),
            label(&count.area_label),
            format!("{} → {}", award(count.before.as_ref()), award(count.after.as_ref())),
            comparison.replace('_', " "),
            count.count.to_string(),
        ]);
    }
    keep(&mut moved, [0, 3, 4]);
    at_least(&mut moved, 1, NAME_WIDTH);
    shown.extend([String::new(), "Since the assessments before".to_owned()]);
    shown.extend(lines(&moved));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_levels() {
        let grade = |word: &str, level: &str, worded| pb::GradeCount {
            cycle: "2006".to_owned(),
            area_label: "Staying safe".to_owned(),
            award: Some(pb::Award {
                word: word.to_owned(),
                level: level.to_owned(),
                ..pb::Award::default()
            }),
            worded,
            count: 3,
            ..pb::GradeCount::default()
        };
        let sum = pb::SummarizeGradesResponse {
            assessments: 4,
            grades: vec![grade("good", "good", true), grade("", "3", false)],
            movements: vec![pb::MovementCount {
                comparison: pb::Comparison::NotComparable.into(),
                ..pb::MovementCount::default()
            }],
            ..pb::SummarizeGradesResponse::default()
        };
        let shown = grade_summary(100, &sum);
        assert_eq!(shown[0], "Assessments counted: 4");
        assert!(shown[3].contains("good") && shown[3].contains("words"), "{shown:?}");
        assert!(shown[4].contains('3') && shown[4].contains("levels"), "{shown:?}");
        assert!(shown.join("\n").contains("NOT COMPARABLE"), "{shown:?}");
    }
}
