//! Rows of the audit trail in words: what was recorded, by whom, why.

use super::{
    award, change, corrections, date, decider, decider_named, label, recorder, redaction_of,
    signing_key, taken, text, value, why, words,
};
use crate::pb;

/// A stream without the words that are the same in every name.
pub(crate) fn stream(name: &str) -> String {
    name.split('/')
        .filter(|part| !matches!(*part, "subjects" | "assessments" | "frameworks" | "versions"))
        .collect::<Vec<_>>()
        .join("/")
}

/// What holds instead of a withdrawn edition.
pub(crate) fn fallback(assessment: &str) -> String {
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
        return Some(format!("{event} {}", redaction_of(redaction)));
    }
    if let Some(key) = &row.key {
        return Some(format!("{event} {}", signing_key(key)));
    }
    if let Some(access) = &row.access {
        return Some(format!("{event} {}", taken(access)));
    }
    let correction = row.correction.as_ref()?;
    let field = words(correction.field().as_str_name(), "CORRECTED_FIELD_");
    let (record, right) = (correction.corrected_record, value(correction.corrected.as_ref()));
    Some(format!("{event} record {record}, {field}: {right}"))
}

/// The event, with the grade or entry that it is about.
pub(crate) fn what(row: &pb::AuditRow) -> String {
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

/// Why, and what was put right since.
pub(crate) fn reasons(row: &pb::AuditRow) -> String {
    let corrected = corrections(row).into_iter().map(|it| format!("corrected {it}"));
    why(row).into_iter().chain(corrected).collect::<Vec<_>>().join("\n")
}

/// What marks a row of history entered later.
pub(crate) fn mark(row: &pb::AuditRow) -> &'static str {
    super::mark(row.transcribed_from.is_some())
}

/// Who decided, if known, and who recorded it, if another.
pub(crate) fn by(row: &pb::AuditRow) -> String {
    let recorder = recorder(row);
    match decider_named(row.decided_by.as_ref()) {
        Some(decider) if decider != recorder => format!("{decider}\nrecorded by {recorder}"),
        Some(_) => recorder,
        None => format!("recorded by {recorder}"),
    }
}

/// `LOWERED good → adequate`; without an arrow where nothing stood before.
pub(crate) fn changed(grade: &pb::GradeChange) -> String {
    let after = award(grade.after.as_ref());
    match &grade.before {
        Some(before) => format!("{} {} → {after}", change(grade.change()), award(Some(before))),
        None => format!("{} {after}", change(grade.change())),
    }
}

/// A sign for a change that is read without its word.
pub(crate) fn sign(change: pb::ChangeKind) -> char {
    match change {
        pb::ChangeKind::Raised => '▲',
        pb::ChangeKind::Lowered => '▼',
        pb::ChangeKind::Reaffirmed => '=',
        pb::ChangeKind::Vacated => '○',
        pb::ChangeKind::Awarded | pb::ChangeKind::Unspecified => '●',
    }
}

/// All that is known of a change beside the change itself, each with its name.
pub(crate) fn circumstances(row: &pb::AuditRow) -> Vec<(&'static str, String)> {
    let (decider_named, recorder) = (decider(row.decided_by.as_ref()), recorder(row));
    let same = decider_named.as_ref() == Some(&recorder);
    let decided_by =
        decider_named.map(|it| if same { format!("{it}, who recorded it") } else { it });
    let stated = [
        ("decided by", decided_by),
        ("told by", decider(row.instructed_by.as_ref())),
        ("recorded by", (!same).then_some(recorder)),
        ("why", why(row)),
        ("evidence", evidence(row)),
        ("holds from", days(row)),
        ("source", source(row)),
    ];
    let corrected = corrections(row).into_iter().map(|it| ("corrected", it));
    let stated = stated.into_iter().filter_map(|(name, value)| Some((name, value?)));
    stated.chain(corrected).collect()
}

/// The day from which it holds, and the day on which it was decided, if stated.
fn days(row: &pb::AuditRow) -> Option<String> {
    let holds = date(row.effective_on.as_ref())?;
    Some(match date(row.decided_on.as_ref()) {
        Some(decided) => format!("{holds}, decided on {decided}"),
        None => holds,
    })
}

fn evidence(row: &pb::AuditRow) -> Option<String> {
    let cited = |it: &pb::EvidenceCited| format!("{} (record {})", it.entry, it.position);
    let cited: Vec<_> = row.evidence.iter().map(cited).collect();
    (!cited.is_empty()).then(|| cited.join(", "))
}

/// Where history entered later was read.
fn source(row: &pb::AuditRow) -> Option<String> {
    let from = row.transcribed_from.as_ref()?;
    let named = text(from.source.as_ref()).unwrap_or_default();
    Some(format!("transcribed, not witnessed: {named}"))
}
