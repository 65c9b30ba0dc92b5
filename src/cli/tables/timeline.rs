//! The changes of grades as a picture: who changed which grade, when, why, on whose decision.
//!
//! ```text
//! Enjoying and achieving
//!   good ──▼ LOWERED──► adequate
//! ```

use super::{at_least, lines, plain, spread};
use crate::{
    pb,
    wording::{
        award, change, label,
        rows::{changed, circumstances, sign},
        time,
    },
};

/// How far a timeline stands from the left.
const INDENT: u16 = 2;
/// As wide as the widest label, so that all blocks line up.
const LABEL_WIDTH: u16 = 13;

/// A timeline for each area, in the order in which the areas were first graded.
pub(in crate::cli) fn timelines(width: u16, rows: &[pb::AuditRow]) -> Vec<String> {
    let mut areas: Vec<(String, Vec<&pb::AuditRow>)> = Vec::new();
    for row in rows {
        let Some(grade) = &row.grade else { continue };
        match areas.iter_mut().find(|(area, _)| *area == grade.area) {
            Some((_, changes)) => changes.push(row),
            None => areas.push((grade.area.clone(), vec![row])),
        }
    }
    let timelines = areas.iter().map(|(_, changes)| timeline(width, changes));
    timelines.collect::<Vec<_>>().join(&[String::new()][..])
}

/// The timeline of one area: its label, the line of its grades, and a block a change.
fn timeline(width: u16, rows: &[&pb::AuditRow]) -> Vec<String> {
    let named = rows.first().and_then(|row| row.grade.as_ref());
    let named = named.map(|grade| label(&grade.area_label)).unwrap_or_default();
    let mut timeline = vec![named];
    let mut strip = plain(width.saturating_sub(INDENT));
    strip.add_row([self::strip(rows)]);
    timeline.extend(lines(&strip).iter().map(|line| format!(" {line}")));
    for row in rows {
        timeline.extend(block(width, row));
    }
    timeline
}

/// `good ──▼ LOWERED──► adequate ──▲ RAISED──► good`.
fn strip(rows: &[&pb::AuditRow]) -> String {
    let mut strip = String::new();
    for grade in rows.iter().filter_map(|row| row.grade.as_ref()) {
        if strip.is_empty() {
            let Some(before) = &grade.before else {
                strip = award(grade.after.as_ref());
                continue;
            };
            strip = award(Some(before));
        }
        let arrow = format!(" ──{} {}──► ", sign(grade.change()), change(grade.change()));
        strip.push_str(&arrow);
        strip.push_str(&award(grade.after.as_ref()));
    }
    strip
}

/// One change: what, where it is recorded, who decided, who recorded, why, since when.
fn block(width: u16, row: &pb::AuditRow) -> Vec<String> {
    let grade = row.grade.clone().unwrap_or_default();
    let title = format!("  {} {}", sign(grade.change()), changed(&grade));
    let place = format!("record {}, {} UTC", row.position, time(row.recorded_at.as_ref()));
    let mut table = plain(width.saturating_sub(INDENT));
    for (name, value) in circumstances(row) {
        table.add_row([name, &value]);
    }
    at_least(&mut table, 0, LABEL_WIDTH);
    let mut block = vec![spread(width, &title, &place)];
    block.extend(lines(&table).iter().map(|line| format!("   {line}")));
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn a_timeline_tells_who_changed_which_grade_when_why() {
        assert_eq!(
            timelines(100, &sample::moderated()).join("\n"),
            "Enjoying and achieving
  good ──▼ LOWERED──► adequate
  ● AWARDED good                                                  record 13, 2006-10-10 09:00:00 UTC
    decided by   a.inspector@ofsted (inspector, ofsted), who recorded it
    why          INITIAL
    holds from   2006-10-10
  ▼ LOWERED good → adequate                                       record 31, 2006-10-12 14:00:00 UTC
    decided by   APA moderation panel (moderator, ofsted): m.moderator@ofsted, n.moderator@csci; met
                 2006-10-12; minutes MP-7
    recorded by  m.moderator@ofsted (moderator, ofsted)
    why          MODERATION on same evidence: Standards stay below those of similar councils,
                 however steadily they have risen.
    evidence     ev-33 (record 21)
    holds from   2006-10-12, decided on 2006-10-12"
        );
    }

    #[test]
    fn every_kind_of_change_has_its_sign() {
        let mut rows = sample::moderated();
        let kinds = [
            (pb::ChangeKind::Raised, "good"),
            (pb::ChangeKind::Reaffirmed, "good"),
            (pb::ChangeKind::Vacated, ""),
        ];
        for (kind, word) in kinds {
            let mut row = rows[1].clone();
            let grade = row.grade.as_mut().unwrap();
            grade.change = kind.into();
            grade.after = Some(sample::worded(word));
            rows.push(row);
        }
        rows[4].grade.as_mut().unwrap().after = Some(pb::Award {
            not_graded: pb::NonGrade::SubjectToReview.into(),
            ..pb::Award::default()
        });
        let rows: Vec<_> = rows.iter().collect();
        assert_eq!(
            strip(&rows),
            "good ──▼ LOWERED──► adequate ──▲ RAISED──► good ──= REAFFIRMED──► good \
             ──○ VACATED──► subject to review"
        );
    }
}
