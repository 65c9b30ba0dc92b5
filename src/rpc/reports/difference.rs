//! How two wordings of an entry differ, word by word.

use similar::{ChangeTag, TextDiff};

use crate::pb::{self, text::State, text_piece::Side};

/// How many words of each side are compared word by word. Comparing takes as long as the product
/// of what differs: this keeps it to some tens of milliseconds.
const WORDS_MAX: usize = 2_000;

/// The texts of an entry that differ and can be shown on both sides.
pub(super) fn texts(
    before: &pb::EntryContent,
    after: &pb::EntryContent,
) -> Vec<pb::TextDifference> {
    let fields = [
        ("text", &before.text, &after.text),
        ("quote", &before.quote, &after.quote),
        ("source", &before.source, &after.source),
    ];
    let differ = fields.into_iter().filter(|(_, one, other)| one != other);
    let texts = differ.filter_map(|(field, one, other)| {
        let pieces = pieces(words(one.as_ref())?, words(other.as_ref())?);
        Some(pb::TextDifference { field: field.to_owned(), pieces })
    });
    texts.collect()
}

/// What a text says; nothing if it cannot be shown. One that was not given says nothing at all.
fn words(text: Option<&pb::Text>) -> Option<&str> {
    match text.and_then(|text| text.state.as_ref()) {
        None => Some(""),
        Some(State::Present(words)) => Some(words),
        Some(State::Redacted(_) | State::Withheld(_) | State::Missing(_)) => None,
    }
}

fn pieces(before: &str, after: &str) -> Vec<pb::TextPiece> {
    let long = |text: &str| text.split_whitespace().nth(WORDS_MAX).is_some();
    let mut pieces = Pieces(Vec::new());
    if long(before) || long(after) {
        pieces.push(Side::Deleted, before);
        pieces.push(Side::Inserted, after);
        return pieces.0;
    }
    for change in TextDiff::from_words(before, after).iter_all_changes() {
        let side = match change.tag() {
            ChangeTag::Equal => Side::Unspecified,
            ChangeTag::Delete => Side::Deleted,
            ChangeTag::Insert => Side::Inserted,
        };
        pieces.push(side, change.value());
    }
    pieces.0
}

/// Pieces of which no two neighbours are on the same side.
struct Pieces(Vec<pb::TextPiece>);

impl Pieces {
    fn push(&mut self, side: Side, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.0.last_mut().filter(|last| last.side() == side) {
            Some(last) => last.text.push_str(text),
            None => self.0.push(pb::TextPiece { side: side.into(), text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(before: &str, after: &str) -> Vec<(Side, String)> {
        pieces(before, after).into_iter().map(|piece| (piece.side(), piece.text)).collect()
    }

    #[test]
    fn a_changed_word_is_told_from_what_stays() {
        let told = shown("Most children are save.", "Most children are safe.");
        let expected = [
            (Side::Unspecified, "Most children are ".to_owned()),
            (Side::Deleted, "save.".to_owned()),
            (Side::Inserted, "safe.".to_owned()),
        ];
        assert_eq!(told, expected);
        assert_eq!(shown("", "new"), [(Side::Inserted, "new".to_owned())]);
    }

    #[test]
    fn a_very_long_text_is_replaced_as_a_whole() {
        let long = "word ".repeat(WORDS_MAX + 1);
        let told = shown(&long, "short");
        assert_eq!(told, [(Side::Deleted, long), (Side::Inserted, "short".to_owned())]);
    }

    #[test]
    fn what_was_redacted_is_not_compared() {
        let present =
            |words: &str| Some(pb::Text { state: Some(State::Present(words.to_owned())) });
        let redacted = Some(pb::Text { state: Some(State::Redacted(pb::text::Erased::default())) });
        let content = |text, quote| pb::EntryContent { text, quote, ..Default::default() };
        let told = texts(&content(redacted, present("a")), &content(present("b"), None));
        let fields: Vec<_> = told.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["quote"]);
    }

    proptest! {
        #[test]
        fn the_pieces_make_both_texts(before in "[a-c \n]{0,40}", after in "[a-c \né]{0,40}") {
            let told = shown(&before, &after);
            let side = |without| -> String {
                told.iter().filter(|(side, _)| *side != without).map(|(_, text)| text.as_str()).collect()
            };
            prop_assert_eq!(side(Side::Inserted), before);
            prop_assert_eq!(side(Side::Deleted), after);
        }
    }
}
