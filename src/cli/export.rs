//! `export`: evidence as a folder that verifies without the service.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};
use indicatif::ProgressBar;
use tonic::Streaming;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    output::{self, Format, Output},
};
use crate::{judgement::AssessmentId, pb};

pub(super) const AFTER_HELP: &str = "\
The handing out is recorded in the ledger before anything is sent, with your login and the purpose:
whoever has the texts with their openings can prove them for ever, also after they are erased.

  judgement-ledger export --evidence DIR --purpose 'yearly audit'
  judgement-ledger export --case leicester-city/apa-2006 DIR --for court --purpose 'CO/1234/2007'
  judgement-ledger verify DIR";

/// What `export` is told.
#[derive(Debug, Clone, Args)]
pub struct ExportFlags {
    /// The folder to be written: it must not exist, or be empty.
    #[arg(value_name = "DIR")]
    pub path: PathBuf,
    /// Evidence of the whole ledger. Needs the auditor.
    #[arg(
        long,
        env = "JUDGEMENT_LEDGER_EVIDENCE",
        required_unless_present = "case",
        conflicts_with = "case"
    )]
    pub evidence: bool,
    /// One assessment, for a court or an information request. Needs the auditor or the records
    /// officer.
    #[arg(
        long,
        value_name = "ASSESSMENT",
        env = "JUDGEMENT_LEDGER_CASE",
        requires = "case_for",
        value_parser = flags::assessment
    )]
    pub case: Option<AssessmentId>,
    /// What a case is for.
    #[arg(long = "for", env = "JUDGEMENT_LEDGER_CASE_FOR", requires = "case", value_parser = case_kind())]
    pub case_for: Option<pb::CaseKind>,
    /// For what it is taken out, in words that are recorded.
    #[arg(long, env = "JUDGEMENT_LEDGER_PURPOSE")]
    pub purpose: String,
    /// Withholds a text of a case, or a whole record: `POSITION/FIELD=EXEMPTION` or
    /// `POSITION=EXEMPTION`, for example `41/rationale=FOIA 2000 s.40(2)`. May be repeated.
    #[arg(long, value_name = "ITEM", env = "JUDGEMENT_LEDGER_WITHHOLD", requires = "case", value_parser = exemption)]
    pub withhold: Vec<pb::Exemption>,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

fn case_kind() -> impl TypedValueParser<Value = pb::CaseKind> {
    PossibleValuesParser::new(["court", "information-request"]).map(|word| match word.as_str() {
        "court" => pb::CaseKind::Court,
        _ => pb::CaseKind::InformationRequest,
    })
}

fn exemption(given: &str) -> Result<pb::Exemption, String> {
    let wanted = || "say POSITION/FIELD=EXEMPTION or POSITION=EXEMPTION".to_owned();
    let (item, exemption) = given.split_once('=').ok_or_else(wanted)?;
    let (position, field) = item.split_once('/').unwrap_or((item, ""));
    let position = position.trim().parse().map_err(|_| wanted())?;
    let (field, exemption) = (field.trim().to_owned(), exemption.trim().to_owned());
    Ok(pb::Exemption { position, field, exemption })
}

/// Writes the folder.
pub(super) async fn run(flags: &ExportFlags, output: &mut Output) -> Result<(), Failure> {
    let folder = NewFolder::begin(&flags.path)?;
    let client = Client::connect(&flags.client).await?;
    let purpose = flags.purpose.clone();
    let (doing, answer) = if let Some(assessment) = &flags.case {
        let kind = flags.case_for.unwrap_or(pb::CaseKind::Unspecified);
        let request = pb::ExportCaseRequest {
            assessment: assessment.to_string(),
            case_kind: i32::from(kind),
            purpose,
            exemptions: flags.withhold.clone(),
        };
        (format!("the case of {assessment}"), client.evidence().export_case(request).await)
    } else {
        let request = pb::ExportEvidenceRequest { purpose };
        ("evidence of the ledger".to_owned(), client.evidence().export_evidence(request).await)
    };
    let files = answer.map_err(|status| Failure::refused(&doing, status))?.into_inner();
    let written = folder.fill(&doing, files).await?;
    let path = flags.path.display();
    match flags.client.format {
        Format::Json => {
            let told = serde_json::json!({ "folder": path.to_string(), "files": written.files, "bytes": written.bytes });
            output.line(&told.to_string())
        }
        Format::Table => output.lines(&[
            format!("{path}: {} files, {} bytes", written.files, written.bytes),
            format!("check it, without the service: judgement-ledger verify {path}"),
        ]),
    }
}

/// How much was written.
#[derive(Debug, Default)]
struct Written {
    files: u64,
    bytes: u64,
}

/// A folder that is being written, and was empty before.
struct NewFolder<'a> {
    root: &'a Path,
}

impl<'a> NewFolder<'a> {
    fn begin(root: &'a Path) -> Result<Self, Failure> {
        let failed = |source| Failure::File { doing: "create", path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(failed)?;
        if fs::read_dir(root).map_err(failed)?.next().is_some() {
            let what = format!("{} is not empty: name a new folder", root.display());
            return Err(Failure::misused(what));
        }
        Ok(Self { root })
    }

    async fn fill(
        &self,
        doing: &str,
        mut files: Streaming<pb::ExportedFile>,
    ) -> Result<Written, Failure> {
        let (mut written, bar) = (Written::default(), ProgressBar::hidden());
        if output::is_watched() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        while let Some(part) =
            files.message().await.map_err(|status| Failure::refused(doing, status))?
        {
            written.files = written.files.saturating_add(u64::from(self.append(&part)?));
            let bytes = u64::try_from(part.content.len()).unwrap_or(u64::MAX);
            written.bytes = written.bytes.saturating_add(bytes);
            bar.set_message(format!("{} files", written.files));
            bar.tick();
        }
        bar.finish_and_clear();
        Ok(written)
    }

    /// Writes a part of a file; whether the file is new.
    fn append(&self, part: &pb::ExportedFile) -> Result<bool, Failure> {
        if !is_safe(&part.path) {
            return Err(Failure::Unexpected { what: "path that stays in the folder" });
        }
        let path = self.root.join(&part.path);
        let failed = |source| Failure::File { doing: "write", path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let new = !path.exists();
        let file = fs::OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(&part.content)).map_err(failed)?;
        Ok(new)
    }
}

/// Whether a path that a server names leads into the folder and nowhere else.
fn is_safe(path: &str) -> bool {
    let name = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        !name.is_empty() && name != "." && name != ".." && name.bytes().all(plain)
    };
    path.split('/').all(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_in_the_folder_are_written() {
        for good in ["checkpoint", "tile/entries/x001/234.p/12", "records/7.record"] {
            assert!(is_safe(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "a\\b", "c:x", "a b", "ä"]
        {
            assert!(!is_safe(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_withheld_is_named_by_its_place() {
        let read = exemption("41/content/text= FOIA 2000 s.40(2) ").unwrap();
        let field = "content/text".to_owned();
        assert_eq!(
            read,
            pb::Exemption { position: 41, field, exemption: "FOIA 2000 s.40(2)".to_owned() }
        );
        assert_eq!(exemption("41=s.31").unwrap().field, "");
        for bad in ["41", "x=y", "/rationale=s.31"] {
            assert!(exemption(bad).is_err(), "{bad}");
        }
    }
}
