//! What differs between two assessments: areas as a table, entries word by word.

use super::{NAME_WIDTH, at_least, keep, lines, listing};
use crate::{
    pb::{self, EntryDifference, text_piece::Side},
    wording::{NOTHING, award, label, text},
};

/// The areas, and the entries that differ.
pub(in crate::cli) fn comparison(
    width: u16,
    compared: &pb::CompareAssessmentsResponse,
) -> Vec<String> {
    let mut table = listing(width, ["Area for judgement", "Before", "After", "Comparison"]);
    for area in &compared.areas {
        let comparison = area.comparison().as_str_name();
        table.add_row([
            label(&area.area_label),
            award(area.before.as_ref()),
            award(area.after.as_ref()),
            comparison.trim_start_matches("COMPARISON_").replace('_', " "),
        ]);
    }
    keep(&mut table, [3]);
    at_least(&mut table, 0, NAME_WIDTH);
    let mut shown = if compared.areas.is_empty() {
        vec!["No area is judged on either side.".to_owned()]
    } else {
        lines(&table)
    };
    if !compared.entries.is_empty() {
        shown.extend([String::new(), "Entries that differ".to_owned()]);
        shown.extend(compared.entries.iter().flat_map(entry));
    }
    let at = |token: Option<&pb::ReadToken>| token.map_or(0, |token| token.position);
    shown.extend([
        String::new(),
        format!(
            "Before as known at record {}, after as known at record {}.",
            at(compared.read_before.as_ref()),
            at(compared.read_after.as_ref())
        ),
    ]);
    shown
}

fn entry(entry: &pb::EntryComparison) -> Vec<String> {
    let said = |side: Option<&pb::Entry>| {
        let content = side.and_then(|it| it.content.as_ref());
        content.and_then(|it| text(it.text.as_ref())).unwrap_or_else(|| NOTHING.to_owned())
    };
    let id = &entry.entry_id;
    match entry.difference() {
        EntryDifference::Added => vec![format!("+ {id} added: {}", said(entry.after.as_ref()))],
        EntryDifference::Struck => vec![format!("- {id} struck: {}", said(entry.before.as_ref()))],
        EntryDifference::Changed | EntryDifference::Unspecified => {
            let mut lines = vec![format!("~ {id} changed")];
            for text in &entry.texts {
                lines.push(format!("  {}: {}", text.field, marked(&text.pieces)));
            }
            lines
        }
    }
}

/// `[-what is gone-]{+what is new+}`.
fn marked(pieces: &[pb::TextPiece]) -> String {
    let marked = pieces.iter().map(|piece| match piece.side() {
        Side::Unspecified => piece.text.clone(),
        Side::Deleted => format!("[-{}-]", piece.text),
        Side::Inserted => format!("{{+{}+}}", piece.text),
    });
    marked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str) -> pb::Award {
        pb::Award { word: word.to_owned(), ..pb::Award::default() }
    }

    #[test]
    fn areas_and_entries_that_differ_are_told() {
        let content = |said: &str| {
            let text = Some(pb::Text { state: Some(pb::text::State::Present(said.to_owned())) });
            let content = Some(pb::EntryContent { text, ..pb::EntryContent::default() });
            Some(pb::Entry { content, ..pb::Entry::default() })
        };
        let piece =
            |side: Side, text: &str| pb::TextPiece { side: side.into(), text: text.to_owned() };
        let compared = pb::CompareAssessmentsResponse {
            areas: vec![pb::AreaComparison {
                area_label: "Staying safe".to_owned(),
                before: Some(word("good")),
                after: Some(word("adequate")),
                comparison: pb::Comparison::Lowered.into(),
                ..pb::AreaComparison::default()
            }],
            entries: vec![
                pb::EntryComparison {
                    entry_id: "n-1".to_owned(),
                    difference: EntryDifference::Changed.into(),
                    texts: vec![pb::TextDifference {
                        field: "text".to_owned(),
                        pieces: vec![
                            piece(Side::Unspecified, "Children are "),
                            piece(Side::Deleted, "save."),
                            piece(Side::Inserted, "safe."),
                        ],
                    }],
                    ..pb::EntryComparison::default()
                },
                pb::EntryComparison {
                    entry_id: "n-2".to_owned(),
                    difference: EntryDifference::Struck.into(),
                    before: content("Gone."),
                    ..pb::EntryComparison::default()
                },
            ],
            read_before: Some(pb::ReadToken { position: 7, recorded_at: None }),
            read_after: Some(pb::ReadToken { position: 9, recorded_at: None }),
            next_page_token: String::new(),
        };
        let shown = comparison(80, &compared).join("\n");
        for told in [
            "Staying safe",
            "LOWERED",
            "~ n-1 changed\n  text: Children are [-save.-]{+safe.+}\n- n-2 struck: Gone.",
            "Before as known at record 7, after as known at record 9.",
        ] {
            assert!(shown.contains(told), "{shown}");
        }
    }
}
