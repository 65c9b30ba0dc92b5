//! What was written, section by section in the order of the letter.

use super::{lines, listing};
use crate::{
    pb,
    wording::{corrected, figure, follow_up, mark, text, words},
};

/// The entries of an assessment under the headings of their sections. They come in the order of
/// the letter and stay in it.
pub(in crate::cli) fn entries(
    width: u16,
    entries: &[pb::Entry],
    framework: Option<&pb::Framework>,
) -> Vec<String> {
    let section = |entry: &pb::Entry| content(entry).section;
    let mut out = Vec::new();
    for group in entries.chunk_by(|one, next| section(one) == section(next)) {
        let id = group.first().map(section).unwrap_or_default();
        let mut table = listing(width, ["Entry", "Kind", "What it says", "Record"]);
        for entry in group {
            table.add_row(row(entry));
        }
        out.extend([String::new(), heading(&id, framework)]);
        out.extend(lines(&table));
    }
    out
}

fn content(entry: &pb::Entry) -> pb::EntryContent {
    entry.content.clone().unwrap_or_default()
}

/// The heading of a section in the letter, else its id.
fn heading(id: &str, framework: Option<&pb::Framework>) -> String {
    let sections = framework.map(|it| it.sections.as_slice()).unwrap_or_default();
    let found = sections.iter().find(|section| section.id == id);
    found.map(|it| it.heading.clone()).filter(|it| !it.is_empty()).unwrap_or_else(|| id.to_owned())
}

fn row(entry: &pb::Entry) -> [String; 4] {
    let content = content(entry);
    [
        entry.entry_id.clone(),
        format!(
            "{}{}{}",
            words(content.kind().as_str_name(), "ENTRY_KIND_"),
            mark(entry.transcribed),
            corrected(entry.corrected_at)
        ),
        says(&content).join("\n"),
        entry.position.to_string(),
    ]
}

/// What an entry says, part by part: its text, what it follows up, its figures, its source.
fn says(content: &pb::EntryContent) -> Vec<String> {
    let mut says: Vec<String> = text(content.text.as_ref()).into_iter().collect();
    says.extend(content.follow_up.as_ref().map(follow_up));
    says.extend(content.figures.iter().map(figure));
    says.extend(text(content.quote.as_ref()).map(|quote| format!("“{quote}”")));
    says.extend(text(content.source.as_ref()).map(|source| format!("from {source}")));
    if !content.relates_to.is_empty() {
        says.push(format!("relates to {}", content.relates_to.join(", ")));
    }
    says
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn history_entered_later_is_marked() {
        let mut entry = sample::assessment().entries.remove(0);
        entry.transcribed = true;
        assert_eq!(row(&entry)[1], "strength (transcribed)");
    }

    #[test]
    fn entries_stand_under_the_headings_of_the_letter() {
        let lines = entries(80, &sample::assessment().entries, Some(&sample::framework()));
        assert_eq!(
            lines.join("\n"),
            "
Being healthy
 Entry      Kind       What it says                                      Record
────────────────────────────────────────────────────────────────────────────────
 str-bh-1   strength   Schools promote healthy lives, and many more of   17
                       them have joined the programme than was asked.
 ev-12      evidence   schools with the standard: not stated; target     18
                       on track 50 %, due 2006-12

Staying safe
 Entry   Kind        What it says                                        Record
────────────────────────────────────────────────────────────────────────────────
 fu-3    follow up   remains since last year's APA (weakness): early     19
                     years advice, guidance and support; carried to
                     afi-ss-1"
        );
    }
}
