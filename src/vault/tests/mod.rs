//! What must hold of the vault as a whole.

mod crash;
mod disk;
mod erasure;
mod golden;
mod opening;
mod sealing;
mod sharing;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use super::*;
use crate::{judgement::Text, record::Commitment};
use disk::{Fault, Kept, MemoryDisk};

const LEDGER: Uuid = Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_0000_00aa);

fn master() -> MasterKey {
    MasterKey::new([0x5a; 32])
}

/// The same bytes in every run, and never the same bytes twice in one (splitmix64).
fn seeded(seed: u64) -> Entropy {
    let state = AtomicU64::new(seed);
    Arc::new(move |buffer| {
        for chunk in buffer.chunks_mut(8) {
            let mut word =
                state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(seed);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            let bytes = word.to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    })
}

fn setup() -> Setup {
    Setup { ledger: LEDGER, prepare: Prepare::Inline, last_slot: None }
}

fn open(disk: &MemoryDisk, entropy: &Entropy) -> Result<Vault, VaultError> {
    Vault::open(Arc::new(disk.clone()), master(), Arc::clone(entropy), setup())
}

/// A record with texts, and all that is needed to seal and to open them.
struct Record {
    id: Uuid,
    texts: Vec<(String, Opening, Text)>,
}

impl Record {
    fn new(number: u128, count: usize) -> Self {
        let text = |index: usize| {
            let entropy = seeded(u64::try_from(number).unwrap() * 10_000 + 7);
            let mut opening = [0; 32];
            entropy(&mut opening).unwrap();
            opening[..8].copy_from_slice(&index.to_be_bytes());
            let text = format!("The text {index} of record {number}: a child's name");
            (format!("field-{index}"), Opening::new(opening), Text::parse(text).unwrap())
        };
        Self { id: Uuid::from_u128(number), texts: (0..count).map(text).collect() }
    }

    fn sealings(&self) -> Vec<Sealing<'_>> {
        let each = self.texts.iter().map(|(field, opening, text)| Sealing {
            record_id: self.id,
            field,
            commitment: Commitment::to(opening, self.id, field, text),
            opening,
            text,
        });
        each.collect()
    }

    fn bindings(&self) -> Vec<Binding<'_>> {
        self.sealings().iter().map(Sealing::binding).collect()
    }

    fn present(&self, index: usize) -> Unsealed {
        let (_, opening, text) = &self.texts[index];
        Unsealed::Present { opening: opening.clone(), text: text.clone() }
    }
}
