//! The examination of a ledger's own directory, or of a copy of it: every byte of its journal, its
//! keys, its records, its tree and its texts. Nothing in it is changed and no lock is taken.

use std::{ops::ControlFlow, sync::Arc};

use uuid::Uuid;

use super::{
    Report, Trust, Wrong,
    examination::{Examination, Expected, Given},
    keyring::Keyring,
    trust::Signed,
};
use crate::{
    disk::Disk,
    journal::{
        Mark, Stored,
        file::{self, Inspected, Seen, inspect},
    },
    ledger::{Summary, filing},
    record::Beside,
    vault::{self, MasterKey, Reader},
};

/// Where the parts of a ledger lie.
pub struct Directory {
    /// The directory of the journal.
    pub journal: Arc<dyn Disk>,
    /// The directory of the keyring, if it is at hand.
    pub keys: Option<Arc<dyn Disk>>,
    /// The key of the keyring, if it is at hand: without it texts are not opened.
    pub master: Option<MasterKey>,
    /// Checkpoints kept elsewhere that the ledger must be consistent with, and their names.
    pub checkpoints: Vec<(String, Vec<u8>)>,
}

/// Told how many bytes of the journal were looked at.
pub type Looked<'a> = &'a mut dyn FnMut(u64);

/// Verifies a ledger from its directory.
///
/// # Errors
/// [`Wrong`] with the first thing that does not hold, and where.
pub fn verify_directory(
    directory: &Directory,
    trust: &Trust,
    looked: Looked<'_>,
) -> Result<Report, Wrong> {
    let kept = read_kept(&directory.journal)?;
    let mut signed = Vec::new();
    if let Some(note) = &kept.checkpoint {
        signed.push(Signed::read("the checkpoint in the journal", note)?);
    }
    for (name, note) in &directory.checkpoints {
        signed.push(Signed::read(name, note)?);
    }
    let (keyring, mut remarks) = open_keyring(directory, Uuid::from_bytes(kept.ledger))?;

    let mut examination = Examination::begin();
    for checkpoint in &signed {
        examination.expect(checkpoint.head().size, checkpoint.expected())?;
    }
    let mut step = |seen| match seen {
        Seen::Segment { bytes, .. } => {
            looked(bytes);
            Ok(())
        }
        Seen::Mark(mark) => expect_mark(&mut examination, &mark),
        Seen::Entry(stored, _) => examine(&mut examination, &keyring, &stored),
    };
    let inspected = walk(&directory.journal, &mut step)?;
    if examination.has_orders() {
        let mut meet = |seen| match seen {
            Seen::Entry(Stored { position, entry }, _) => examination.meet(position, &entry.record),
            Seen::Segment { .. } | Seen::Mark(_) => Ok(()),
        };
        walk(&directory.journal, &mut meet)?;
    }
    remarks.extend(inspected.remarks);
    let examined = examination.finish()?;
    let checkpoints = trust.check(&signed, &examined.keys)?;
    Ok(Report::new(examined, checkpoints, remarks))
}

/// What a journal says of itself before any of its entries.
fn read_kept(journal: &Arc<dyn Disk>) -> Result<Inspected, Wrong> {
    let stop = &mut |_| ControlFlow::Break(());
    inspect(&**journal, &filing(), stop).map_err(|error| damaged(&error))
}

/// Walks over the whole journal, until a step finds something wrong.
fn walk(
    journal: &Arc<dyn Disk>,
    step: &mut dyn FnMut(Seen) -> Result<(), Wrong>,
) -> Result<Inspected, Wrong> {
    let mut wrong = None;
    let inspected = inspect(&**journal, &filing(), &mut |seen| match step(seen) {
        Ok(()) => ControlFlow::Continue(()),
        Err(found) => {
            wrong = Some(found);
            ControlFlow::Break(())
        }
    });
    match wrong {
        Some(wrong) => Err(wrong),
        None => inspected.map_err(|error| damaged(&error)),
    }
}

fn damaged(error: &file::OpenError) -> Wrong {
    Wrong::whole(error.to_string())
}

/// A mark says what the tree was.
fn expect_mark(examination: &mut Examination, mark: &Mark) -> Result<(), Wrong> {
    let said = Summary::from_bytes(&mark.bytes)
        .map_err(|error| Wrong::at(mark.at, format!("the mark kept after it: {error}")))?;
    if said.frontier.size() != mark.at.get() {
        return Err(Wrong::at(mark.at, "the mark kept after it is one of another place"));
    }
    // An older one was met before: footers repeat it where nothing newer was known.
    if mark.at.get() < examination.size() {
        return Ok(());
    }
    let who = "the mark that the journal keeps".to_owned();
    examination.expect(mark.at.get(), Expected { root: said.frontier.root(), who })
}

fn examine(examination: &mut Examination, keyring: &Keyring, stored: &Stored) -> Result<(), Wrong> {
    let Stored { position, entry } = stored;
    let beside = Beside::decode(entry.sealed.clone())
        .map_err(|error| Wrong::at(*position, error.to_string()))?;
    if beside.clone().encode() != entry.sealed {
        return Err(Wrong::at(*position, "beside it lies what nobody stored there"));
    }
    let document = (!beside.document.is_empty()).then_some(beside.document);
    let given = Given { position: *position, record: &entry.record, document: document.as_deref() };
    examination.take(&given, &mut |record, fields| keyring.find(record, fields, &beside.texts))
}

/// The keyring as far as it is at hand, every file of which is looked at.
fn open_keyring(directory: &Directory, ledger: Uuid) -> Result<(Keyring, Vec<String>), Wrong> {
    let wrong = |error: &vault::VaultError| Wrong::whole(error.to_string());
    let Some(keys) = &directory.keys else { return Ok((Keyring::None, Vec::new())) };
    let remarks = vault::inspect(&**keys, ledger, directory.master.as_ref());
    let remarks = remarks.map_err(|error| wrong(&error))?;
    let Some(master) = &directory.master else { return Ok((Keyring::None, remarks)) };
    let reader = Reader::open(Arc::clone(keys), master.clone(), ledger);
    Ok((Keyring::Open(reader.map_err(|error| wrong(&error))?), remarks))
}
