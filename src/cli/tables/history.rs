//! The changes of grades as a table: a row each, oldest first.

use super::{NAME_WIDTH, at_least, keep, lines, listing};
use crate::{
    cli::wording::{self, award, change, corrections, decider_named, label, recorder, time, why},
    pb,
};

/// Who changed which grade, when and why.
pub(in crate::cli) fn history(width: u16, rows: &[pb::AuditRow]) -> Vec<String> {
    let header = ["Record", "Recorded (UTC)", "Change", "By", "Why"];
    let mut table = listing(width, header);
    for row in rows {
        table.add_row(cells(row));
    }
    keep(&mut table, [0, 1]);
    at_least(&mut table, 2, NAME_WIDTH);
    lines(&table)
}

fn cells(row: &pb::AuditRow) -> [String; 5] {
    let grade = row.grade.clone().unwrap_or_default();
    [
        row.position.to_string(),
        time(row.recorded_at.as_ref()),
        format!("{}\n{}{}", label(&grade.area_label), changed(&grade), mark(row)),
        by(row),
        reasons(row),
    ]
}

/// Why, and what was put right since.
pub(super) fn reasons(row: &pb::AuditRow) -> String {
    let corrected = corrections(row).into_iter().map(|it| format!("corrected {it}"));
    why(row).into_iter().chain(corrected).collect::<Vec<_>>().join("\n")
}

/// What marks a row of history entered later.
pub(super) fn mark(row: &pb::AuditRow) -> &'static str {
    wording::mark(row.transcribed_from.is_some())
}

/// Who decided, if known, and who recorded it, if another.
pub(super) fn by(row: &pb::AuditRow) -> String {
    let recorder = recorder(row);
    match decider_named(row.decided_by.as_ref()) {
        Some(decider) if decider != recorder => format!("{decider}\nrecorded by {recorder}"),
        Some(_) => recorder,
        None => format!("recorded by {recorder}"),
    }
}

/// `LOWERED good → adequate`; without an arrow where nothing stood before.
pub(super) fn changed(grade: &pb::GradeChange) -> String {
    let after = award(grade.after.as_ref());
    match &grade.before {
        Some(before) => format!("{} {} → {after}", change(grade.change()), award(Some(before))),
        None => format!("{} {after}", change(grade.change())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn who_recorded_is_not_said_to_have_decided_where_nobody_is_known_to_have() {
        let mut row = sample::moderated().remove(0);
        assert_eq!(by(&row), "a.inspector@ofsted (inspector, ofsted)");
        row.decided_by = None;
        assert_eq!(by(&row), "recorded by a.inspector@ofsted (inspector, ofsted)");
    }

    #[test]
    fn history_entered_later_is_marked() {
        let mut rows = sample::moderated();
        rows[1].transcribed_from = Some(pb::TranscribedFrom::default());
        let text = history(100, &rows).join(" ");
        assert_eq!(text.matches("(transcribed)").count(), 1, "{text}");
    }

    #[test]
    fn a_history_is_a_row_a_change() {
        assert_eq!(
            history(100, &sample::moderated()).join("\n"),
            " Record   Recorded (UTC)        Change                       By                   Why
────────────────────────────────────────────────────────────────────────────────────────────────────
 13       2006-10-10 09:00:00   Enjoying and achieving       a.inspector@ofsted   INITIAL
                                AWARDED good                 (inspector,
                                                             ofsted)
 31       2006-10-12 14:00:00   Enjoying and achieving       APA moderation       MODERATION on
                                LOWERED good → adequate      panel (moderator,    same evidence:
                                                             ofsted)              Standards stay
                                                             recorded by          below those of
                                                             m.moderator@ofsted   similar councils,
                                                             (moderator,          however steadily
                                                             ofsted)              they have risen."
        );
    }
}
