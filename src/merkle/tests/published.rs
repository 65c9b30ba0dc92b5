//! Proofs, logs and exchanges that others publish for tests: `tests/merkle/README.md` says whose
//! they are.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::merkle::{
    AddCheckpoint, Checkpoint, CheckpointError, ConsistencyPlan, ConsistencyProof, CosignedSize,
    EntryBundle, Frontier, Hash, InclusionProof, KeyName, NoteError, Origin, SignatureType,
    SignedNote, TreeHead, Verifier, leaf_hash, root_of,
};

#[derive(Deserialize)]
struct Corpus {
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    file: String,
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Vec<String>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    file: String,
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Vec<String>,
    want_err: bool,
}

/// Some hashes of the corpus have another length, which no [`Hash`] has.
fn hash(base64: &str) -> Option<Hash> {
    STANDARD.decode(base64).unwrap().try_into().ok().map(Hash::new)
}

/// What stands for a root of another length: any hash, the same for the same.
fn root(base64: &str) -> Hash {
    hash(base64).unwrap_or_else(|| leaf_hash(base64.as_bytes()))
}

fn hashes(proof: &[String]) -> Option<Vec<Hash>> {
    proof.iter().map(|it| hash(it)).collect()
}

/// The one case that is decided otherwise here: its library proves nothing from no leaf at all,
/// but by C2SP tlog-witness "the empty tree is consistent with any tree".
const DECIDED_OTHERWISE: &str = "additional/size1-is-zero-and-size2-is-not-zero";

#[test]
fn the_published_proofs_hold_and_fail_as_published() {
    let corpus: Corpus =
        serde_json::from_str(include_str!("../../../tests/merkle/proofs.json")).unwrap();
    assert_eq!((corpus.inclusion.len(), corpus.consistency.len()), (98, 98));
    let mut accepted = 0;
    for case in corpus.inclusion {
        let holds = || {
            let proof = InclusionProof::new(hashes(&case.proof)?);
            let head = TreeHead { size: case.tree_size, root: hash(&case.root)? };
            proof.verify(&hash(&case.leaf_hash)?, case.leaf_idx, &head).ok()
        };
        assert_eq!(holds().is_none(), case.want_err, "inclusion {}", case.file);
        accepted += usize::from(holds().is_some());
    }
    for case in corpus.consistency {
        let holds = || {
            let proof = ConsistencyProof::new(hashes(&case.proof)?);
            let old = TreeHead { size: case.size1, root: root(&case.root1) };
            let new = TreeHead { size: case.size2, root: root(&case.root2) };
            proof.verify(&old, &new).ok()
        };
        let wrong = case.want_err && case.file != DECIDED_OTHERWISE;
        assert_eq!(holds().is_none(), wrong, "consistency {}", case.file);
        accepted += usize::from(holds().is_some());
    }
    assert_eq!(accepted, 13, "most of the corpus is wrong, and not all of it");
}

/// The entries of Tessera's log, as the script spells them that made it.
const ENTRIES: [&str; 15] = [
    "one", "two", "three", "four", "five", "six", "seven", "eit", "nain", "ten", "ileven", "twelf",
    "threeten", "fourten", "fivten",
];

#[test]
fn every_checkpoint_of_a_foreign_log_is_opened_and_its_root_found_anew() {
    let vkey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
    let keys = [Verifier::parse(vkey).unwrap()];
    let origin = Origin::parse("example.com/log/testdata").unwrap();
    let lines: Vec<_> = include_str!("../../../tests/merkle/tessera.txt").lines().collect();
    let leaves = ENTRIES.map(|entry| leaf_hash(entry.as_bytes()));
    let mut frontier = Frontier::empty();
    let mut heads = Vec::new();
    for written in lines.chunks(5) {
        let note = SignedNote::parse(format!("{}\n", written.join("\n")).as_bytes()).unwrap();
        let checkpoint = Checkpoint::open(&note, &origin, &keys).unwrap();
        let here = TreeHead { size: frontier.size(), root: frontier.root() };
        assert_eq!(*checkpoint.head(), here);
        heads.push(here);
        if let Some(leaf) = leaves.get(heads.len() - 1) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(heads.len(), 16);
    for (count, new) in heads.iter().enumerate() {
        for old in &heads[..count] {
            let plan = ConsistencyPlan::new(old.size, new.size).unwrap();
            let place = |at| usize::try_from(at).unwrap();
            let nodes = plan.nodes().iter().map(|node| node.leaves());
            let hashes: Vec<_> =
                nodes.map(|it| root_of(&leaves[place(it.start)..place(it.end)])).collect();
            assert_eq!(plan.fold(&hashes).unwrap().verify(old, new), Ok(()));
        }
    }
    // How its last bundle of entries begins and ends.
    let bundle = EntryBundle::new(0, 15).unwrap().encode(&ENTRIES).unwrap();
    assert_eq!(bundle.len(), 99);
    assert!(bundle.starts_with(b"\0\x03one\0\x03two\0\x05three"));
    assert!(bundle.ends_with(b"\0\x07fourten\0\x06fivten"));
}

const LOG: &str =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
const LOG_KEY: &str = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f";

/// What a witness of one log answers by C2SP tlog-witness "add-checkpoint", and what it then has
/// cosigned.
fn answer(body: &str, latest: &mut TreeHead, log: &Verifier) -> (u16, String) {
    let no = |status: u16| (status, String::new());
    let Ok(request) = AddCheckpoint::parse(body.as_bytes()) else { return no(400) };
    assert_eq!(request.to_string(), body);
    let origin = Origin::from(log.name().clone());
    let opened = Checkpoint::open(request.checkpoint(), &origin, std::slice::from_ref(log));
    let checkpoint = match opened {
        Ok(checkpoint) => checkpoint,
        Err(CheckpointError::Malformed) => return no(400),
        Err(CheckpointError::OtherOrigin) => return no(404),
        Err(CheckpointError::Note(NoteError::NotSigned)) => {
            let said = Checkpoint::parse(request.checkpoint().unverified_text()).unwrap();
            return no(if *said.origin() == origin { 403 } else { 404 });
        }
        Err(CheckpointError::Note(_)) => return no(403),
    };
    if request.old() > checkpoint.head().size {
        return no(400);
    }
    if request.old() != latest.size {
        return (409, CosignedSize(latest.size).to_string());
    }
    if request.proof().verify(latest, checkpoint.head()).is_err() {
        return no(422);
    }
    *latest = *checkpoint.head();
    (200, String::new())
}

#[test]
fn a_foreign_log_and_a_foreign_witness_are_understood() {
    let key: [u8; 32] = *Hash::parse(LOG_KEY).unwrap().as_bytes();
    let name = KeyName::parse(LOG).unwrap();
    let log = Verifier::new(name, SignatureType::Ed25519, &key).unwrap();
    let mut latest = TreeHead::empty();
    let mut statuses = Vec::new();
    let exchange = include_str!("../../../tests/merkle/litewitness.txt");
    for part in exchange.split("POST http://localhost:7380/add-checkpoint\n```\n").skip(1) {
        let (request, expected) = part.split_once("```\nHTTP ").unwrap();
        let (status, body) = answer(request, &mut latest, &log);
        let (wanted, asserted) = expected.split_once('\n').unwrap();
        let wanted = match asserted {
            // The exchange is older than the rule that an unknown log is answered with 404.
            it if it.contains("unknown log") => 404,
            // Its base64 has bits beyond its last byte: here it is no signature at all.
            it if it.contains("invalid signature") => 400,
            _ => wanted.parse().unwrap(),
        };
        assert_eq!(status, wanted, "{request}");
        if status == 409 {
            let said = asserted.split('"').nth(1).unwrap().replace("\\n", "\n");
            assert_eq!(body, said);
            let size = CosignedSize::parse(said.as_bytes()).unwrap();
            assert_eq!(size, CosignedSize(latest.size));
        }
        statuses.push(status);
    }
    assert_eq!(statuses, [200, 400, 404, 422, 422, 200, 409, 200, 409]);
    assert_eq!(latest.size, 5);
}
