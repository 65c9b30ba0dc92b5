//! Rows of the audit trail as a table.

use super::{
    NAME_WIDTH, at_least,
    history::{by, changed, mark, reasons},
    keep, lines, listing,
};
use crate::{
    cli::wording::{label, text, time, value, words},
    pb,
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

/// A stream without the words that are the same in every name.
pub(super) fn stream(name: &str) -> String {
    name.split('/')
        .filter(|part| !matches!(*part, "subjects" | "assessments" | "frameworks" | "versions"))
        .collect::<Vec<_>>()
        .join("/")
}

/// What holds instead of a withdrawn edition.
pub(super) fn fallback(assessment: &str) -> String {
    match assessment {
        "" => "not rated".to_owned(),
        assessment => format!("{} instead", stream(assessment)),
    }
}

/// A row of what is noted beside grades and entries, or corrected.
fn noted(row: &pb::AuditRow) -> Option<String> {
    let event = &row.event;
    if let Some(hold) = &row.hold {
        let kind = words(hold.kind().as_str_name(), "HOLD_KIND_");
        return Some(format!("{event} {} ({kind})", hold.hold_id));
    }
    if let Some(challenge) = &row.challenge {
        let decided = challenge.points.first().filter(|point| point.decided_at != 0);
        let decided = decided.map(|point| {
            let outcome = words(point.outcome().as_str_name(), "POINT_OUTCOME_");
            format!(", point {}: {outcome}", point.number)
        });
        return Some(format!("{event} {}{}", challenge.challenge_id, decided.unwrap_or_default()));
    }
    if let Some(draft) = &row.draft {
        let to = text(draft.recipient.as_ref()).unwrap_or_default();
        let (audience, known) = (&draft.audience, draft.known_at_position);
        return Some(format!("{event} with {to} as {audience}, as known at record {known}"));
    }
    if let Some(redaction) = &row.redaction {
        return Some(format!("{event} {}", redacted(redaction)));
    }
    if let Some(key) = &row.key {
        let change = words(key.change().as_str_name(), "KEY_CHANGE_");
        return Some(format!("{event} {}: {change}", key.vkey));
    }
    if let Some(access) = &row.access {
        return Some(format!("{event} {}", taken(access)));
    }
    let correction = row.correction.as_ref()?;
    let field = words(correction.field().as_str_name(), "CORRECTED_FIELD_");
    let (record, right) = (correction.corrected_record, value(correction.corrected.as_ref()));
    Some(format!("{event} record {record}, {field}: {right}"))
}

/// Which text is redacted, on what basis, what stands in its place, or why it is not.
fn redacted(redaction: &pb::Redaction) -> String {
    let basis = (redaction.legal_basis() != pb::LegalBasis::Unspecified)
        .then(|| format!(" ({})", words(redaction.legal_basis().as_str_name(), "LEGAL_BASIS_")));
    let instead = text(redaction.replacement.as_ref()).filter(|it| !it.is_empty());
    let instead = instead.map(|it| format!(", instead: {it}"));
    let asked = text(redaction.reference.as_ref()).map(|it| format!(", reference {it}"));
    let ground = text(redaction.ground.as_ref()).map(|it| format!(": {it}"));
    let said: String = [basis, asked, instead, ground].into_iter().flatten().collect();
    format!("{} of record {}{said}", redaction.field, redaction.redacted_record)
}

/// What was taken out of the ledger, of what, and for what.
fn taken(access: &pb::Access) -> String {
    let kind = words(access.kind().as_str_name(), "ACCESS_KIND_");
    let of = (!access.of.is_empty()).then(|| format!(" of {}", stream(&access.of)));
    let run = (access.first_position != 0)
        .then(|| format!(", records {} to {}", access.first_position, access.last_position));
    let purpose = text(access.purpose.as_ref()).map(|it| format!(": {it}"));
    let said: String = [of, run, purpose].into_iter().flatten().collect();
    format!("{kind}{said}")
}

/// The event, with the grade or entry that it is about.
fn what(row: &pb::AuditRow) -> String {
    match &row.grade {
        Some(grade) => format!("{}\n{}", label(&grade.area_label), changed(grade)),
        None if noted(row).is_some() => noted(row).unwrap_or_default(),
        None if row.lapsed_by != 0 => {
            format!("{} for {}, lapsed by record {}", row.event, row.signed_for, row.lapsed_by)
        }
        None if !row.signed_for.is_empty() => {
            let objection = text(row.objection.as_ref()).map(|it| format!(": {it}"));
            format!("{} for {}{}", row.event, row.signed_for, objection.unwrap_or_default())
        }
        None if row.event == "AssessmentWithdrawn" => {
            format!("{} edition {}, {}", row.event, row.edition, fallback(&row.fallback))
        }
        None if row.edition != 0 => format!("{} edition {}", row.event, row.edition),
        None if row.entry_id.is_empty() => row.event.clone(),
        None if row.struck => format!("{} {}, struck", row.event, row.entry_id),
        None => format!("{} {}", row.event, row.entry_id),
    }
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
