//! The changes of grades as a table: a row each, oldest first.

use super::{NAME_WIDTH, at_least, keep, lines, listing};
use crate::{
    pb,
    wording::{
        label,
        rows::{by, changed, mark, reasons},
        time,
    },
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
