//! Evidence of a whole ledger: a folder that is a static log of C2SP's, which foreign tools verify
//! as it is, and beside it what only this ledger has.
//!
//! | file | what it is |
//! |---|---|
//! | `checkpoint` | the signed checkpoint (C2SP tlog-checkpoint) |
//! | `tile/…`, `tile/entries/…` | all hashes and all records (C2SP tlog-tiles) |
//! | `documents/<position>.binpb` | the documents of registered frameworks |
//! | `texts.jsonl` | every text that is not erased, with its opening ([`OpenedText`]) |
//! | `evidence.json` | what this is: [`Manifest`] |
//! | `README.txt` | how to verify it |

use std::{iter::Peekable, path::Path};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    OpenedText, Report, Trust, Wrong,
    examination::{Examination, Given, decode},
    files::Folder,
    texts::Found,
    trust::Signed,
};
use crate::{
    judgement::{AccessKind, Event, Position},
    merkle::{EntryBundle, Hash, Tile, TilePath, leaf_hash, root_of},
    record::{Commitment, Record},
};

/// The name of the file that says what a folder is.
pub const MANIFEST: &str = "evidence.json";

/// The name of the signed checkpoint in a folder.
pub const CHECKPOINT: &str = "checkpoint";

/// The name of the file of texts in a folder.
pub const TEXTS: &str = "texts.jsonl";

/// The name of the file that tells a person how to verify a folder.
pub const README: &str = "README.txt";

/// What [`README`] says in evidence of a whole ledger.
pub const README_OF_WHOLE: &str = "\
This folder is evidence of a judgement ledger: all of its records, signed.

  judgement-ledger verify .

checks every byte of it, without the service: that no record is missing or changed, that the log's
key signed them, that what was signed and published is what was recorded, and that each text is the
one that its record commits to, or was erased by an order that is recorded, too. Ask whoever runs the
ledger, or its witnesses, for the key of the log, and give it with --key: otherwise the key is the
ledger's own word.

`checkpoint` and `tile/` are a log as C2SP's tlog-tiles describes it, so that any tool for such logs
verifies them as well. A record is a protobuf message, judgement.ledger.v1.Record.

The log is tamper-evident: nothing can be changed unnoticed by whoever holds an older checkpoint.
";

/// The format that a manifest names.
const FORMAT: &str = "judgement-ledger/evidence/v1";

/// What a folder of evidence is. Every word of it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// Which log it is of.
    pub origin: String,
    /// How many records it has.
    pub size: u64,
    /// The root over them: 64 hexadecimal digits.
    pub root: String,
    /// The record of its being handed out.
    pub handed_out_at: u64,
}

impl Manifest {
    /// Of evidence that a checkpoint covers.
    #[must_use]
    pub fn new(origin: &str, size: u64, root: &Hash, handed_out: Position) -> Self {
        Self {
            format: FORMAT.to_owned(),
            origin: origin.to_owned(),
            size,
            root: root.to_string(),
            handed_out_at: handed_out.get(),
        }
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers always have a form in JSON.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Where the document of a framework lies in a folder, by the record that registered it.
#[must_use]
pub fn document_path(position: Position) -> String {
    format!("documents/{position}.binpb")
}

/// Verifies a folder of evidence of a whole ledger, which must be consistent with `kept`: checkpoints
/// that were kept elsewhere, and their names. `looked` is told how many records were looked at.
///
/// # Errors
/// [`Wrong`] with the first thing that does not hold, and where.
pub fn verify_whole(
    root: &Path,
    trust: &Trust,
    kept: &[(String, Vec<u8>)],
    looked: &mut dyn FnMut(u64),
) -> Result<Report, Wrong> {
    let mut folder = Folder::at(root);
    let signed = Signed::read(CHECKPOINT, &folder.read(CHECKPOINT)?)?;
    let size = signed.head().size;
    let manifest = folder.read(MANIFEST)?;
    let manifest: Manifest = serde_json::from_slice(&manifest)
        .map_err(|error| Wrong::in_file(MANIFEST, error.to_string()))?;
    let handed_out = Position::new(manifest.handed_out_at);
    let meant = Manifest::new(signed.origin(), size, &signed.head().root, handed_out);
    folder.is(MANIFEST, &meant.to_bytes(), "it does not say what the checkpoint does")?;
    folder.is(README, README_OF_WHOLE.as_bytes(), "it is not as it is written")?;

    let texts = folder.read(TEXTS)?;
    let texts = str::from_utf8(&texts)
        .map_err(|error| Wrong::in_file(TEXTS, format!("{error}")))?
        .to_owned();
    let mut opened = Opened { lines: texts.lines().peekable(), ends: texts.ends_with('\n') };
    opened.check_end(&texts)?;
    let mut examination = Examination::begin();
    let mut checkpoints = vec![signed];
    for (name, note) in kept {
        checkpoints.push(Signed::read(name, note)?);
    }
    for checkpoint in &checkpoints {
        examination.expect(checkpoint.head().size, checkpoint.expected())?;
    }
    let mut tiles = Tiles::default();
    for bundle in EntryBundle::all(size) {
        let entries = read_bundle(&mut folder, bundle)?;
        tiles.add(&mut folder, bundle, &entries)?;
        for (index, entry) in bundle.entries().zip(&entries) {
            let position = Position::new(index.saturating_add(1));
            examine(&mut examination, &mut folder, &mut opened, (position, entry))?;
            if position == handed_out {
                check_handing_out(position, entry)?;
            }
        }
        looked(u64::from(bundle.width()));
    }
    tiles.check_above(&mut folder, size)?;
    opened.check_used()?;
    if examination.has_orders() {
        for bundle in EntryBundle::all(size) {
            let entries = read_bundle(&mut folder, bundle)?;
            for (index, entry) in bundle.entries().zip(&entries) {
                examination.meet(Position::new(index.saturating_add(1)), entry)?;
            }
        }
    }
    if handed_out == Position::START || handed_out.get() > size {
        return Err(Wrong::in_file(MANIFEST, "the record of its being handed out is missing"));
    }
    let examined = examination.finish()?;
    let checkpoints = trust.check(&checkpoints, &examined.keys)?;
    let others = folder.others()?;
    let remarks = others.iter().map(|path| format!("{path}: no file of this evidence")).collect();
    Ok(Report::new(examined, checkpoints, remarks))
}

fn read_bundle(folder: &mut Folder, bundle: EntryBundle) -> Result<Vec<Bytes>, Wrong> {
    let path = TilePath::Entries(bundle).to_string();
    let bytes = Bytes::from(folder.read(&path)?);
    let entries =
        bundle.decode(&bytes).map_err(|error| Wrong::in_file(&path, error.to_string()))?;
    Ok(entries.into_iter().map(|entry| bytes.slice_ref(entry)).collect())
}

fn examine(
    examination: &mut Examination,
    folder: &mut Folder,
    opened: &mut Opened<'_>,
    (position, bytes): (Position, &Bytes),
) -> Result<(), Wrong> {
    let path = document_path(position);
    let document = if folder.has(&path) { Some(folder.read(&path)?) } else { None };
    let given = Given { position, record: bytes, document: document.as_deref() };
    examination.take(&given, &mut |record, fields| opened.find(record, fields))
}

/// The record that the manifest names says that this evidence was handed out.
fn check_handing_out(at: Position, record: &Bytes) -> Result<(), Wrong> {
    let event = decode(at, record)?.event;
    if let Event::AccessRecorded(access) = &event
        && access.kind == AccessKind::Evidence
    {
        return Ok(());
    }
    let what = format!("{} stands where the handing out of this evidence should", event.name());
    Err(Wrong::at(at, what))
}

/// The texts of a folder, line by line.
struct Opened<'a> {
    lines: Peekable<std::str::Lines<'a>>,
    ends: bool,
}

impl Opened<'_> {
    /// The last line is whole.
    fn check_end(&self, texts: &str) -> Result<(), Wrong> {
        let whole = texts.is_empty() || self.ends;
        if whole && !texts.contains('\r') {
            return Ok(());
        }
        Err(Wrong::in_file(TEXTS, "it is not written line by line"))
    }

    /// The texts of a record: those that are here are what it commits to.
    fn find(
        &mut self,
        record: &Record,
        fields: &[(String, Commitment)],
    ) -> Result<Vec<Found>, Wrong> {
        let mut found = Vec::with_capacity(fields.len());
        for (field, commitment) in fields {
            let line = self.lines.peek().copied().map(read_line).transpose()?;
            let here = line.filter(|it| it.position == record.position && it.field == *field);
            let Some(OpenedText { opening, text, .. }) = here else {
                found.push(Found::Gone("it is not among the texts".to_owned()));
                continue;
            };
            self.lines.next();
            if !commitment.admits(&opening, record.id.uuid(), field, &text) {
                let what = format!("its {field} is not the text that it commits to");
                return Err(Wrong::at(record.position, what));
            }
            found.push(Found::Verified);
        }
        Ok(found)
    }

    /// No text is left that belongs to no record.
    fn check_used(&mut self) -> Result<(), Wrong> {
        let Some(line) = self.lines.next() else { return Ok(()) };
        let OpenedText { position, field, .. } = read_line(line)?;
        let what = format!("{field} of record {position} is no text of it, or out of its place");
        Err(Wrong::in_file(TEXTS, what))
    }
}

fn read_line(line: &str) -> Result<OpenedText, Wrong> {
    OpenedText::read(line).ok_or_else(|| Wrong::in_file(TEXTS, "a line is no opened text"))
}

/// The tiles as the records make them.
#[derive(Default)]
struct Tiles {
    /// The roots of all full tiles, level by level.
    full: Vec<Vec<Hash>>,
}

impl Tiles {
    /// The tile over these records is the one in the folder.
    fn add(
        &mut self,
        folder: &mut Folder,
        bundle: EntryBundle,
        entries: &[Bytes],
    ) -> Result<(), Wrong> {
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        check_tile(folder, bundle.tile(), &leaves)?;
        if bundle.width() == Tile::FULL {
            self.push(0, root_of(&leaves));
        }
        Ok(())
    }

    fn push(&mut self, level: usize, root: Hash) {
        if self.full.len() <= level {
            self.full.push(Vec::new());
        }
        let Some(row) = self.full.get_mut(level) else { return };
        row.push(root);
        let width = usize::from(Tile::FULL);
        if row.len().is_multiple_of(width) {
            let above = row.rchunks(width).next().map(root_of);
            if let Some(above) = above {
                self.push(level.saturating_add(1), above);
            }
        }
    }

    /// The tiles above the records are those in the folder.
    fn check_above(&self, folder: &mut Folder, size: u64) -> Result<(), Wrong> {
        for tile in Tile::all(size).filter(|tile| tile.level() > 0) {
            let row = usize::from(tile.level()).checked_sub(1).and_then(|row| self.full.get(row));
            let from = usize::try_from(tile.index()).ok().and_then(|it| it.checked_mul(256));
            let hashes = row.and_then(|row| {
                let from = from?;
                row.get(from..from.checked_add(usize::from(tile.width()))?)
            });
            check_tile(folder, tile, hashes.unwrap_or_default())?;
        }
        Ok(())
    }
}

fn check_tile(folder: &mut Folder, tile: Tile, hashes: &[Hash]) -> Result<(), Wrong> {
    let path = TilePath::Hashes(tile).to_string();
    let meant = tile.encode(hashes).map_err(|error| Wrong::in_file(&path, error.to_string()))?;
    folder.is(&path, &meant, "its hashes are not those of the records")
}
