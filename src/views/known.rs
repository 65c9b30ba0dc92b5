//! The note of how far the views go: all that opening relies on before the database is open, which
//! takes the longer the more there is in it.
//!
//! ```text
//! views/
//!   known     the last record of a part, its leaf hash, whose ledger it is of, and the states of
//!             the assessments with the longest streams
//! ```
//!
//! Whatever the note says was once true of the journal: a part holds durable records only. It is on
//! the disk before the part is in the database, so that the database never knows more, and it says
//! nothing of what the database has: that may have to be folded anew, and the note goes no step
//! back for it. If it is damaged or gone, opening waits for the database.
//!
//! An assessment is folded from the journal where the views cannot be asked, which takes some tens
//! of microseconds a record. So the note keeps the states of those whose streams are longer than
//! [`SHORT_REVISION`], and folding goes on from there.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
};

use lru::LruCache;

use crate::{
    judgement::{Assessment, AssessmentId, Position},
    merkle::Hash,
};

use super::{SnapshotCodec, frame, part::Part};

const NOTE: &str = "known";
const NOTE_IN_MOTION: &str = "known.in-motion";

/// What the checksum of the note is bound to.
const TITLE: &[u8] = b"judgement-ledger views, known 1";

/// An assessment of at most so many records is folded from the journal in some milliseconds.
const SHORT_REVISION: u64 = 500;

/// How many states a note keeps, those that changed last: more are at work at once in no office.
const STATES_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// How many bytes of them a note keeps: it is written with every part.
const STATES_BYTES_MAX: usize = 4 << 20;

/// What the views note: a record that they once knew, which the journal they were folded from has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it stands.
    pub position: Position,
    /// Its leaf hash.
    pub hash: Hash,
    /// Assessments as they were after one of their records up to there.
    pub states: Vec<Arc<Assessment>>,
}

impl Known {
    /// What the views in the directory `views` note of the ledger that is named so; nothing if
    /// there is no such note, or it cannot be believed. Only reads one small file.
    #[must_use]
    pub fn noted(views: &Path, ledger: &[u8], codec: SnapshotCodec) -> Option<Self> {
        let value = fs::read(views.join(NOTE)).ok()?;
        let (position, rest) = frame::open(TITLE, &value)?.split_first_chunk::<8>()?;
        let (hash, mut rest) = rest.split_first_chunk()?;
        if frame::take_bytes(&mut rest)? != ledger {
            return None;
        }
        let mut states = Vec::new();
        while !rest.is_empty() {
            states.push(Arc::new((codec.decode)(frame::take_bytes(&mut rest)?)?));
        }
        let position = Position::new(u64::from_be_bytes(*position));
        Some(Self { position, hash: Hash::new(*hash), states })
    }
}

/// The note in the making, as the indexer keeps it.
pub(super) struct Note {
    codec: SnapshotCodec,
    ledger: Arc<[u8]>,
    /// How far it goes.
    position: Position,
    /// States as encoded.
    states: LruCache<AssessmentId, Vec<u8>>,
    bytes: usize,
}

impl Note {
    /// Goes on with what is noted in the directory `views`.
    pub(super) fn in_directory(views: &Path, ledger: &Arc<[u8]>, codec: SnapshotCodec) -> Self {
        let states = LruCache::new(STATES_MAX);
        let position = Position::START;
        let mut note = Self { codec, ledger: Arc::clone(ledger), position, states, bytes: 0 };
        if let Some(known) = Known::noted(views, ledger, codec) {
            note.position = known.position;
            known.states.iter().for_each(|state| note.keep(state));
        }
        note
    }

    /// Notes a part that is about to be written, unless the note goes as far. Where it cannot be
    /// noted there is no note: an older one would be less than the database knows.
    pub(super) fn write(&mut self, views: &Path, part: &Part) -> io::Result<()> {
        let Some(hash) = part.hash.filter(|_| part.last > self.position) else { return Ok(()) };
        self.replace(views, part, hash).inspect_err(|_| remove(views))
    }

    fn replace(&mut self, views: &Path, part: &Part, hash: Hash) -> io::Result<()> {
        part.assessments.values().for_each(|(_, state)| self.keep(state));
        let mut body = part.last.get().to_be_bytes().to_vec();
        body.extend(hash.as_bytes());
        frame::push_bytes(&mut body, &self.ledger);
        // The longest untouched first, so that reading them keeps their order.
        self.states.iter().rev().for_each(|(_, state)| frame::push_bytes(&mut body, state));
        let motion = views.join(NOTE_IN_MOTION);
        let mut file = File::create(&motion)?;
        file.write_all(&frame::seal(TITLE, &body))?;
        file.sync_all()?;
        fs::rename(&motion, views.join(NOTE))?;
        File::open(views)?.sync_all()?;
        self.position = part.last;
        Ok(())
    }

    fn keep(&mut self, state: &Assessment) {
        if state.revision.get() <= SHORT_REVISION {
            return;
        }
        let encoded = (self.codec.encode)(state);
        self.bytes = self.bytes.saturating_add(encoded.len());
        let replaced = self.states.push(state.id.clone(), encoded);
        self.forget(replaced);
        while self.bytes > STATES_BYTES_MAX && !self.states.is_empty() {
            let oldest = self.states.pop_lru();
            self.forget(oldest);
        }
    }

    fn forget(&mut self, state: Option<(AssessmentId, Vec<u8>)>) {
        let bytes = state.map_or(0, |(_, encoded)| encoded.len());
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Without a note opening waits for the database.
fn remove(views: &Path) {
    if let Err(error) = fs::remove_file(views.join(NOTE))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "an old note of how far the views go stays on the disk");
    }
}

#[cfg(test)]
mod tests {
    use foldhash::{HashMap, HashMapExt as _};
    use tempfile::TempDir;

    use super::*;
    use crate::{
        judgement::Revision,
        merkle::{Frontier, leaf_hash},
        record::{read_snapshot, snapshot_of},
        views::tests::some_assessments,
    };

    const CODEC: SnapshotCodec = SnapshotCodec { encode: snapshot_of, decode: read_snapshot };

    const LEDGER: &[u8] = b"one";

    /// A part that ends at `last` with these assessments, each after so many records.
    fn part(last: u64, assessments: &[(&Arc<Assessment>, u64)]) -> Part {
        let mut part = Part::after(Frontier::empty(), 0, 0);
        part.last = Position::new(last);
        part.hash = Some(leaf_hash(&last.to_be_bytes()));
        part.assessments = HashMap::new();
        for (assessment, revision) in assessments {
            let mut state = assessment.as_ref().clone();
            state.revision = Revision::new(*revision);
            part.assessments.insert(state.id.clone(), (part.last, Arc::new(state)));
        }
        part
    }

    fn note(views: &TempDir) -> Note {
        Note::in_directory(views.path(), &Arc::from(LEDGER), CODEC)
    }

    fn noted(views: &TempDir, ledger: &[u8]) -> Option<Known> {
        Known::noted(views.path(), ledger, CODEC)
    }

    #[test]
    fn a_note_is_read_as_it_was_written_by_its_own_ledger_alone() {
        let views = TempDir::new().unwrap();
        let [one, two, three] = some_assessments();
        assert_eq!(noted(&views, LEDGER), None);
        note(&views).write(views.path(), &part(7, &[(&one, 501), (&two, 500)])).unwrap();
        let known = noted(&views, LEDGER).unwrap();
        assert_eq!((known.position.get(), known.hash), (7, leaf_hash(&7_u64.to_be_bytes())));
        let states = |of: &Known| -> Vec<_> {
            of.states.iter().map(|it| (it.id.clone(), it.revision.get())).collect()
        };
        assert_eq!(states(&known), [(one.id.clone(), 501)], "short streams need no state");
        assert_eq!(noted(&views, b"another"), None);
        // Another indexer goes on with what is noted; what changed last comes last.
        note(&views).write(views.path(), &part(9, &[(&three, 900)])).unwrap();
        let mut again = note(&views);
        again.write(views.path(), &part(12, &[(&one, 503)])).unwrap();
        let later = noted(&views, LEDGER).unwrap();
        assert_eq!(later.position.get(), 12);
        assert_eq!(states(&later), [(three.id.clone(), 900), (one.id.clone(), 503)]);
    }

    /// As where the database was lost and is folded anew.
    #[test]
    fn a_note_goes_no_step_back() {
        let views = TempDir::new().unwrap();
        let [one, ..] = some_assessments();
        note(&views).write(views.path(), &part(12, &[(&one, 503)])).unwrap();
        let before = noted(&views, LEDGER).unwrap();
        let mut again = note(&views);
        for last in [7, 12] {
            again.write(views.path(), &part(last, &[(&one, 501)])).unwrap();
            assert_eq!(noted(&views, LEDGER).unwrap(), before);
        }
        again.write(views.path(), &part(13, &[])).unwrap();
        let after = noted(&views, LEDGER).unwrap();
        assert_eq!((after.position.get(), after.states), (13, before.states));
    }

    #[test]
    fn what_cannot_be_noted_leaves_no_note() {
        let views = TempDir::new().unwrap();
        let mut note = note(&views);
        note.write(views.path(), &part(7, &[])).unwrap();
        // In its place the next note cannot be made.
        fs::create_dir(views.path().join(NOTE_IN_MOTION)).unwrap();
        note.write(views.path(), &part(8, &[])).unwrap_err();
        assert_eq!(noted(&views, LEDGER), None);
        fs::remove_dir(views.path().join(NOTE_IN_MOTION)).unwrap();
        note.write(views.path(), &part(9, &[])).unwrap();
        assert_eq!(noted(&views, LEDGER).unwrap().position.get(), 9);
    }

    #[test]
    fn a_note_keeps_no_more_bytes_than_it_may_and_drops_what_changed_longest_ago() {
        let views = TempDir::new().unwrap();
        let [one, two, three] = some_assessments();
        let mut note = note(&views);
        note.write(views.path(), &part(7, &[(&one, 501)])).unwrap();
        // As if the rest of the room were taken.
        note.bytes = STATES_BYTES_MAX;
        note.write(views.path(), &part(8, &[(&two, 501)])).unwrap();
        note.bytes = note.states.iter().map(|(_, state)| state.len()).sum();
        note.write(views.path(), &part(9, &[(&three, 501)])).unwrap();
        let kept: Vec<_> = noted(&views, LEDGER).unwrap().states;
        let kept: Vec<_> = kept.iter().map(|state| state.id.clone()).collect();
        assert_eq!(kept, [two.id.clone(), three.id.clone()]);
    }

    #[test]
    fn a_note_that_was_changed_is_none() {
        let views = TempDir::new().unwrap();
        let [one, ..] = some_assessments();
        note(&views).write(views.path(), &part(7, &[(&one, 501)])).unwrap();
        let whole = fs::read(views.path().join(NOTE)).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            fs::write(views.path().join(NOTE), &changed).unwrap();
            assert_eq!(noted(&views, LEDGER), None, "byte {at}");
            fs::write(views.path().join(NOTE), &whole[..at]).unwrap();
            assert_eq!(noted(&views, LEDGER), None, "cut at {at}");
        }
    }
}
