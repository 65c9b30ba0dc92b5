//! Exports for spreadsheets: RFC 4180, and nothing in them is a formula.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};

use super::export::Statement;
use crate::{
    cli::{failure::Failure, wording},
    pb,
};

/// How many columns there are.
const COLUMNS: usize = 42;

const HEADER: [&str; COLUMNS] = [
    "position",
    "recorded_at",
    "stream",
    "revision",
    "record_id",
    "event",
    "area",
    "area_label",
    "change",
    "before",
    "after",
    "entry",
    "struck",
    "signed_for",
    "recorded_by",
    "decided_by",
    "decided_on",
    "effective_on",
    "basis",
    "instructed_by",
    "reason",
    "rationale",
    "evidence",
    "transcribed_from",
    "corrections",
    "corrects_record",
    "corrected_field",
    "corrected_to",
    "edition",
    "lapsed_by",
    "fallback",
    "objection",
    "authority",
    "reference",
    "hold",
    "challenge",
    "draft_recipient",
    "draft_audience",
    "draft_known_at",
    "redaction",
    "signing_key",
    "access",
];

/// The statement and the names of the columns, with as many fields as every record.
pub(super) fn begin(statement: &Statement) -> Result<Vec<u8>, Failure> {
    let Statement { filter, order, position, recorded_at, limit } = statement;
    let limit = limit.map(|limit| format!("limit: {limit}")).unwrap_or_default();
    let mut stated = [
        "export of the judgement ledger".to_owned(),
        format!("filter: {filter}"),
        format!("order: {order}"),
        format!("known at position: {position}"),
        format!("known at time: {recorded_at}"),
        limit,
    ]
    .to_vec();
    stated.resize(COLUMNS, String::new());
    let mut writer = writer();
    write(&mut writer, &stated)?;
    write(&mut writer, &HEADER.map(str::to_owned))?;
    written(writer)
}

/// A record for each row.
pub(super) fn rows(rows: &[pb::AuditRow]) -> Result<Vec<u8>, Failure> {
    let mut writer = writer();
    for row in rows {
        write(&mut writer, &cells(row))?;
    }
    written(writer)
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().has_headers(false).terminator(Terminator::CRLF).from_writer(Vec::new())
}

fn write(writer: &mut Writer<Vec<u8>>, cells: &[String]) -> Result<(), Failure> {
    let harmless = cells.iter().map(|cell| harmless(cell));
    let record: Vec<Cow<'_, str>> = harmless.collect();
    let written = writer.write_record(record.iter().map(|cell| cell.as_bytes()));
    written.map_err(|error| Failure::Output(error.into()))
}

fn written(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, Failure> {
    writer.into_inner().map_err(|error| Failure::Output(error.into_error()))
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\'' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            Cow::Owned(format!("'{cell}"))
        }
        Some(_) | None => Cow::Borrowed(cell),
    }
}

fn cells(row: &pb::AuditRow) -> [String; COLUMNS] {
    let grade = row.grade.clone().unwrap_or_default();
    let award = |award: Option<&pb::Award>| award.map(|it| wording::award(Some(it)));
    let change = row.grade.as_ref().map(|it| wording::change(it.change()).to_owned());
    let basis = match row.basis() {
        pb::Basis::Unspecified => String::new(),
        basis @ (pb::Basis::NewEvidence
        | pb::Basis::SameEvidence
        | pb::Basis::DataCorrected
        | pb::Basis::Framework
        | pb::Basis::Error) => basis.as_str_name().trim_start_matches("BASIS_").to_owned(),
    };
    let cited = row.evidence.iter().map(|it| format!("{} (record {})", it.entry, it.position));
    let draft = row.draft.clone().unwrap_or_default();
    let corrects = row.correction.as_ref().map(Corrects::of).unwrap_or_default();
    let source = row.transcribed_from.as_ref().and_then(|it| wording::text(it.source.as_ref()));
    [
        row.position.to_string(),
        wording::instant(row.recorded_at.as_ref()),
        row.stream.clone(),
        row.revision.to_string(),
        row.record_id.clone(),
        row.event.clone(),
        grade.area,
        grade.area_label,
        change.unwrap_or_default(),
        award(grade.before.as_ref()).unwrap_or_default(),
        award(grade.after.as_ref()).unwrap_or_default(),
        row.entry_id.clone(),
        if row.struck { "struck".to_owned() } else { String::new() },
        row.signed_for.clone(),
        wording::recorder(row),
        wording::decider(row.decided_by.as_ref()).unwrap_or_default(),
        wording::date(row.decided_on.as_ref()).unwrap_or_default(),
        wording::date(row.effective_on.as_ref()).unwrap_or_default(),
        basis,
        wording::decider(row.instructed_by.as_ref()).unwrap_or_default(),
        row.reason.clone(),
        wording::text(row.rationale.as_ref()).unwrap_or_default(),
        cited.collect::<Vec<_>>().join("; "),
        source.unwrap_or_default(),
        wording::corrections(row).join("; "),
        corrects.corrected_record,
        corrects.field,
        corrects.to,
        number(u64::from(row.edition)),
        number(row.lapsed_by),
        row.fallback.clone(),
        wording::text(row.objection.as_ref()).unwrap_or_default(),
        wording::text(row.authority.as_ref()).unwrap_or_default(),
        wording::text(row.reference.as_ref()).unwrap_or_default(),
        row.hold.as_ref().map(hold).unwrap_or_default(),
        row.challenge.as_ref().map(challenge).unwrap_or_default(),
        wording::text(draft.recipient.as_ref()).unwrap_or_default(),
        draft.audience,
        number(draft.known_at_position),
        row.redaction.as_ref().map(wording::redaction_of).unwrap_or_default(),
        row.key.as_ref().map(wording::signing_key).unwrap_or_default(),
        row.access.as_ref().map(wording::taken).unwrap_or_default(),
    ]
}

/// A number; nothing for none.
fn number(number: u64) -> String {
    if number == 0 { String::new() } else { number.to_string() }
}

/// What a row puts right in another.
#[derive(Default)]
struct Corrects {
    corrected_record: String,
    field: String,
    to: String,
}

impl Corrects {
    fn of(it: &pb::Correction) -> Self {
        Self {
            corrected_record: number(it.corrected_record),
            field: wording::words(it.field().as_str_name(), "CORRECTED_FIELD_"),
            to: wording::value(it.corrected.as_ref()),
        }
    }
}

fn hold(it: &pb::Hold) -> String {
    format!("{} ({})", it.hold_id, wording::words(it.kind().as_str_name(), "HOLD_KIND_"))
}

/// Whose challenge it is and what it says, point by point.
fn challenge(it: &pb::Challenge) -> String {
    let point = |point: &pb::ChallengePoint| {
        let about = if point.area.is_empty() { &point.entry } else { &point.area };
        let said = wording::text(point.text.as_ref()).unwrap_or_default();
        let outcome = if point.decided_at == 0 {
            String::new()
        } else {
            format!(", {}", wording::words(point.outcome().as_str_name(), "POINT_OUTCOME_"))
        };
        format!("{} on {about}: {said}{outcome}", point.number)
    };
    let points: Vec<_> = it.points.iter().map(point).collect();
    format!("{}: {}", it.challenge_id, points.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        let records = reader.records().map(|record| record.unwrap());
        records.map(|record| record.iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn nothing_in_a_sheet_is_a_formula() {
        for (cell, shown) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r\n=1", "'\r\n=1"),
            ("'=1", "''=1"),
            ("＝1", "'＝1"),
            ("a = 1", "a = 1"),
            ("", ""),
        ] {
            let row = pb::AuditRow { reason: cell.to_owned(), ..pb::AuditRow::default() };
            let bytes = rows(&[row]).unwrap();
            let record = read(&bytes).remove(0);
            assert_eq!(record.len(), COLUMNS);
            assert_eq!(record[20], shown, "{cell}");
        }
    }

    #[test]
    fn a_sheet_begins_with_what_it_is_and_the_names_of_its_columns() {
        let statement = Statement {
            filter: "reason = \"A, B\"".to_owned(),
            order: "oldest-first",
            position: 82,
            recorded_at: "2006-11-01T09:00:00Z".to_owned(),
            limit: None,
        };
        let bytes = begin(&statement).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with(
            "export of the judgement ledger,\"filter: reason = \"\"A, B\"\"\",order: oldest-first,\
             known at position: 82,known at time: 2006-11-01T09:00:00Z,,"
        ));
        assert!(text.ends_with(",redaction,signing_key,access\r\n"), "{text}");
        let records = read(&bytes);
        assert!(records.iter().all(|record| record.len() == COLUMNS));
        assert_eq!(records[1][0], "position");
    }

    #[test]
    fn a_text_with_line_ends_and_quotes_is_one_field() {
        let said = "two\r\nlines, \"quoted\"";
        let rationale = pb::Text { state: Some(pb::text::State::Present(said.to_owned())) };
        let row = pb::AuditRow { rationale: Some(rationale), position: 7, ..Default::default() };
        let record = read(&rows(&[row]).unwrap()).remove(0);
        assert_eq!((record[0].as_str(), record[21].as_str()), ("7", said));
    }
}
