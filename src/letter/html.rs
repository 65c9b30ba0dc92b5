//! The letter as a page of HTML, to be read on a screen and printed on A4. (`letter.html`)
//!
//! The templates are checked when they are compiled and escape all that is put into them: a text
//! is never markup. The page holds no script, asks for nothing from anywhere and carries its style.

use std::fmt;

use askama::Template;

use super::{Grades, Letter};

#[derive(Template)]
#[template(path = "letter.html", config = "src/letter/askama.toml")]
struct Page<'a> {
    letter: &'a Letter,
}

/// The table of grades, which stands in one place or another.
#[derive(Template)]
#[template(path = "grades.html", config = "src/letter/askama.toml")]
struct GradesTable<'a> {
    table: &'a Grades,
}

/// The letter as a whole page of HTML.
///
/// # Errors
/// None in fact: it is written into memory.
pub fn to_html(letter: &Letter) -> Result<String, fmt::Error> {
    Page { letter }.render().map_err(|_| fmt::Error)
}

impl Page<'_> {
    /// The table as markup, escaped already.
    fn grades(table: &Grades) -> Result<String, askama::Error> {
        GradesTable { table }.render()
    }
}
