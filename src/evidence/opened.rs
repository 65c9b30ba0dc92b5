//! Texts with their openings, as evidence carries them: one line of JSON each, in the order of the
//! records and of their fields.
//!
//! `{"position":12,"field":"rationale","opening":"<64 hexadecimal digits>","text":"…"}`, and a line
//! feed. Who has such a line can prove the text for ever, also after it was erased here: the handing
//! out of evidence is itself recorded.

use serde::{Deserialize, Serialize};

use crate::{
    judgement::{Position, Text},
    merkle::Hash,
    record::Opening,
};

/// A text that evidence carries.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedText {
    /// The record that commits to it.
    pub position: Position,
    /// The field of it.
    pub field: String,
    /// The salt of the commitment.
    pub opening: Opening,
    /// The text.
    pub text: Text,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    position: u64,
    field: String,
    opening: String,
    text: String,
}

impl OpenedText {
    /// The line, with its line feed.
    #[must_use]
    pub fn to_line(&self) -> String {
        let line = Line {
            position: self.position.get(),
            field: self.field.clone(),
            // 32 bytes, written as a hash is.
            opening: Hash::new(*self.opening.as_bytes()).to_string(),
            text: self.text.as_str().to_owned(),
        };
        // Strings and a number always have a form in JSON.
        let mut line = serde_json::to_string(&line).unwrap_or_default();
        line.push('\n');
        line
    }

    /// The text in a line without its line feed; `None` for what [`Self::to_line`] does not write.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let Line { position, field, opening, text } = serde_json::from_str(line).ok()?;
        let opening = Opening::new(*Hash::parse(&opening).ok()?.as_bytes());
        let read = Self {
            position: Position::new(position),
            field,
            opening,
            text: Text::parse(text).ok()?,
        };
        (read.to_line().strip_suffix('\n') == Some(line)).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_in_no_other_way() {
        let opened = OpenedText {
            position: Position::new(12),
            field: "content/text".to_owned(),
            opening: Opening::new([0xab; 32]),
            text: Text::parse("“quoted”\nand a second line").unwrap(),
        };
        let line = opened.to_line();
        let line = line.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "one line: {line}");
        assert!(OpenedText::read(line).unwrap() == opened);
        for other in [
            line.replace("12", "012"),
            line.replace("ab", "AB"),
            line.replace(":12", ": 12"),
            format!("{line} "),
            line.replace("\"field\"", "\"felt\""),
        ] {
            assert!(OpenedText::read(&other).is_none(), "{other}");
        }
    }
}
