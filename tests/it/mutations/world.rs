//! A ledger of three lives, as it was left, as it once was, and what it said of itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    account::{Answer, Said, account, records},
    binary::copy,
    served::{Ground, Served},
    story::{Telling, assessment_of, tell},
};

/// Small, so that there are several.
pub const SEGMENT_BYTES: u64 = 64 << 10;

const LIVES: usize = 3;

/// How the last life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    Clean,
    Unclean,
}

/// What is known of a ledger independently of its files.
#[derive(Debug, Serialize, Deserialize)]
pub struct World {
    pub stop: Stop,
    /// Its assessments.
    pub names: Vec<String>,
    /// How many records it has.
    pub head: u64,
    /// What it said of itself while it ran.
    pub expected: Vec<Said>,
    /// How many copies of its files there are, as they once were.
    pub moments: usize,
}

/// The directory of a world's ledger, and of its copies.
pub fn ledger(world: &Path) -> PathBuf {
    world.join("ledger")
}

pub fn moment(world: &Path, number: usize) -> PathBuf {
    world.join(format!("moment-{number}"))
}

/// A place to stand on for whoever opens a ledger of these worlds.
pub fn ground(path: &Path) -> Ground {
    let mut ground = Ground::at(path);
    ground.segment_bytes = SEGMENT_BYTES;
    ground
}

impl World {
    /// Lives the lives, and leaves all in `path`.
    pub async fn build(path: &Path, stop: Stop) -> Self {
        let running = path.join("running");
        let names: Vec<_> = (0..LIVES).map(assessment_of).collect();
        let (mut moments, mut receipts, mut expected) = (0, Vec::new(), Vec::new());
        let mut head = 0;
        let mut keep = |of: &Path| {
            copy(of, &moment(path, moments));
            moments += 1;
        };
        for life in 0..LIVES {
            let served = Served::on(ground(&running)).await.unwrap();
            let telling = Telling { long_text_bytes: 25_000, evidence: 6 };
            receipts.extend(tell(&served.clients(), life, telling).await);
            if life < LIVES - 1 {
                keep(&running);
                served.stop().await;
                keep(&running);
                continue;
            }
            // Who reads a stream is recorded, once a day: before the account, which then changes nothing.
            records(&served.clients()).await.1.unwrap();
            head = served.head().await;
            expected = account(&served.clients(), &names, head).await;
            if stop == Stop::Unclean {
                copy(&running, &ledger(path));
            }
            served.stop().await;
        }
        if stop == Stop::Clean {
            copy(&running, &ledger(path));
        }
        let world = Self { stop, names, head, expected, moments };
        world.knows(&receipts);
        fs::write(path.join("world.json"), serde_json::to_vec(&world).unwrap()).unwrap();
        world
    }

    pub fn load(path: &Path) -> Self {
        serde_json::from_slice(&fs::read(path.join("world.json")).unwrap()).unwrap()
    }

    /// What was acknowledged is in the account, and nobody was refused in it but those who asked
    /// for what was not there yet.
    fn knows(&self, receipts: &[judgement_ledger::pb::Receipt]) {
        for receipt in receipts {
            let question = format!("record {}", receipt.position);
            let said = self.expected.iter().find(|said| said.question == question).unwrap();
            assert_eq!(said.answer.json()["record"]["stream"], receipt.stream.as_str());
        }
        for said in &self.expected {
            if let Answer::Refused { code, .. } = &said.answer {
                assert_eq!(code, "NotFound", "{}", said.question);
            }
        }
    }
}
