//! A sealed segment: what of it stays in memory, and how the rest is read when asked for.

use std::{io, sync::Arc};

use bytes::Bytes;

use super::{
    OpenError,
    bloom::Bloom,
    contents::FrameIndex,
    footer::{FIXED_BYTES, Footer, Section},
    header::{Header, segment_name},
    layout::wide,
    rows::{self, BLOCK_BYTES, RowsError, Slot},
    transfer,
};
use crate::{
    disk::{Disk, DiskFile},
    journal::{Damage, Key, Mark},
    judgement::Position,
};

/// What stays in memory of a sealed segment: some 300 bytes, and the bloom filter.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) header: Header,
    pub(super) footer: Footer,
    pub(super) bloom: Bloom,
}

/// Where a sealed segment is read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// Names the file in errors.
    pub(super) disk: &'a dyn Disk,
    /// The segment's file.
    pub(super) file: &'a dyn DiskFile,
}

/// Why stored bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl From<FetchError> for OpenError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Damaged(damage) => Self::Damaged(damage),
            FetchError::Disk(error) => Self::Disk(error),
        }
    }
}

impl Sealed {
    /// Reads the fixed part of the footer and the bloom filter; `None` if the footer is not there
    /// as it was written.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(super) fn load(header: Header, file: &dyn DiskFile) -> io::Result<Option<Arc<Self>>> {
        let start = header.segment_bytes;
        let Some(footer) = Footer::decode(&transfer::read(file, start, FIXED_BYTES)?) else {
            return Ok(None);
        };
        let whole = file.len()? >= start.saturating_add(footer.bytes());
        if !whole || footer.number != header.number || footer.first != header.first {
            return Ok(None);
        }
        let bloom_start = start.saturating_add(Footer::BLOOM_AT);
        let bloom = transfer::read(file, bloom_start, footer.bloom.length())?;
        if !footer.bloom.is(&bloom) {
            return Ok(None);
        }
        Ok(Some(Arc::new(Self { header, footer, bloom: Bloom::from_bytes(bloom) })))
    }

    /// The position of the segment's last entry.
    pub(super) fn last(&self) -> Position {
        self.footer.last
    }

    /// The mark kept in the footer, if any.
    ///
    /// # Errors
    /// Damage, or whatever the disk says.
    pub(super) fn mark(&self, source: Source<'_>) -> Result<Option<Mark>, FetchError> {
        let footer = &self.footer;
        if footer.mark_at == Position::START {
            return Ok(None);
        }
        let bytes = self.section(source, footer.mark, footer.mark_start())?;
        Ok(Some(Mark { at: footer.mark_at, bytes: Bytes::from(bytes) }))
    }

    /// The index of the segment's frames.
    ///
    /// # Errors
    /// Damage, or whatever the disk says.
    pub(super) fn index(&self, source: Source<'_>) -> Result<FrameIndex, FetchError> {
        let footer = &self.footer;
        let bytes = self.section(source, footer.index, footer.index_start())?;
        let index = FrameIndex::decode(&bytes, footer.frames, footer.frames_end, footer.entries());
        let what = "the index of appends makes no sense";
        Ok(index.ok_or_else(|| self.damage(source, footer.index_start(), what))?)
    }

    /// The newest slot before `before` that is filed under `key`.
    ///
    /// # Errors
    /// Damage, or whatever the disk says.
    pub(super) fn latest(
        &self,
        source: Source<'_>,
        key: Key,
        before: Slot,
    ) -> Result<Option<Slot>, FetchError> {
        let read = |block| {
            let at = self.header.segment_bytes.saturating_add(self.footer.block_start(block));
            transfer::read(source.file, at, BLOCK_BYTES)
        };
        rows::latest(self.footer.row_blocks, (key, before), read).map_err(|error| match error {
            RowsError::Damaged(block) => {
                let what = "the checksum of a block of filing rows does not match";
                self.damage(source, self.footer.block_start(block), what).into()
            }
            RowsError::Unreadable(error) => error.into(),
        })
    }

    /// The section of the footer that begins at `start`.
    fn section(
        &self,
        source: Source<'_>,
        section: Section,
        start: u64,
    ) -> Result<Vec<u8>, FetchError> {
        let at = self.header.segment_bytes.saturating_add(start);
        let bytes = transfer::read(source.file, at, section.length())?;
        if section.is(&bytes) {
            return Ok(bytes);
        }
        Err(self
            .damage(source, start, "the checksum of a part of the footer does not match")
            .into())
    }

    /// Damage in the footer, `start` bytes from its begin.
    fn damage(&self, source: Source<'_>, start: u64, what: &'static str) -> Damage {
        Damage {
            file: source.disk.describe(&segment_name(self.header.number)),
            offset: self.header.segment_bytes.saturating_add(start),
            position: self.header.first,
            what,
        }
    }
}

/// The largest number of bytes of one append in segments of `segment_bytes`: at most half a
/// segment, so that it always fits into an empty one, and never more than a page of memory is
/// worth. Part of the format: recovery looks no farther for a torn append.
pub(super) fn append_bytes_max(segment_bytes: u64) -> usize {
    const APPEND_BYTES_MAX: u64 = 4 << 20;
    let half = segment_bytes.saturating_sub(wide(super::layout::SECTOR_BYTES)) / 2;
    super::layout::narrow(half.min(APPEND_BYTES_MAX))
}
