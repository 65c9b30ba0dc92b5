//! A ledger that was told every event, and what it handed out: made once for all tests that change
//! it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use judgement_ledger::{
    merkle::{SignedNote, Verifier},
    pb,
};
use tempfile::TempDir;

use super::{case_of, exempt, export_case, export_whole, key_of, newest_checkpoint};
use crate::{
    binary::copy,
    erasure::{erase_wholly, erase_wholly_as},
    served::{Clients, Ground, Served},
    story::{Telling, assessment_of, tell},
};

/// What the withheld record and text are withheld for.
pub const EXEMPTION: &str = "FOIA 2000 s.40(2), \"third parties\"";

/// The story with a text erased in it, and the name of a person.
pub struct Story {
    /// The assessment.
    pub name: String,
    /// Records of the assessment: the one whose rationale is erased, and the order.
    pub redacted: u64,
    pub order: u64,
    /// The record that has the name of the panel's member, and the order to erase it.
    pub named: u64,
    /// A text of the assessment that is there: its record, its field and what it says.
    pub open: (u64, &'static str, &'static str),
    /// The signature of the organisation that signed first.
    pub signature: u64,
    /// A checkpoint that was signed in the midst of it.
    pub midst: SignedNote,
}

/// The records of some kinds; all if none is named.
pub async fn records_of(clients: &Clients, events: &[&str]) -> Vec<pb::StreamedRecord> {
    let request = pb::StreamRecordsRequest {
        events: events.iter().map(|&it| it.to_owned()).collect(),
        catch_up_only: true,
        ..pb::StreamRecordsRequest::default()
    };
    let mut stream = clients.audits().stream_records(request).await.unwrap().into_inner();
    let mut found = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        if let Some(pb::stream_records_response::Message::Record(it)) = message.message {
            found.push(it);
        }
    }
    // Who reads a stream is recorded as well: those are not what is asked about.
    found.retain(|it| !it.record.as_ref().is_some_and(is_reading));
    found
}

fn is_reading(record: &pb::Record) -> bool {
    match &record.event {
        Some(pb::record::Event::AccessRecorded(access)) => {
            access.access_kind() == pb::AccessKind::Stream
        }
        _ => false,
    }
}

async fn stored(clients: &Clients, event: &str) -> Vec<pb::Record> {
    records_of(clients, &[event]).await.into_iter().map(|it| it.record.unwrap()).collect()
}

impl Story {
    /// Tells it.
    pub async fn tell(clients: &Clients, home: &Path) -> Self {
        Self::tell_pausing(clients, home, &|| ()).await
    }

    /// The same, with a pause before anything is erased.
    pub async fn tell_pausing(clients: &Clients, home: &Path, pause: &(dyn Fn() + Sync)) -> Self {
        let telling = Telling { long_text_bytes: 2_000, evidence: 4 };
        tell(clients, 0, telling).await;
        let name = assessment_of(0);
        let graded = stored(clients, "GradeSet").await;
        let last_of = |area: &str| {
            let of = graded.iter().filter(|it| match &it.event {
                Some(pb::record::Event::GradeSet(set)) => set.area == area,
                _ => false,
            });
            of.map(|it| it.position).max().unwrap()
        };
        let redacted = last_of("capacity-to-improve");
        let open = (last_of("enjoying-and-achieving"), "rationale", "weighed again");
        let signature = stored(clients, "SignedOff").await[0].position;
        pause();
        let order = erase_wholly(clients, redacted, "rationale").await;
        // Its order was covered before the key was destroyed.
        let midst = newest_checkpoint(home);
        let persons = stored(clients, "PersonRegistered").await;
        let member = persons.iter().find(|it| match &it.event {
            Some(pb::record::Event::PersonRegistered(event)) => event.organisation == "csci",
            _ => false,
        });
        let named = member.unwrap().position;
        // Whose name it is, their officers decide.
        erase_wholly_as(clients, ["csci-officer", "csci-officer-2"], named, "name").await;
        Self { name, redacted, order, named, open, signature, midst }
    }
}

/// The directory of the ledger after a clean stop, and what it handed out.
pub struct Told {
    directory: TempDir,
    pub story: Story,
    /// The log's key.
    pub key: Verifier,
}

/// The one ledger that is told.
pub fn told() -> &'static Told {
    static TOLD: OnceLock<Told> = OnceLock::new();
    TOLD.get_or_init(|| {
        let teller = std::thread::spawn(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(Told::tell())
        });
        teller.join().unwrap()
    })
}

/// A place where the segments are small, so that flips in them fall on something.
pub fn ground(at: &Path) -> Ground {
    let mut ground = Ground::at(at);
    ground.segment_bytes = 64 << 10;
    ground
}

impl Told {
    async fn tell() -> Self {
        let directory = TempDir::new().unwrap();
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        let served = Served::on(ground(&home)).await.unwrap();
        let clients = served.clients();
        let keys = (home.join("data/keys"), directory.path().join("keys"));
        let story = Story::tell_pausing(&clients, &home, &|| copy(&keys.0, &keys.1)).await;
        let key = key_of(&home);
        export_whole(&clients, "yearly audit", &directory.path().join("whole")).await;
        let court = case_of(&story.name, pb::CaseKind::Court);
        export_case(&clients, court.clone(), &directory.path().join("court")).await;
        let withheld = pb::ExportCaseRequest {
            case_kind: pb::CaseKind::InformationRequest.into(),
            exemptions: vec![
                exempt(story.open.0, story.open.1, EXEMPTION),
                exempt(story.signature, "", EXEMPTION),
            ],
            ..court
        };
        export_case(&clients, withheld, &directory.path().join("withheld")).await;
        served.stop().await;
        Self { directory, story, key }
    }

    /// What holds the data directory, the master key and the signer.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// The keyring as it was before anything was erased.
    pub fn earlier_keys(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    /// Evidence of the whole ledger.
    pub fn whole(&self) -> PathBuf {
        self.directory.path().join("whole")
    }

    /// A case in which nothing is withheld.
    pub fn court(&self) -> PathBuf {
        self.directory.path().join("court")
    }

    /// A case in which a text and a record are withheld.
    pub fn withheld(&self) -> PathBuf {
        self.directory.path().join("withheld")
    }
}
