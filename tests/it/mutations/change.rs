//! The changes that are made to stored files.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use super::world::{SEGMENT_BYTES, Stop, World, ledger, moment};
use crate::{binary::copy, sim_disk::Seeded};

const SECTOR_BYTES: usize = 512;
const BLOCK_BYTES: usize = 4096;
const FRAME: &[u8] = b"\xfbJL\xfe";
const FRAME_HEAD_BYTES: usize = 32;

/// The parts of a ledger's directory.
const PARTS: [&str; 3] = ["data/journal", "data/keys", "data/views"];

/// One change. Files are named from the directory that holds `data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Flip {
        file: PathBuf,
        at: usize,
        bit: u64,
    },
    Truncate {
        file: PathBuf,
        length: usize,
    },
    Zero {
        file: PathBuf,
        bytes: Range<usize>,
    },
    Swap {
        file: PathBuf,
        blocks: [usize; 2],
        block_bytes: usize,
    },
    PutBack {
        file: PathBuf,
        moment: usize,
    },
    PutBackPart {
        part: &'static str,
        moment: usize,
    },
    PutBackAll {
        moment: usize,
    },
    Duplicate {
        file: PathBuf,
        frame: Range<usize>,
        to: usize,
    },
    Remove {
        file: PathBuf,
    },
    RemovePart {
        part: &'static str,
    },
    /// A record changed under a checksum that fits.
    Forge {
        file: PathBuf,
        frame: Range<usize>,
        at: usize,
        bit: u64,
    },
}

/// A world as the changes see it.
pub struct Seen<'w> {
    pub path: &'w Path,
    pub world: &'w World,
    files: Vec<PathBuf>,
}

impl<'w> Seen<'w> {
    pub fn new(path: &'w Path, world: &'w World) -> Self {
        let mut files: Vec<_> = crate::binary::digest(&ledger(path))
            .into_keys()
            .filter(|it| it.is_relative())
            .collect();
        files.retain(|file| file.starts_with("data") && ledger(path).join(file).is_file());
        Self { path, world, files }
    }

    fn read(&self, file: &Path) -> Vec<u8> {
        fs::read(ledger(self.path).join(file)).unwrap()
    }

    fn segments(&self) -> Vec<&PathBuf> {
        let segment = |file: &&PathBuf| file.extension().is_some_and(|ending| ending == "log");
        self.files.iter().filter(segment).collect()
    }

    fn newest_segment(&self) -> &Path {
        self.segments().last().unwrap()
    }

    /// Where the appends of a segment lie.
    fn frames(&self, segment: &Path) -> Vec<Range<usize>> {
        let bytes = self.read(segment);
        let end = bytes.len().min(usize::try_from(SEGMENT_BYTES).unwrap());
        let length = |at: usize| {
            usize::try_from(u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap())).unwrap()
        };
        let mut frames = Vec::new();
        let mut at = SECTOR_BYTES;
        while at + FRAME_HEAD_BYTES < end {
            if bytes[at..].starts_with(FRAME) {
                frames.push(at..at + length(at));
                at += length(at);
            } else {
                at += 8;
            }
        }
        frames
    }

    /// What by its nature cannot be seen without a checkpoint that is kept outside: the whole
    /// directory put back; and where no clean stop says how the journal ends, its end put back, or
    /// zeroed as a torn append would be. (The journal's documentation says so.)
    pub fn is_undetectable(&self, change: &Change) -> bool {
        if matches!(change, Change::PutBackAll { .. }) {
            return true;
        }
        if self.world.stop == Stop::Clean {
            return false;
        }
        let newest = self.newest_segment();
        match change {
            Change::Zero { file, bytes } => {
                let last = self.frames(newest).pop().unwrap();
                file == newest && bytes.end > last.start
            }
            Change::PutBack { file, .. } => file == newest,
            Change::PutBackPart { part, .. } => *part == "data/journal",
            _ => false,
        }
    }

    /// Any change.
    pub fn any(&self, seeded: &mut Seeded) -> Change {
        let pick = |seeded: &mut Seeded, bound: usize| {
            usize::try_from(seeded.below(bound.max(1) as u64)).unwrap()
        };
        let part = PARTS[pick(seeded, PARTS.len())];
        let files: Vec<_> = self.files.iter().filter(|file| file.starts_with(part)).collect();
        let file = files[pick(seeded, files.len())].clone();
        let bytes = self.read(&file);
        // Half of the changes fall on what is written, not on the zeros behind it.
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let reach = if seeded.below(2) == 0 { used } else { bytes.len() };
        let at = pick(seeded, reach);
        let block_bytes = [SECTOR_BYTES, BLOCK_BYTES][pick(seeded, 2)];
        let moment = pick(seeded, self.world.moments);
        let block = at / block_bytes * block_bytes;
        match seeded.below(24) {
            0..8 => Change::Flip { file, at, bit: seeded.below(8) },
            8..11 => Change::Truncate { file, length: at },
            11..14 => Change::Zero { file, bytes: block..bytes.len().min(block + block_bytes) },
            14..16 => {
                let blocks = (bytes.len() / block_bytes).max(1);
                let second = pick(seeded, blocks);
                let first = (at / block_bytes).min(blocks - 1);
                Change::Swap { file, blocks: [first, second], block_bytes }
            }
            16..18 => Change::PutBack { file, moment },
            18 => Change::PutBackPart { part, moment },
            19 => Change::PutBackAll { moment },
            20..22 => {
                let segments = self.segments();
                let file = segments[pick(seeded, segments.len())].clone();
                let frames = self.frames(&file);
                let frame = frames[pick(seeded, frames.len())].clone();
                let over = frames[pick(seeded, frames.len())].clone();
                let to = if seeded.below(2) == 0 { over.start } else { over.end };
                Change::Duplicate { file, frame, to }
            }
            22 => Change::Remove { file },
            _ => Change::RemovePart { part },
        }
    }

    /// A change within an append of the newest segment, with its checksums made to fit.
    pub fn forged(&self, seeded: &mut Seeded) -> Change {
        let file = self.newest_segment().to_owned();
        let frames = self.frames(&file);
        let frame = frames[usize::try_from(seeded.below(frames.len() as u64)).unwrap()].clone();
        let within = (frame.len() - FRAME_HEAD_BYTES - 8) as u64;
        let at = frame.start + FRAME_HEAD_BYTES + usize::try_from(seeded.below(within)).unwrap();
        Change::Forge { file, frame, at, bit: seeded.below(8) }
    }
}

impl Change {
    /// Makes the change in `target`, a copy of the ledger of `world`.
    pub fn make(&self, world: &Path, target: &Path) {
        let edit = |file: &Path, edit: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = fs::read(target.join(file)).unwrap();
            edit(&mut bytes);
            fs::write(target.join(file), bytes).unwrap();
        };
        match self {
            Self::Flip { file, at, bit } => edit(file, &|bytes| {
                if let Some(byte) = bytes.get_mut(*at) {
                    *byte ^= 1 << bit;
                }
            }),
            Self::Truncate { file, length } => edit(file, &|bytes| bytes.truncate(*length)),
            Self::Zero { file, bytes: range } => {
                edit(file, &|bytes| bytes[range.clone()].fill(0));
            }
            Self::Swap { file, blocks: [first, second], block_bytes } => edit(file, &|bytes| {
                for at in 0..*block_bytes {
                    let (one, other) = (first * block_bytes + at, second * block_bytes + at);
                    if one.max(other) < bytes.len() {
                        bytes.swap(one, other);
                    }
                }
            }),
            Self::PutBack { file, moment: number } => {
                let old = moment(world, *number).join(file);
                if old.exists() {
                    fs::copy(old, target.join(file)).unwrap();
                }
            }
            Self::PutBackPart { part, moment: number } => {
                fs::remove_dir_all(target.join(part)).unwrap();
                copy(&moment(world, *number).join(part), &target.join(part));
            }
            Self::PutBackAll { moment: number } => {
                fs::remove_dir_all(target.join("data")).unwrap();
                copy(&moment(world, *number).join("data"), &target.join("data"));
            }
            Self::Duplicate { file, frame, to } => edit(file, &|bytes| {
                let frame = bytes[frame.clone()].to_vec();
                let end = bytes.len().min(to + frame.len());
                bytes[*to..end].copy_from_slice(&frame[..end - to]);
            }),
            Self::Remove { file } => fs::remove_file(target.join(file)).unwrap(),
            Self::RemovePart { part } => fs::remove_dir_all(target.join(part)).unwrap(),
            Self::Forge { file, frame, at, bit } => edit(file, &|bytes| {
                bytes[*at] ^= 1 << bit;
                let frame = &mut bytes[frame.clone()];
                let checksum = crc32c::crc32c(&frame[FRAME_HEAD_BYTES..]).to_le_bytes();
                frame[24..28].copy_from_slice(&checksum);
                let checksum = crc32c::crc32c(&frame[..28]).to_le_bytes();
                frame[28..32].copy_from_slice(&checksum);
            }),
        }
    }
}
