//! Rows of the audit trail as pages show them.

use super::page_of;
use crate::{
    pb,
    wording::{
        self,
        rows::{by, circumstances, mark, reasons, sign, stream, what},
        time,
    },
};

/// A record in a table.
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) page: String,
    pub(super) recorded: String,
    pub(super) stream: String,
    /// The page of the stream, if it has one.
    pub(super) stream_page: Option<String>,
    pub(super) what: String,
    pub(super) by: String,
    pub(super) why: String,
    /// How a grade changed, for the eye: a class of the style and a sign.
    pub(super) change: &'static str,
    pub(super) sign: String,
}

impl Row {
    pub(super) fn of(row: &pb::AuditRow) -> Self {
        let has_page = row.stream.starts_with("subjects/");
        let change = row.grade.as_ref().map(pb::GradeChange::change);
        Self {
            position: row.position,
            page: record_page(row.position),
            recorded: time(row.recorded_at.as_ref()),
            stream: stream(&row.stream),
            stream_page: has_page.then(|| page_of(&row.stream)),
            what: format!("{}{}", what(row), mark(row)),
            by: by(row),
            why: reasons(row),
            change: change.map_or("", class),
            sign: change.map_or_else(String::new, |it| format!("{} ", sign(it))),
        }
    }
}

/// All that is known of a record, each with its name.
pub(super) fn details(row: &pb::AuditRow) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("what", format!("{}{}", what(row), mark(row))),
        ("recorded at", format!("{} UTC", time(row.recorded_at.as_ref()))),
    ];
    details.extend(circumstances(row));
    let texts = [
        ("authority", &row.authority),
        ("reference", &row.reference),
        ("objection", &row.objection),
    ];
    let texts =
        texts.into_iter().filter_map(|(name, it)| Some((name, wording::text(it.as_ref())?)));
    details.extend(texts);
    details
}

/// Where a record is shown.
pub(super) fn record_page(position: u64) -> String {
    page_of(&format!("records/{position}"))
}

/// How a change is coloured.
pub(super) fn class(change: pb::ChangeKind) -> &'static str {
    match change {
        pb::ChangeKind::Raised => "raised",
        pb::ChangeKind::Lowered => "lowered",
        pb::ChangeKind::Vacated => "vacated",
        pb::ChangeKind::Awarded | pb::ChangeKind::Reaffirmed | pb::ChangeKind::Unspecified => "",
    }
}
