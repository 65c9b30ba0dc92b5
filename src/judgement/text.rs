//! Text: what a person typed, and the only thing in the ledger that can be erased.

use std::fmt;

/// The longest text, in bytes of UTF-8. (Spec §4.10)
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// UTF-8 of at most [`TEXT_BYTES_MAX`] bytes that a person typed: a rationale, a paragraph of the
/// letter, a name. (Spec §2)
///
/// A record never holds one, only its salted commitment. So that no text strays into a log or an
/// error message, there is no `Display`, and `Debug` tells the length alone.
///
/// # Examples
/// ```
/// use judgement_ledger::judgement::{TEXT_BYTES_MAX, Text, TextTooLong};
///
/// let text = Text::parse("Requires improvement")?;
/// assert_eq!(text.as_str(), "Requires improvement");
/// assert_eq!(format!("{text:?}"), "Text(<20 bytes>)");
///
/// let long = "x".repeat(TEXT_BYTES_MAX + 1);
/// assert_eq!(Text::parse(long), Err(TextTooLong { bytes: TEXT_BYTES_MAX + 1 }));
/// # Ok::<(), TextTooLong>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Takes `text` as it is: nothing is trimmed, normalised or refused but for its length. An
    /// empty text is a text.
    ///
    /// # Errors
    /// [`TextTooLong`] past [`TEXT_BYTES_MAX`] bytes.
    pub fn parse(text: impl Into<String>) -> Result<Self, TextTooLong> {
        let text = text.into();
        if text.len() > TEXT_BYTES_MAX {
            return Err(TextTooLong { bytes: text.len() });
        }
        Ok(Self(text))
    }

    /// The text itself, for those entitled to read it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, given away.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// Its length in bytes of UTF-8.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no character.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text(<{} bytes>)", self.len())
    }
}

/// A text of more than [`TEXT_BYTES_MAX`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text has {bytes} bytes; at most {TEXT_BYTES_MAX} are kept")]
pub struct TextTooLong {
    /// How many bytes it has.
    pub bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_at_most_64_kib() {
        let longest = Text::parse("x".repeat(65_536)).unwrap();
        assert_eq!(longest.len(), 65_536);
        // 32,769 characters, but 65,538 bytes.
        assert_eq!(Text::parse("é".repeat(32_769)), Err(TextTooLong { bytes: 65_538 }));
    }

    #[test]
    fn a_text_never_shows_itself() {
        let shown = format!("{:?} {:#?}", Some(Text::parse("a child's name").unwrap()), "");
        assert_eq!(shown, "Some(Text(<14 bytes>)) \"\"");
        assert!(Text::parse("").unwrap().is_empty());
    }
}
