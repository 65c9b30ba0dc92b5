//! Answers as tables and pictures in plain characters: no colour, no borders, nothing lost.

mod assessment;
mod audit;
mod beside;
mod comparison;
mod entries;
mod framework;
mod grade_summary;
mod history;
mod publication;
mod recipients;
mod redaction;
#[cfg(test)]
pub(super) mod sample;
mod stream;
mod subject_timeline;
mod timeline;
mod verified;

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};

pub(super) use assessment::summary;
pub(super) use audit::rows as audit_rows;
pub(super) use beside::beside;
pub(super) use comparison::comparison;
pub(super) use entries::entries;
pub(super) use framework::{detail, overview};
pub(super) use grade_summary::grade_summary;
pub(super) use history::history;
pub(super) use publication::{disclosure, scores};
pub(super) use recipients::recipients;
pub(super) use redaction::{redaction_ordered, redaction_refused, redaction_requested};
pub(super) use stream::{Line, message};
pub(super) use subject_timeline::subject_timeline;
pub(super) use timeline::timelines;
pub(super) use verified::verified;

/// As wide as a column is that names streams, areas and entries.
const NAME_WIDTH: u16 = 28;
/// A rule under the header, blanks between the columns, nothing else.
const RULED: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table with a header.
fn listing<const N: usize>(width: u16, header: [&str; N]) -> Table {
    let mut table = plain(width);
    table.load_style(RULED).set_header(header);
    table
}

/// Never wraps `columns`: numbers and times are read whole.
fn keep<const N: usize>(table: &mut Table, columns: [usize; N]) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// Gives `column` at least `columns` of the width, so that names are not broken.
fn at_least(table: &mut Table, column: usize, columns: u16) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(columns)));
    }
}

/// A table without header or lines: a label, and what it stands for.
fn plain(width: u16) -> Table {
    let mut table = Table::new();
    table
        .force_no_tty()
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    table
}

/// The lines of a table, none with blanks at its end.
fn lines(table: &Table) -> Vec<String> {
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// `left`, and `right` at the end of the line if there is room for it.
fn spread(width: u16, left: &str, right: &str) -> String {
    let taken = left.chars().count().saturating_add(right.chars().count());
    let room = usize::from(width).saturating_sub(taken).max(2);
    format!("{left}{}{right}", " ".repeat(room))
}
