//! Where the names and values of an expression stand.

use std::{collections::VecDeque, fmt};

/// How much of a text is quoted where something is wrong with it, in characters.
const QUOTED_MAX: usize = 40;

/// The words that join comparisons and are neither names nor values.
const JOINS: [&str; 3] = ["AND", "OR", "NOT"];

/// A piece of an expression and its column, counted in characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    column: usize,
    piece: String,
}

impl Place {
    /// What stands at a byte of the text; the piece goes to the next space.
    pub(super) fn at(text: &str, offset: usize) -> Self {
        let (before, rest) = text.split_at_checked(offset).unwrap_or((text, ""));
        let piece = rest.split_whitespace().next().filter(|_| !rest.is_empty());
        Self::new(before, piece.unwrap_or_default())
    }

    fn new(before: &str, piece: &str) -> Self {
        let column = before.chars().count().saturating_add(1);
        let mut shown: String = piece.chars().take(QUOTED_MAX).collect();
        if shown.len() < piece.len() {
            shown.push('…');
        }
        Self { column, piece: shown }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.piece.is_empty() {
            return write!(f, "column {}, at the end", self.column);
        }
        write!(f, "column {}, `{}`", self.column, self.piece)
    }
}

/// The names and values of an expression in their order, as its tree has them. The text must be
/// one that the grammar takes.
#[derive(Debug)]
pub(super) struct Places<'a> {
    text: &'a str,
    pieces: VecDeque<(usize, &'a str)>,
}

impl<'a> Places<'a> {
    /// Those of a text. A piece goes on through dots and quoted strings, and ends where the
    /// grammar ends a name or a value.
    pub(super) fn of(text: &'a str) -> Self {
        let mut pieces = VecDeque::new();
        let mut begun = None;
        let mut letters = text.char_indices();
        while let Some((at, letter)) = letters.next() {
            if ends(letter) {
                pieces.extend(begun.take().and_then(|from| piece(text, from, at)));
                continue;
            }
            begun.get_or_insert(at);
            if letter == '"' || letter == '\'' {
                skip_string(&mut letters, letter);
            }
        }
        pieces.extend(begun.and_then(|from| piece(text, from, text.len())));
        Self { text, pieces }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<Place> {
        let (at, piece) = self.pieces.pop_front()?;
        let (before, _) = self.text.split_at_checked(at)?;
        Some(Place::new(before, piece))
    }

    /// Forgets those that are left: they cannot be told apart any more.
    pub(super) fn forget(&mut self) {
        self.pieces.clear();
    }
}

/// The parenthesis that lies deeper than so many others.
pub(super) fn deeper_than(text: &str, levels: usize) -> Option<Place> {
    let mut depth = 0_usize;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            '"' | '\'' => skip_string(&mut letters, letter),
            _ => {}
        }
        if depth > levels {
            return text.get(..at).map(|before| Place::new(before, "("));
        }
    }
    None
}

fn ends(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '(' | ')' | ',' | '=' | '<' | '>' | '!' | ':')
}

fn piece(text: &str, from: usize, to: usize) -> Option<(usize, &str)> {
    let piece = text.get(from..to)?;
    (!JOINS.contains(&piece)).then_some((from, piece))
}

/// Goes behind the quote that ends a string.
fn skip_string(letters: &mut impl Iterator<Item = (usize, char)>, quote: char) {
    while let Some((_, letter)) = letters.next() {
        match letter {
            '\\' => _ = letters.next(),
            letter if letter == quote => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let mut places = Places::of(text);
        std::iter::from_fn(|| places.next()).map(|place| place.to_string()).collect()
    }

    #[test]
    fn every_name_and_value_has_its_column() {
        let text = "é = \"a AND b\" OR NOT (c.d:2.5 AND -e!='it\\'s')";
        assert_eq!(
            told(text),
            [
                "column 1, `é`",
                "column 5, `\"a AND b\"`",
                "column 23, `c.d`",
                "column 27, `2.5`",
                "column 35, `-e`",
                "column 39, `'it\\'s'`",
            ]
        );
    }

    #[test]
    fn what_lies_too_deep_has_its_column() {
        let place = deeper_than("(a = \"((\") AND ((b = c))", 1).unwrap();
        assert_eq!(place.to_string(), "column 17, `(`");
        assert_eq!(deeper_than("((a = b))", 2), None);
    }

    #[test]
    fn a_long_piece_is_shown_in_part() {
        let long = "x".repeat(50);
        assert_eq!(told(&long), [format!("column 1, `{}…`", "x".repeat(40))]);
        assert_eq!(Place::at("a =", 3).to_string(), "column 4, at the end");
        assert_eq!(Place::at("a = b:c d", 5).to_string(), "column 6, `:c`");
    }
}
