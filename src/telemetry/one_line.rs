//! An event is one line, whatever it quotes.
//!
//! Clients choose much of what errors quote. A line break in it would make a second line that looks
//! like the server's own, and an escape sequence would do as it likes with the terminal of whoever
//! reads the log. JSON escapes both; of text this does.

use std::io;

use tracing_subscriber::fmt::MakeWriter;

/// Begins the sequences by which events are coloured on a terminal. Of those in values the library
/// takes care itself.
const ESCAPE: char = '\u{1b}';

/// Writes each event as one line to stderr.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneLine {
    colours: bool,
}

impl OneLine {
    /// To stderr; with `colours`, the sequences that make them are let through.
    pub(super) fn stderr(colours: bool) -> Self {
        Self { colours }
    }
}

impl<'w> MakeWriter<'w> for OneLine {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        *self
    }
}

impl io::Write for OneLine {
    /// Takes a whole event, as the formatter gives it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = escaped(&String::from_utf8_lossy(event), self.colours);
        io::Write::write_all(&mut io::stderr().lock(), line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut io::stderr().lock())
    }
}

/// The event with one line break, at its end.
fn escaped(event: &str, colours: bool) -> String {
    let mut line = String::with_capacity(event.len().saturating_add(1));
    for letter in event.strip_suffix('\n').unwrap_or(event).chars() {
        let breaks = matches!(letter, '\u{2028}' | '\u{2029}');
        if (letter.is_control() && !(colours && letter == ESCAPE)) || breaks {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_quotes_makes_no_second_line() {
        let quoted = "INFO a: x=\u{1b}[31mred\r\n2026-01-01 INFO forged\u{7}\u{2028}\u{85}ä\n";
        let line = escaped(quoted, false);
        assert_eq!(
            line,
            "INFO a: x=\\u{1b}[31mred\\r\\n2026-01-01 INFO forged\\u{7}\\u{2028}\\u{85}ä\n"
        );
        assert_eq!(
            escaped("\u{1b}[32mINFO\u{1b}[0m a\nb\n", true),
            "\u{1b}[32mINFO\u{1b}[0m a\\nb\n"
        );
    }
}
