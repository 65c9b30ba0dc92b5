//! Evidence as it is handed out, and what becomes of it once somebody changes it.
//!
//! A ledger that was told every event hands out all of itself and cases of one assessment; each is
//! verified without the service, and each change to it, however small, is refused or remarked on.

mod case;
mod changed;
mod flips;
mod forged;
mod recipients;
mod rewritten;
pub mod score;
mod told;
mod verb;
mod whole;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use judgement_ledger::{
    disk::RealDisk,
    evidence::{Report, Trust, Wrong, verify_case, verify_whole},
    journal::file::inspect,
    ledger::filing,
    merkle::{Checkpoint, Hash, SignedNote, Signer, Verifier},
    pb::{self, evidence_service_client::EvidenceServiceClient},
};
use tonic::{Status, Streaming};

use crate::served::{Authorised, Bearer, Clients};

fn evidence(clients: &Clients, login: &str) -> EvidenceServiceClient<Authorised> {
    let bearer = Bearer::new(&clients.token(login));
    EvidenceServiceClient::with_interceptor(clients.channel.clone(), bearer)
}

/// The newest checkpoint that the journal of a ledger keeps.
fn newest_checkpoint(home: &Path) -> SignedNote {
    let journal = RealDisk::at(home.join("data/journal")).unwrap();
    let found = inspect(&journal, &filing(), &mut |_| ControlFlow::Break(())).unwrap();
    SignedNote::parse(&found.checkpoint.unwrap()).unwrap()
}

fn read(note: &SignedNote) -> Checkpoint {
    Checkpoint::parse(note.unverified_text()).unwrap()
}

/// The key of a log, as whoever has the signer knows it.
fn key_of(home: &Path) -> Verifier {
    let seed = fs::read_to_string(home.join("signer/1.key")).unwrap();
    let seed = *Hash::parse(seed.trim_end()).unwrap().as_bytes();
    let name = read(&newest_checkpoint(home)).origin().key_name().unwrap();
    Signer::new(name, &seed).verifier()
}

/// The evidence of the whole ledger, written to a new folder.
async fn export_whole(clients: &Clients, purpose: &str, folder: &Path) {
    let request = pb::ExportEvidenceRequest { purpose: purpose.to_owned() };
    let files = evidence(clients, "auditor").export_evidence(request).await.unwrap().into_inner();
    write(files, folder).await.unwrap();
}

/// A case, written to a new folder.
async fn export_case(clients: &Clients, request: pb::ExportCaseRequest, folder: &Path) {
    let files = evidence(clients, "auditor").export_case(request).await.unwrap().into_inner();
    write(files, folder).await.unwrap();
}

fn case_of(assessment: &str, kind: pb::CaseKind) -> pb::ExportCaseRequest {
    pb::ExportCaseRequest {
        assessment: assessment.to_owned(),
        case_kind: kind.into(),
        purpose: "CO/1234/2007".to_owned(),
        exemptions: Vec::new(),
    }
}

fn exempt(position: u64, field: &str, exemption: &str) -> pb::Exemption {
    pb::Exemption { position, field: field.to_owned(), exemption: exemption.to_owned() }
}

async fn write(mut files: Streaming<pb::ExportedFile>, folder: &Path) -> Result<(), Status> {
    while let Some(part) = files.message().await? {
        let path = folder.join(&part.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(&part.content).unwrap();
    }
    Ok(())
}

/// The files of a folder by their paths in it.
fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let paths = crate::binary::digest(folder).into_keys();
    let files = paths.filter(|path| folder.join(path).is_file());
    files.map(|it| (it.to_str().unwrap().to_owned(), fs::read(folder.join(it)).unwrap())).collect()
}

/// A folder whose verification is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folder {
    Whole,
    Case,
}

impl Folder {
    fn verify(self, at: &Path, keys: &[Verifier]) -> Result<Report, Wrong> {
        let trust = Trust { keys: keys.to_vec() };
        match self {
            Self::Whole => verify_whole(at, &trust, &[], &mut |_| ()),
            Self::Case => verify_case(at, &trust, &mut |_| ()),
        }
    }
}

/// A copy of a folder, to be changed.
struct Copied {
    directory: tempfile::TempDir,
}

impl Copied {
    fn of(folder: &Path) -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        crate::binary::copy(folder, directory.path());
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.file(name), content).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }
}
