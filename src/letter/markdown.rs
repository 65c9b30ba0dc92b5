//! The letter as Markdown, with the tables that most of its readers know.

use super::{Chapter, Findings, GradeRow, Grades, Heading, Key, Letter, Run, Signatory};

/// The letter as Markdown. What people wrote is escaped: it is never markup.
#[must_use]
pub fn to_markdown(letter: &Letter) -> String {
    let mut page = Page(Vec::new());
    for notice in &letter.notices {
        page.block(format!("> {}", inline(notice)));
    }
    for head in &letter.letterheads {
        let line = |it: &super::Line| {
            if it.is_name { bold(&it.said) } else { inline(&it.said) }
        };
        page.lines(head.iter().map(line));
    }
    page.lines(letter.addressee.iter().map(|line| inline(line)));
    page.lines(letter.written_date().into_iter());
    page.paragraphs(letter.salutation.as_slice());
    page.block(format!("# {}", heading(&letter.title)));
    page.paragraphs(&letter.opening);
    page.tables(letter.table.as_ref());
    for section in &letter.sections {
        page.chapter(section);
    }
    page.paragraphs(&letter.confirmation);
    page.paragraphs(letter.valediction.as_slice());
    for signatory in &letter.signatories {
        page.signatory(signatory);
    }
    let mut text = page.0.join("\n\n");
    text.push('\n');
    text
}

/// The blocks of a page, in order.
struct Page(Vec<String>);

impl Page {
    fn block(&mut self, block: String) {
        self.0.push(block);
    }

    /// Lines below each other in one paragraph.
    fn lines(&mut self, lines: impl Iterator<Item = String>) {
        let lines: Vec<_> = lines.collect();
        if !lines.is_empty() {
            self.block(lines.join("\\\n"));
        }
    }

    fn paragraphs(&mut self, said: &[String]) {
        for one in said {
            self.block(paragraph(one));
        }
    }

    fn chapter(&mut self, it: &Chapter) {
        if let Some(said) = &it.heading {
            self.block(format!("## {}", heading(said)));
        }
        self.paragraphs(&it.lead_in);
        self.tables(it.table.as_ref());
        self.paragraphs(&it.paragraphs);
        if let Some(found) = &it.findings {
            self.block(findings(found));
        }
        let item = |aspect: &String| format!("- {}", paragraph(aspect).replace('\n', "\n  "));
        let aspects: Vec<_> = it.aspects.iter().map(item).collect();
        if !aspects.is_empty() {
            self.block(aspects.join("\n"));
        }
    }

    fn tables(&mut self, grades: Option<&Grades>) {
        let Some(grades) = grades else { return };
        let judged = |row: &GradeRow| vec![label(&row.label), cell(&row.grade)];
        self.block(table(&grades.headings, grades.rows.iter().map(judged)));
        if let Some(Key { headings, rows }) = &grades.key {
            let described = |(level, called): &(String, Vec<String>)| {
                std::iter::once(level).chain(called).map(|it| cell(it)).collect()
            };
            self.block(table(headings, rows.iter().map(described)));
        }
        for note in &grades.footnotes {
            let said = [inline(&note.marker), inline(&note.said)];
            let said: Vec<_> = said.into_iter().filter(|it| !it.is_empty()).collect();
            self.block(said.join(" "));
        }
    }

    fn signatory(&mut self, it: &Signatory) {
        let signature = it.signature.iter().map(|it| format!("*{}*", inline(it)));
        let lines = it.lines.iter().map(|line| inline(line));
        self.lines(signature.chain([bold(&it.name)]).chain(lines));
    }
}

fn table(headings: &[Heading], rows: impl Iterator<Item = Vec<String>>) -> String {
    let heading = |it: &Heading| {
        let said = std::iter::once(&it.said).chain(&it.markers).map(|it| cell(it));
        said.collect::<Vec<_>>().join(" ")
    };
    let rule = headings.iter().map(|_| "---".to_owned()).collect();
    let rows = [headings.iter().map(heading).collect(), rule].into_iter().chain(rows);
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    rows.map(line).collect::<Vec<_>>().join("\n")
}

fn findings(it: &Findings) -> String {
    let plain = |said: &String| Heading { said: said.clone(), markers: Vec::new() };
    let headings = [plain(&it.strengths_heading), plain(&it.improvements_heading)];
    let found = |runs: &[Run], found: &[String]| {
        let mut lines = Vec::new();
        if !runs.is_empty() && !found.is_empty() {
            lines.push(format!("**{}:**", label(runs)));
        }
        lines.extend(found.iter().map(|one| format!("• {}", cell(one))));
        lines.join("<br>")
    };
    let rows = it.rows.iter();
    let rows = rows
        .map(|row| vec![found(&row.label, &row.strengths), found(&row.label, &row.improvements)]);
    table(&headings, rows)
}

fn label(runs: &[Run]) -> String {
    let run = |run: &Run| {
        let said = cell(run.said.trim());
        let (before, after) = around(&run.said);
        if run.is_emphasised { format!("{before}*{said}*{after}") } else { cell(&run.said) }
    };
    runs.iter().map(run).collect()
}

/// The blanks at both ends: emphasis must not begin or end with one.
fn around(said: &str) -> (&str, &str) {
    let begin = if said.starts_with(' ') { " " } else { "" };
    let end = if said.ends_with(' ') { " " } else { "" };
    (begin, end)
}

fn bold(said: &str) -> String {
    format!("**{}**", inline(said))
}

/// A text as a paragraph: its lines below each other, as its writer broke them.
fn paragraph(said: &str) -> String {
    let lines: Vec<_> = said.lines().map(inline).collect();
    lines.join("\\\n")
}

/// A text in a cell of a table, which has one line.
fn cell(said: &str) -> String {
    let lines: Vec<_> = said.lines().map(escaped).collect();
    lines.join("<br>")
}

/// A text as a heading, which has one line.
fn heading(said: &str) -> String {
    inline(&said.lines().collect::<Vec<_>>().join(" "))
}

/// A line that begins no list, heading, quote or rule, whatever it begins with.
fn inline(said: &str) -> String {
    let line = escaped(said.trim_start());
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = line.split_at(digits);
    if line.starts_with(['#', '+', '-', '=']) {
        format!("\\{line}")
    } else if digits > 0 && rest.starts_with(['.', ')']) {
        format!("{number}\\{rest}")
    } else {
        line
    }
}

/// A text without markup in it.
fn escaped(said: &str) -> String {
    let mut out = String::with_capacity(said.len());
    for letter in said.chars() {
        if matches!(letter, '\\' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '|' | '&' | '~') {
            out.push('\\');
        }
        out.push(if letter.is_control() { ' ' } else { letter });
    }
    out
}
