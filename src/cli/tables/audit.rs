//! Rows of the audit trail as a table.

use super::{NAME_WIDTH, at_least, keep, lines, listing};
use crate::{
    pb,
    wording::{
        rows::{by, mark, reasons, stream, what},
        time,
    },
};

/// What was recorded, a row a record.
pub(in crate::cli) fn rows(width: u16, rows: &[pb::AuditRow]) -> Vec<String> {
    let header = ["Record", "Recorded (UTC)", "What", "By", "Why"];
    let mut table = listing(width, header);
    for row in rows {
        table.add_row(cells(row));
    }
    keep(&mut table, [0, 1]);
    at_least(&mut table, 2, NAME_WIDTH);
    lines(&table)
}

fn cells(row: &pb::AuditRow) -> [String; 5] {
    [
        row.position.to_string(),
        time(row.recorded_at.as_ref()),
        format!("{}\n{}{}", stream(&row.stream), what(row), mark(row)),
        by(row),
        reasons(row),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn a_strike_and_a_signature_say_what_and_whose_they_are() {
        let revised = pb::AuditRow {
            event: "EntryRevised".to_owned(),
            entry_id: "n1".to_owned(),
            ..pb::AuditRow::default()
        };
        assert_eq!(what(&revised), "EntryRevised n1");
        assert_eq!(what(&pb::AuditRow { struck: true, ..revised }), "EntryRevised n1, struck");
        let signed = pb::AuditRow {
            event: "SignedOff".to_owned(),
            signed_for: "estyn".to_owned(),
            ..pb::AuditRow::default()
        };
        assert_eq!(what(&signed), "SignedOff for estyn");
        let lapsed = pb::AuditRow { lapsed_by: 9, ..signed };
        assert_eq!(what(&lapsed), "SignedOff for estyn, lapsed by record 9");
    }

    #[test]
    fn what_became_of_an_edition_says_which() {
        let mut row = pb::AuditRow {
            event: "AssessmentReopened".to_owned(),
            edition: 2,
            ..pb::AuditRow::default()
        };
        assert_eq!(what(&row), "AssessmentReopened edition 2");
        row.event = "AssessmentWithdrawn".to_owned();
        assert_eq!(what(&row), "AssessmentWithdrawn edition 2, not rated");
        row.fallback = "subjects/a/assessments/b".to_owned();
        assert_eq!(what(&row), "AssessmentWithdrawn edition 2, a/b instead");
    }

    #[test]
    fn an_audit_row_says_what_where_who_and_why() {
        assert_eq!(
            rows(100, &sample::trail()).join("\n"),
            " Record   Recorded (UTC)        What                         By                   Why
────────────────────────────────────────────────────────────────────────────────────────────────────
 31       2006-10-12 14:00:00   leicester-city/apa-2006      APA moderation       MODERATION on
                                Enjoying and achieving       panel (moderator,    same evidence:
                                LOWERED good → adequate      ofsted)              Standards stay
                                                             recorded by          below those of
                                                             m.moderator@ofsted   similar councils,
                                                             (moderator,          however steadily
                                                             ofsted)              they have risen.
 13       2006-10-10 09:00:00   leicester-city/apa-2006      a.inspector@ofsted   INITIAL
                                EntryRecorded ev-33          (inspector,
                                                             ofsted)
 13       2006-10-10 09:00:00   leicester-city/apa-2006      a.inspector@ofsted   INITIAL
                                AssessmentPublished          (inspector,
                                                             ofsted)"
        );
    }
}
