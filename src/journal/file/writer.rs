//! Appending: the one place where entries become durable.

use std::{io, sync::Arc};

use super::{
    contents::Contents,
    footer,
    frame::{self, Chain},
    header::{FRAMES_START, Header, segment_name, temporary_name},
    layout::wide,
    sealed::{Sealed, append_bytes_max},
    spare::{Spare, Wanted},
    store::{Active, Store, at_most, not_applied},
    transfer,
};
use crate::{
    disk::DiskFile,
    journal::{Group, Head, JournalError, Mark},
};

/// A mark may have so many bytes: a Merkle frontier has at most 64 hashes, some hundred bytes
/// beside them are for the rest.
const MARK_BYTES_MAX: usize = 64 << 10;

/// Owns the right to write; behind the lock of turns.
pub(super) struct Writer {
    store: Arc<Store>,
    spare: Spare,
    /// Whether the active segment takes no more frames, because a successor may have its name.
    sealing: bool,
    /// The durable successor of a segment whose footer is not yet written.
    successor: Option<Successor>,
}

struct Successor {
    file: Arc<dyn DiskFile>,
    header: Header,
}

impl Writer {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let spare = Spare::new(Arc::clone(&store.disk), store.options.prepare);
        Self { store, spare, sealing: false, successor: None }
    }

    /// Appends `group`: all or none, durable on return.
    ///
    /// # Errors
    /// As [`crate::journal::Turn::append`].
    pub(super) fn append(&mut self, group: Group) -> Result<Head, JournalError> {
        self.store.usable()?;
        let bytes = self.permitted_bytes(&group)?;
        if let Some(failed) = self.spare.flush_failure() {
            return Err(self.store.refused(failed));
        }
        if !self.store.disk.has_room() {
            return Err(not_applied(io::ErrorKind::StorageFull.into()));
        }
        self.store.begin_changes()?;
        if self.sealing || !self.fits(bytes) {
            self.rotate()?;
        }
        self.write(group)
    }

    /// The bytes of the group's frame.
    fn permitted_bytes(&self, group: &Group) -> Result<usize, JournalError> {
        if group.entries.is_empty() {
            let kind = io::ErrorKind::InvalidInput;
            return Err(not_applied(io::Error::new(kind, "a group has at least one entry")));
        }
        let bytes = frame::bytes_of(&group.entries);
        at_most(bytes, append_bytes_max(self.store.options.segment_bytes))?;
        at_most(group.mark.len(), MARK_BYTES_MAX)?;
        Ok(bytes)
    }

    fn fits(&self, bytes: usize) -> bool {
        let view = self.store.view();
        let segment_bytes = view.active.header.segment_bytes;
        let start = frame::start_at(view.active.contents.frames.end());
        let end = start.saturating_add(wide(bytes));
        bytes <= append_bytes_max(segment_bytes) && end <= segment_bytes
    }

    /// Writes and syncs one frame, then publishes it. Past the first line the outcome of a failure
    /// is unknown.
    fn write(&mut self, group: Group) -> Result<Head, JournalError> {
        let store = &self.store;
        let (file, first, offset, chain, filed) = {
            let view = store.view();
            let active = &view.active;
            let offset = frame::start_at(active.contents.frames.end());
            let filed = active.contents.file(&store.filing, &group.entries);
            (Arc::clone(&active.file), view.head.position.next(), offset, active.chain, filed)
        };
        let bytes = frame::encode(&group, first, offset);
        transfer::write(file.as_ref(), &bytes, offset).map_err(|error| store.poison(error))?;
        // The commit point: whoever is told of this append was told after this line.
        file.sync().map_err(|error| store.poison(error))?;
        Ok(self.publish(group, offset, (&bytes, chain), filed))
    }

    fn publish(
        &mut self,
        group: Group,
        offset: u64,
        (frame, chain): (&[u8], Chain),
        filed: Vec<(crate::journal::Key, super::rows::Slot)>,
    ) -> Head {
        let mut view = self.store.view_mut();
        let at = view.head.position.plus(wide(group.entries.len()));
        view.active.contents.add((offset, frame.len()), group.entries.len(), filed);
        view.active.chain = chain.link(frame);
        view.head = Head { position: at, mark: Some(Mark { at, bytes: group.mark }) };
        let head = view.head.clone();
        let half_full = view.active.contents.frames.end() >= view.active.header.segment_bytes / 2;
        let wanted = self.wanted(view.active.header.number);
        drop(view);
        if half_full {
            self.spare.begin(wanted);
        }
        head
    }

    fn wanted(&self, active: u64) -> Wanted {
        let segment_bytes = self.store.options.segment_bytes;
        Wanted { number: active.saturating_add(1), segment_bytes }
    }

    /// Seals the active segment and goes on in its successor. The successor has its name, durably,
    /// before the first byte of the footer is written: so a footer without a successor says that
    /// the successor was lost.
    fn rotate(&mut self) -> Result<(), JournalError> {
        let next = match self.successor.take() {
            Some(next) => next,
            None => self.name_successor()?,
        };
        let (sealed, file, bytes) = {
            let view = self.store.view();
            let active = &view.active;
            let mark = view.head.mark.as_ref();
            let (footer, bloom, bytes) =
                footer::encode(&active.header, &active.contents, active.chain, mark);
            let sealed = Sealed { header: active.header, footer, bloom };
            (sealed, Arc::clone(&active.file), bytes)
        };
        let written = transfer::write(file.as_ref(), &bytes, sealed.header.segment_bytes);
        if let Err(error) = written {
            self.successor = Some(next);
            return Err(not_applied(error));
        }
        file.sync().map_err(|error| self.store.poison(error))?;

        let mut view = self.store.view_mut();
        view.sealed.push(Arc::new(sealed));
        view.active = Active {
            file: next.file,
            chain: next.header.previous,
            header: next.header,
            contents: Contents::starting_at(FRAMES_START),
        };
        self.sealing = false;
        Ok(())
    }

    /// Gives the prepared file its header and its name, durably.
    fn name_successor(&mut self) -> Result<Successor, JournalError> {
        let header = {
            let view = self.store.view();
            let active = &view.active;
            let wanted = self.wanted(active.header.number);
            Header {
                ledger: active.header.ledger,
                number: wanted.number,
                segment_bytes: wanted.segment_bytes,
                first: view.head.position.next(),
                previous: active.chain,
            }
        };
        let wanted = Wanted { number: header.number, segment_bytes: header.segment_bytes };
        let file = self.spare.take(wanted).map_err(|error| self.store.refused(error))?;
        transfer::write(file.as_ref(), &header.encode(), 0).map_err(not_applied)?;
        file.sync().map_err(|error| self.store.refused(error))?;

        // Past this line the segment takes no more frames: what its successor says must stay true.
        self.sealing = true;
        let disk = &self.store.disk;
        disk.rename(&temporary_name(header.number), &segment_name(header.number))
            .map_err(not_applied)?;
        disk.sync().map_err(|error| self.store.poison(error))?;
        Ok(Successor { file, header })
    }
}
