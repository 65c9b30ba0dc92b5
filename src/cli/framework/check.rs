//! `framework check` and `framework schema`: framework files, without a server.

use std::{fs, path::PathBuf};

use clap::Args;

use crate::{
    cli::{
        failure::Failure,
        output::{Format, Output},
    },
    judgement::Framework,
    record::{BadJson, Fault, framework_from_json, framework_of, framework_schema, locate},
};

/// What `framework check` is told.
#[derive(Debug, Clone, Args)]
pub struct CheckFlags {
    /// The framework file; `judgement-ledger framework schema` describes its format.
    pub file: PathBuf,
    /// How faults are shown.
    #[arg(long, env = "JUDGEMENT_LEDGER_FORMAT", default_value = "table")]
    pub format: Format,
}

/// Says that the file is sound, or all that is wrong with it.
pub(super) fn check(flags: &CheckFlags, output: &mut Output) -> Result<(), Failure> {
    let failed = |source| Failure::File { doing: "read", path: flags.file.clone(), source };
    let text = fs::read_to_string(&flags.file).map_err(failed)?;
    let origin = flags.file.display().to_string();
    let message = framework_from_json(&text).map_err(|error| malformed(&origin, &error))?;
    match framework_of(&message) {
        Ok(framework) => output.line(&sound(&framework, flags.format)),
        Err(faults) => {
            let told = faults.iter().map(|fault| Told::of(fault, &text));
            let lines: Vec<_> = told.flat_map(|it| it.lines(&origin, flags.format)).collect();
            output.lines(&lines)?;
            let what = match faults.len() {
                1 => format!("{origin} has a fault: mend it, then check the file again"),
                count => format!("{origin} has {count} faults: mend them, then check it again"),
            };
            Err(Failure::Incomplete { what })
        }
    }
}

/// Prints the schema of framework files.
pub(super) fn schema(output: &mut Output) -> Result<(), Failure> {
    let schema = framework_schema().map_err(|error| Failure::Json(Box::new(error)))?;
    output.line(&schema)
}

fn sound(framework: &Framework, format: Format) -> String {
    match format {
        Format::Json => serde_json::json!({ "framework": framework.id.to_string() }).to_string(),
        Format::Table => format!(
            "{} is sound: {} areas, {} sections, {} scales. Register it with RegisterFramework, or \
             as a step of an import file.",
            framework.id,
            framework.areas.len(),
            framework.sections.len(),
            framework.scales.len()
        ),
    }
}

/// JSON that is no framework has one fault that is told: where its reading ends.
fn malformed(origin: &str, error: &BadJson) -> Failure {
    let line = match error {
        BadJson::Json(error) => error.line().max(1),
        BadJson::NoSuchMessage { .. } | BadJson::OtherMessage { .. } => 1,
    };
    let what = format!("{error}; `judgement-ledger framework schema` says what may stand there");
    Failure::Malformed { origin: origin.to_owned(), line, what }
}

/// A fault with its place in the file.
struct Told<'a> {
    fault: &'a Fault,
    path: String,
    line: usize,
}

impl<'a> Told<'a> {
    fn of(fault: &'a Fault, text: &str) -> Self {
        let (path, line) = locate(text, &fault.path);
        Self { fault, path, line }
    }

    fn lines(&self, origin: &str, format: Format) -> Vec<String> {
        let Fault { what, next, .. } = self.fault;
        match format {
            Format::Json => {
                let (path, line) = (&self.path, self.line);
                let fault = serde_json::json!({
                    "path": path, "line": line, "what": what, "next": next,
                });
                vec![fault.to_string()]
            }
            Format::Table => vec![
                format!("{origin}, line {}: {}: {what}", self.line, self.path),
                format!("  next: {next}"),
            ],
        }
    }
}
