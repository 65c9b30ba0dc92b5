//! Import files as steps, each knowing its number and line.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    cli::{
        failure::Failure,
        json::{self, ReadError},
    },
    pb::{self, command::Order, import_step},
    record::line_of,
};

/// The largest file: it is held in memory whole. More is imported in parts.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// The credential of a step that names none.
pub(super) const DEFAULT_CREDENTIAL: &str = "default";

/// One step of an import.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Step {
    /// Which of the file's steps, from 1.
    pub(in crate::cli) number: usize,
    /// The line on which it begins, from 1.
    pub(in crate::cli) line: usize,
    /// What is sent, and whose login sends it.
    pub(in crate::cli) message: pb::ImportStep,
}

impl Step {
    /// Reads `json`, which begins on `line` of `origin`.
    pub(in crate::cli) fn read(
        json: &str,
        number: usize,
        (origin, line): (&str, usize),
    ) -> Result<Self, Failure> {
        let message: pb::ImportStep =
            json::read(json).map_err(|error| malformed(origin, line, &error))?;
        let step = Self { number, line, message };
        if step.kind().is_none() {
            let what = "a step says registerFramework, registerSubject, renameSubject, \
                        publishAssessments, or command with one order";
            return Err(Failure::Malformed { origin: origin.into(), line, what: what.into() });
        }
        Ok(step)
    }

    /// Whose login sends it.
    pub(in crate::cli) fn credential(&self) -> &str {
        match self.message.credential.as_str() {
            "" => DEFAULT_CREDENTIAL,
            named => named,
        }
    }

    /// What it does and to what, as the file says it: `setGrade being-healthy`.
    pub(in crate::cli) fn title(&self) -> String {
        let (kind, about) = self.kind().unwrap_or(("nothing", ""));
        format!("step {} on line {}, {kind} {about}", self.number, self.line)
    }

    fn kind(&self) -> Option<(&'static str, &str)> {
        Some(match self.message.step.as_ref()? {
            import_step::Step::RegisterFramework(it) => {
                ("registerFramework", it.framework.as_ref().map_or("", |it| it.name.as_str()))
            }
            import_step::Step::RegisterSubject(it) => ("registerSubject", it.subject.as_str()),
            import_step::Step::RenameSubject(it) => ("renameSubject", it.subject.as_str()),
            import_step::Step::PublishAssessments(it) => {
                let first = it.publications.first();
                ("publishAssessments", first.map_or("", |first| first.assessment.as_str()))
            }
            import_step::Step::Command(command) => match command.order.as_ref()? {
                Order::OpenAssessment(it) => ("openAssessment", it.assessment.as_str()),
                Order::SetAddressee(it) => ("setAddressee", it.assessment.as_str()),
                Order::SetGrade(it) => ("setGrade", it.area.as_str()),
                Order::RecordEntry(it) => ("recordEntry", it.entry_id.as_str()),
                Order::ReviseEntry(it) => ("reviseEntry", it.entry_id.as_str()),
                Order::LockAssessment(it) => ("lockAssessment", it.assessment.as_str()),
                Order::SignOffAssessment(it) => ("signOffAssessment", it.organisation.as_str()),
                Order::PublishAssessment(it) => ("publishAssessment", it.assessment.as_str()),
                Order::RefuseSignOff(it) => ("refuseSignOff", it.organisation.as_str()),
                Order::ReopenAssessment(it) => ("reopenAssessment", it.assessment.as_str()),
                Order::WithdrawAssessment(it) => ("withdrawAssessment", it.assessment.as_str()),
                Order::PlaceHold(it) => ("placeHold", it.hold_id.as_str()),
                Order::ReleaseHold(it) => ("releaseHold", it.hold_id.as_str()),
                Order::ReceiveChallenge(it) => ("receiveChallenge", it.challenge_id.as_str()),
                Order::DecideChallenge(it) => ("decideChallenge", it.challenge_id.as_str()),
                Order::ShareDraft(it) => ("shareDraft", it.assessment.as_str()),
                Order::CorrectRecord(it) => ("correctRecord", it.assessment.as_str()),
            },
        })
    }

    /// The circumstances of what is sent: one, but of several publications.
    pub(super) fn acts_mut(&mut self) -> Vec<&mut pb::Act> {
        let acts: Vec<&mut Option<pb::Act>> = match self.message.step.as_mut() {
            None => Vec::new(),
            Some(import_step::Step::RegisterFramework(it)) => vec![&mut it.act],
            Some(import_step::Step::RegisterSubject(it)) => vec![&mut it.act],
            Some(import_step::Step::RenameSubject(it)) => vec![&mut it.act],
            Some(import_step::Step::PublishAssessments(it)) => {
                it.publications.iter_mut().map(|it| &mut it.act).collect()
            }
            Some(import_step::Step::Command(command)) => {
                command.order.as_mut().map(act_of).into_iter().collect()
            }
        };
        acts.into_iter().map(Option::get_or_insert_default).collect()
    }
}

fn act_of(order: &mut Order) -> &mut Option<pb::Act> {
    match order {
        Order::OpenAssessment(it) => &mut it.act,
        Order::SetAddressee(it) => &mut it.act,
        Order::SetGrade(it) => &mut it.act,
        Order::RecordEntry(it) => &mut it.act,
        Order::ReviseEntry(it) => &mut it.act,
        Order::LockAssessment(it) => &mut it.act,
        Order::SignOffAssessment(it) => &mut it.act,
        Order::PublishAssessment(it) => &mut it.act,
        Order::RefuseSignOff(it) => &mut it.act,
        Order::ReopenAssessment(it) => &mut it.act,
        Order::WithdrawAssessment(it) => &mut it.act,
        Order::PlaceHold(it) => &mut it.act,
        Order::ReleaseHold(it) => &mut it.act,
        Order::ReceiveChallenge(it) => &mut it.act,
        Order::DecideChallenge(it) => &mut it.act,
        Order::ShareDraft(it) => &mut it.act,
        Order::CorrectRecord(it) => &mut it.act,
    }
}

/// The steps of the file at `path`, or of stdin if it is `-`.
pub(super) fn read(path: &Path) -> Result<Vec<Step>, Failure> {
    let origin = origin(path);
    let failed = |source| Failure::File { doing: "read", path: path.to_owned(), source };
    let reader: Box<dyn io::Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut text = String::new();
    let read = reader.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read >= FILE_BYTES_MAX) {
        return Err(Failure::misused(format!(
            "{origin} holds {FILE_BYTES_MAX} bytes or more: import it in parts, as JSON Lines"
        )));
    }
    parse(&text, &origin)
}

/// How messages call the file at `path`.
pub(super) fn origin(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
}

/// The steps in `text`.
pub(super) fn parse(text: &str, origin: &str) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let value = value.map_err(|error| malformed(origin, 1, &error.into()))?;
        for step in steps_in(value.get()) {
            let number = steps.len().saturating_add(1);
            steps.push(Step::read(step, number, (origin, line_of(text, step)))?);
        }
    }
    if steps.is_empty() {
        let what = "there are no steps: {\"steps\": [...]}, or a step a line".to_owned();
        return Err(Failure::Malformed { origin: origin.to_owned(), line: 1, what });
    }
    Ok(steps)
}

/// The steps of a whole file, or the value itself as a step.
fn steps_in(value: &str) -> Vec<&str> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole<'a> {
        #[serde(borrow)]
        steps: Vec<&'a RawValue>,
    }
    match serde_json::from_str::<Whole<'_>>(value) {
        Ok(whole) => whole.steps.into_iter().map(RawValue::get).collect(),
        Err(_) => vec![value],
    }
}

/// `error` in a value that begins on `line`, with the line of the file instead of the value's.
fn malformed(origin: &str, line: usize, error: &ReadError) -> Failure {
    let mut what = error.to_string();
    let mut at = line;
    if let ReadError::Json(error) = error
        && error.line() > 0
    {
        at = line.saturating_add(error.line()).saturating_sub(1);
        let place = format!(" at line {} column {}", error.line(), error.column());
        what = what.strip_suffix(&place).unwrap_or(&what).to_owned();
    }
    Failure::Malformed { origin: origin.to_owned(), line: at, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = r#"{"registerSubject": {"subject": "subjects/leicester-city"}}"#;
    const GRADE: &str =
        r#"{"credential": "a", "command": {"setGrade": {"area": "being-healthy"}}}"#;

    fn titles(text: &str) -> Vec<String> {
        parse(text, "test").unwrap().iter().map(Step::title).collect()
    }

    fn refused(text: &str) -> String {
        parse(text, "test").unwrap_err().to_string()
    }

    #[test]
    fn a_file_holds_its_steps_in_a_list_or_a_line_each() {
        let one = "step 1 on line 1, registerSubject subjects/leicester-city";
        assert_eq!(
            titles(&format!("{SUBJECT}\n\n{GRADE}\n")),
            [one, "step 2 on line 3, setGrade being-healthy"]
        );
        assert_eq!(
            titles(&format!("{{\"steps\":\n [\n {SUBJECT},\n\n {GRADE}]}}")),
            [
                "step 1 on line 3, registerSubject subjects/leicester-city",
                "step 2 on line 5, setGrade being-healthy"
            ]
        );
    }

    #[test]
    fn a_step_names_its_credential_or_has_the_default_one() {
        let steps = parse(&format!("{SUBJECT}{GRADE}"), "test").unwrap();
        let credentials: Vec<_> = steps.iter().map(Step::credential).collect();
        assert_eq!(credentials, ["default", "a"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!(
            refused(&format!("{SUBJECT}\n{{\"command\":\n{{\"setGrade\": {{\"aria\": 1}}}}}}")),
            "test, line 3: unrecognized field name 'aria'"
        );
        assert_eq!(
            refused("{\"credential\": \"a\"}"),
            "test, line 1: a step says registerFramework, registerSubject, renameSubject, \
             publishAssessments, or command with one order"
        );
        assert_eq!(refused("\n\n{"), "test, line 3: EOF while parsing an object");
        assert_eq!(
            refused("{\"steps\": []}"),
            "test, line 1: there are no steps: {\"steps\": [...]}, or a step a line"
        );
        assert!(refused("{\"steps\": [], \"commands\": []}").contains("line 1"));
    }
}
