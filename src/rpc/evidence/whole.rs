//! Evidence of the whole ledger, made bundle by bundle while it is read: nothing larger than a bundle
//! and its texts is held.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream;
use tonic::Status;

use super::{Files, parts, purpose, record};
use crate::{
    evidence::{
        CHECKPOINT, MANIFEST, Manifest, OpenedText, README, README_OF_WHOLE, TEXTS, document_path,
    },
    judgement::{AccessKind, AccessRecorded, Position, Run},
    ledger::{Ledger, ProvenText},
    merkle::{EntryBundle, Tile, TilePath},
    pb,
    rpc::{
        Identity,
        asked::Asked,
        covering::{Covering, covering},
        status,
    },
};

/// The files of a ledger's evidence.
pub(super) async fn export(
    ledger: Ledger,
    who: &Identity,
    request: &pb::ExportEvidenceRequest,
) -> Result<Files, Status> {
    let mut asked = Asked::default();
    let purpose = purpose(&mut asked, &request.purpose);
    let purpose = asked.settle(purpose)?;
    let last = ledger.head().position;
    let access = AccessRecorded {
        kind: AccessKind::Evidence,
        of: None,
        records: Some(Run { first: Position::START.next(), last }),
        purpose: Some(purpose),
    };
    let handed_out = record(&ledger, who, &access).await?.position;
    let covering = covering(&ledger, handed_out).await?;
    let export = Export::of(ledger, &covering, handed_out);
    Ok(Box::pin(stream::unfold(export, Export::next)))
}

/// An export under way.
struct Export {
    ledger: Ledger,
    size: u64,
    /// The bundle that comes next.
    bundle: u64,
    ready: VecDeque<pb::ExportedFile>,
    /// The tiles above the records, which come last.
    above: Option<Box<dyn Iterator<Item = Tile> + Send>>,
    failed: bool,
}

impl Export {
    fn of(ledger: Ledger, covering: &Covering, handed_out: Position) -> Self {
        let Covering { origin, head, note, .. } = covering;
        let manifest = Manifest::new(origin, head.size, &head.root, handed_out).to_bytes();
        let files = [
            (CHECKPOINT, note.clone()),
            (MANIFEST, Bytes::from(manifest)),
            (README, Bytes::from_static(README_OF_WHOLE.as_bytes())),
            // There is one, though no text be in it.
            (TEXTS, Bytes::new()),
        ];
        let mut ready: VecDeque<_> =
            files.iter().flat_map(|(path, content)| parts(path, content)).collect();
        if let Some(first) = ready.front_mut() {
            first.records_total = head.size;
        }
        let above = Tile::all(head.size).filter(|tile| tile.level() > 0);
        let above: Box<dyn Iterator<Item = Tile> + Send> = Box::new(above);
        Self { ledger, size: head.size, bundle: 0, ready, above: Some(above), failed: false }
    }

    async fn next(mut self) -> Option<(Result<pb::ExportedFile, Status>, Self)> {
        loop {
            if self.failed {
                return None;
            }
            if let Some(part) = self.ready.pop_front() {
                return Some((Ok(part), self));
            }
            match self.more().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(status) => {
                    self.failed = true;
                    return Some((Err(status), self));
                }
            }
        }
    }

    /// Makes the next files; whether there were any.
    async fn more(&mut self) -> Result<bool, Status> {
        if let Some(bundle) = self.next_bundle() {
            self.bundle = self.bundle.saturating_add(1);
            self.add_bundle(bundle).await?;
            return Ok(true);
        }
        let tile = self.above.as_mut().and_then(Iterator::next);
        let Some(tile) = tile else { return Ok(false) };
        self.add_tile(tile).await?;
        Ok(true)
    }

    fn next_bundle(&self) -> Option<EntryBundle> {
        let full = u64::from(Tile::FULL);
        let left = self.size.checked_sub(self.bundle.checked_mul(full)?)?;
        EntryBundle::new(self.bundle, u16::try_from(left.min(full)).ok()?)
    }

    async fn add_bundle(&mut self, bundle: EntryBundle) -> Result<(), Status> {
        let bytes = self.ledger.entry_bundle(bundle).await.map_err(|it| status::of_read(&it))?;
        self.ready.extend(parts(&TilePath::Entries(bundle).to_string(), &bytes));
        self.add_tile(bundle.tile()).await?;
        let mut lines = String::new();
        for index in bundle.entries() {
            let at = Position::new(index.saturating_add(1));
            let proven = self.ledger.proven(at).await.map_err(|it| status::of_read(&it))?;
            if let Some(document) = &proven.document {
                self.ready.extend(parts(&document_path(at), document));
            }
            for (field, text) in proven.texts {
                match text {
                    ProvenText::Open(opening, text) => {
                        let line = OpenedText { position: at, field, opening, text };
                        lines.push_str(&line.to_line());
                    }
                    ProvenText::Erased { order } if order.get() > self.size => {
                        return Err(super::erased_meanwhile(at, order));
                    }
                    ProvenText::Erased { .. } | ProvenText::Missing => {}
                }
            }
        }
        if !lines.is_empty() {
            self.ready.extend(parts(TEXTS, &Bytes::from(lines)));
        }
        Ok(())
    }

    async fn add_tile(&mut self, tile: Tile) -> Result<(), Status> {
        let bytes = self.ledger.tile(tile).await.map_err(|it| status::of_read(&it))?;
        self.ready.extend(parts(&TilePath::Hashes(tile).to_string(), &bytes));
        Ok(())
    }
}
