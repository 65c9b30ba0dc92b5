//! All bytes that fuzzers found worth keeping, given to the decoders without a fuzzer.

use std::{fs, panic::catch_unwind, path::PathBuf};

#[path = "../fuzz/decoders.rs"]
mod decoders;

use crate::sim_disk;
use decoders::{DECODERS, Decoder};

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

/// The files over which a decoder breaks its promise.
fn broken(name: &str, decoder: Decoder) -> Vec<PathBuf> {
    let files = corpus(name);
    assert!(files.len() > 1, "the corpus of {name} was not found");
    files
        .into_iter()
        .filter(|(_, it)| catch_unwind(|| decoder(it)).is_err())
        .map(|it| it.0)
        .collect()
}

#[test]
fn every_decoder_keeps_its_promise_on_all_that_was_found() {
    for (name, decoder) in DECODERS {
        assert_eq!(broken(name, decoder), [] as [PathBuf; 0]);
    }
}

/// The negative control: a decoder that stumbles over what is there is found by the same replay.
#[test]
fn a_decoder_that_panics_is_found() {
    fn stumbles(bytes: &[u8]) {
        assert!(!bytes.contains(&b'{'), "a brace");
    }
    assert!(!broken("framework", stumbles).is_empty());
    assert!(broken("framework", |_| ()).is_empty());
}
