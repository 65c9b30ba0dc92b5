//! `checkpoint` and `proof`: evidence to keep, checked before it is handed on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    json,
    output::{self, Format, Output},
};
use crate::{
    judgement::AssessmentId,
    merkle::{
        Checkpoint, EntryBundle, Hash, InclusionProof, Origin, SignedNote, Tile, TlogProof,
        Verifier, leaf_hash,
    },
    pb,
    record::Record,
};

/// How many records are asked for at once.
const PAGE: i32 = 200;

/// What `checkpoint` is told.
#[derive(Debug, Clone, Args)]
pub struct CheckpointFlags {
    /// Wait until it covers this position, a receipt's: five seconds at most.
    #[arg(long, value_name = "POSITION", env = "JUDGEMENT_LEDGER_MIN_POSITION")]
    pub min_position: Option<u64>,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// What `proof` is told.
#[derive(Debug, Clone, Args)]
pub struct ProofFlags {
    /// The assessment all of whose records are proven: `leicester-city/apa-2006`.
    #[arg(value_parser = flags::assessment, required_unless_present = "position")]
    pub name: Option<AssessmentId>,
    /// The position of one record instead, a receipt's.
    #[arg(long, env = "JUDGEMENT_LEDGER_POSITION", conflicts_with = "name",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub position: Option<u64>,
    /// Where the proof goes: a file, by custom `NAME.tlog-proof`; for an assessment a directory, made
    /// if it is not there, with a file for each record. Default: only checked, and one printed.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_OUT")]
    pub out: Option<PathBuf>,
    /// Write each record as it is stored beside its proof, as `NAME.record`.
    #[arg(long, env = "JUDGEMENT_LEDGER_WITH_RECORD", requires = "out")]
    pub with_record: bool,
    /// A key of the ledger's that you trust. May be repeated. Default: those that the server tells.
    #[arg(long = "key", value_name = "VKEY", env = "JUDGEMENT_LEDGER_LOG_KEYS",
          value_delimiter = ',', value_parser = vkey)]
    pub keys: Vec<Verifier>,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

fn vkey(given: &str) -> Result<Verifier, String> {
    Verifier::parse(given).map_err(|error| error.to_string())
}

/// Prints the newest checkpoint, word for word.
pub(super) async fn checkpoint(
    flags: &CheckpointFlags,
    output: &mut Output,
) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let request = pb::GetCheckpointRequest { min_size: flags.min_position.unwrap_or(0) };
    let answer = client.transparency().get_checkpoint(request).await;
    let told = answer.map_err(|status| Failure::refused("the checkpoint", status))?.into_inner();
    match flags.client.format {
        Format::Json => output.line(&json::line(&told)?),
        Format::Table => output.write(&told.note),
    }
}

/// Proves one record, or all of an assessment.
pub(super) async fn proof(flags: &ProofFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    match (&flags.name, flags.position) {
        (Some(name), _) => of_assessment(&client, flags, name, output).await,
        (None, position) => of_record(&client, flags, position.unwrap_or(1), output).await,
    }
}

/// A server that says what cannot be.
fn unproven(what: impl Into<String>) -> Failure {
    Failure::Incomplete { what: what.into() }
}

/// A checkpoint that is believed.
struct Believed {
    note: SignedNote,
    checkpoint: Checkpoint,
    origin: Origin,
    keys: Vec<Verifier>,
}

impl Believed {
    fn of(told: Option<&pb::Checkpoint>, trusted: &[Verifier]) -> Result<Self, Failure> {
        let told = told.ok_or(Failure::Unexpected { what: "checkpoint" })?;
        let parsed = told.keys.iter().filter_map(|key| Verifier::parse(key).ok());
        let keys: Vec<_> = if trusted.is_empty() { parsed.collect() } else { trusted.to_vec() };
        let name = keys.first().map(|key| key.name().clone());
        let origin = name.map(Origin::from).ok_or(Failure::Unexpected { what: "key" })?;
        let note = SignedNote::parse(&told.note);
        let note = note.map_err(|error| unproven(format!("the checkpoint: {error}")))?;
        let checkpoint = Checkpoint::open(&note, &origin, &keys);
        let checkpoint =
            checkpoint.map_err(|error| unproven(format!("the checkpoint: {error}")))?;
        Ok(Self { note, checkpoint, origin, keys })
    }

    /// The proof of a leaf as a file, if it leads to this checkpoint.
    fn file(&self, index: u64, leaf: &Hash, told: &[bytes::Bytes]) -> Result<TlogProof, Failure> {
        let hash = |bytes: &bytes::Bytes| bytes.as_ref().try_into().ok().map(Hash::new);
        let hashes: Option<Vec<_>> = told.iter().map(hash).collect();
        let proof = InclusionProof::new(hashes.unwrap_or_default());
        let position = index.saturating_add(1);
        proof.verify(leaf, index, self.checkpoint.head()).map_err(|error| {
            unproven(format!("the record at position {position} is not proven: {error}"))
        })?;
        Ok(TlogProof::new(index, proof, self.note.clone()))
    }

    fn said(&self, trusted: &[Verifier]) {
        let head = self.checkpoint.head();
        let by = if trusted.is_empty() { "keys that the server told" } else { "trusted keys" };
        let origin = &self.origin;
        output::note(&format!("{origin} signed {} records, by {by}", head.size));
        if trusted.is_empty() {
            self.keys.iter().for_each(|key| output::note(&format!("  {key}")));
        }
    }
}

async fn of_record(
    client: &Client,
    flags: &ProofFlags,
    position: u64,
    output: &mut Output,
) -> Result<(), Failure> {
    let doing = || format!("the proof of position {position}");
    let request = pb::GetInclusionProofRequest { position, tree_size: 0 };
    let answer = client.transparency().get_inclusion_proof(request).await;
    let told = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    let believed = Believed::of(told.checkpoint.as_ref(), &flags.keys)?;
    let record = if flags.with_record {
        Some(stored(client, position, believed.checkpoint.head().size).await?)
    } else {
        None
    };
    let told_leaf = told.leaf_hash.as_ref().try_into().map(Hash::new);
    let told_leaf = told_leaf.map_err(|_| Failure::Unexpected { what: "leaf hash" })?;
    // Of a record that is at hand nothing need be believed.
    let leaf = record.as_deref().map_or(told_leaf, leaf_hash);
    let file = believed.file(position.saturating_sub(1), &leaf, &told.hashes)?;
    believed.said(&flags.keys);
    match &flags.out {
        Some(path) => {
            write(path, file.to_string().as_bytes())?;
            record.map_or(Ok(()), |record| write(&path.with_extension("record"), &record))
        }
        None => output.write(file.to_string().as_bytes()),
    }
}

/// One record as it is stored, out of its bundle.
async fn stored(client: &Client, position: u64, size: u64) -> Result<Vec<u8>, Failure> {
    let index = position.saturating_sub(1);
    // A bundle has 256 records: the index in it is one byte.
    let (bundle, place) = (index >> 8, index & 0xff);
    let full = u64::from(Tile::FULL);
    let width = size.saturating_sub(bundle.saturating_mul(full)).min(full);
    let width = u16::try_from(width).unwrap_or(Tile::FULL);
    let request = pb::GetEntryBundleRequest { index: bundle, width: width.into() };
    let answer = client.transparency().get_entry_bundle(request).await;
    let doing = || format!("the record at position {position}");
    let told = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
    let entries = EntryBundle::new(bundle, width);
    let entries = entries.and_then(|it| it.decode(&told.entries).ok());
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let found = entries.and_then(|entries| entries.get(place).map(|entry| entry.to_vec()));
    found.ok_or(Failure::Unexpected { what: "record" })
}

async fn of_assessment(
    client: &Client,
    flags: &ProofFlags,
    name: &AssessmentId,
    output: &mut Output,
) -> Result<(), Failure> {
    if let Some(directory) = &flags.out {
        fs::create_dir_all(directory).map_err(|source| Failure::File {
            doing: "create the directory",
            path: directory.clone(),
            source,
        })?;
    }
    let mut before: Option<(u64, Hash)> = None;
    loop {
        let request = pb::GetTrailRequest {
            assessment: name.to_string(),
            after_revision: before.map_or(0, |(revision, _)| revision),
            page_size: PAGE,
            min_size: 0,
        };
        let answer = client.transparency().get_trail(request).await;
        let doing = || format!("the trail of {name}");
        let page = answer.map_err(|status| Failure::refused(doing(), status))?.into_inner();
        let believed = Believed::of(page.checkpoint.as_ref(), &flags.keys)?;
        for record in &page.records {
            let leaf = leaf_hash(&record.record);
            follows(record, before)?;
            let index = record.position.saturating_sub(1);
            let file = believed.file(index, &leaf, &record.hashes)?;
            if let Some(directory) = &flags.out {
                let path = directory.join(format!("{}.tlog-proof", record.position));
                write(&path, file.to_string().as_bytes())?;
                if flags.with_record {
                    write(&path.with_extension("record"), &record.record)?;
                }
            }
            before = Some((record.revision, leaf));
        }
        let reached = before.map_or(0, |(revision, _)| revision);
        if page.records.is_empty() && reached < page.revision {
            return Err(unproven(format!("records after revision {reached} are missing")));
        }
        if reached >= page.revision {
            believed.said(&flags.keys);
            return output.line(&format!("{name}: {reached} records, none missing, all proven"));
        }
    }
}

/// A record comes right after the one before: the next revision, which names that one's hash.
fn follows(told: &pb::TrailRecord, before: Option<(u64, Hash)>) -> Result<(), Failure> {
    let at = told.position;
    let record = Record::decode(&told.record);
    let record = record.map_err(|error| unproven(format!("position {at}: {error}")))?;
    let (revision, previous) = before.map_or((0, None), |(it, hash)| (it, Some(hash)));
    let next = record.revision.get() == revision.saturating_add(1)
        && record.revision.get() == told.revision
        && record.position.get() == at
        && record.previous.map(|it| it.hash) == previous;
    if next {
        return Ok(());
    }
    Err(unproven(format!("the record at position {at} does not follow revision {revision}")))
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    fs::write(path, content).map_err(|source| Failure::File {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}
