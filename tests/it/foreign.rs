//! A log for verifiers that are not ours: `tests/run foreign` lets them read it.
//!
//! It is larger than a ledger of tests, so that there is a third level of tiles, and it comes with
//! what its key must never sign: a checkpoint of another tree, which a witness has to refuse.

use std::{env, fs, path::PathBuf};

use judgement_ledger::merkle::{
    AddCheckpoint, Checkpoint, ConsistencyPlan, ConsistencyProof, EntryBundle, Hash, InclusionPlan,
    KeyName, Node, Origin, SignedNote, Signer, Tile, TilePath, TlogProof, TreeHead, leaf_hash,
    root_of,
};

/// As many entries as the example of C2SP's tlog-tiles has: three levels, ragged edges in each.
const SIZE: usize = 70_000;

/// An earlier size, which is no power of two and lies within a tile.
const EARLIER: usize = 50_001;

/// Entries with a proof of their own: the edges of tiles and of subtrees.
const PROVEN: [u64; 6] = [0, 255, 256, 50_000, 65_535, 69_999];

/// What is small, what is empty, and one as large as an entry can be.
fn entry(index: usize) -> Vec<u8> {
    match index {
        256 => Vec::new(),
        50_000 => vec![b'x'; usize::from(u16::MAX)],
        _ => format!("entry {index}").into_bytes(),
    }
}

struct Log {
    signer: Signer,
    leaves: Vec<Hash>,
}

impl Log {
    fn of(entries: &[Vec<u8>]) -> Self {
        let signer = Signer::new(KeyName::parse("ledger.example/foreign").unwrap(), &[7; 32]);
        Self { signer, leaves: entries.iter().map(|it| leaf_hash(it)).collect() }
    }

    fn hash(&self, node: Node) -> Hash {
        let leaves = node.leaves();
        let at = |leaf: u64| usize::try_from(leaf).unwrap();
        root_of(&self.leaves[at(leaves.start)..at(leaves.end)])
    }

    fn hashes(&self, nodes: impl IntoIterator<Item = Node>) -> Vec<Hash> {
        nodes.into_iter().map(|node| self.hash(node)).collect()
    }

    fn checkpoint(&self, size: usize) -> SignedNote {
        let origin = Origin::from(self.signer.name().clone());
        let head = TreeHead { size: size as u64, root: root_of(&self.leaves[..size]) };
        Checkpoint::new(origin, head).sign(std::slice::from_ref(&self.signer)).unwrap()
    }

    fn grown(&self, old: usize, new: usize) -> ConsistencyProof {
        let plan = ConsistencyPlan::new(old as u64, new as u64).unwrap();
        plan.fold(&self.hashes(plan.nodes().iter().copied())).unwrap()
    }

    fn proof(&self, index: u64) -> TlogProof {
        let plan = InclusionPlan::new(index, self.leaves.len() as u64).unwrap();
        let inclusion = plan.fold(&self.hashes(plan.nodes().iter().copied())).unwrap();
        TlogProof::new(index, inclusion, self.checkpoint(self.leaves.len()))
    }
}

/// What a log asks a witness, as the body of its request.
fn asked(old: usize, proof: ConsistencyProof, checkpoint: SignedNote) -> String {
    AddCheckpoint::new(old as u64, proof, checkpoint).unwrap().to_string()
}

#[test]
#[ignore = "writes what foreign verifiers read: `tests/run foreign`"]
fn a_large_log_and_its_fork_are_written_for_foreign_verifiers() {
    let into = PathBuf::from(env::var_os("JUDGEMENT_LEDGER_FOREIGN").expect("where to write to"));
    let write = |path: &str, bytes: &[u8]| {
        let path = into.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let mut entries: Vec<_> = (0..SIZE).map(entry).collect();
    let log = Log::of(&entries);
    entries[EARLIER / 2] = b"what was never recorded".to_vec();
    let fork = Log::of(&entries);
    entries[EARLIER / 2] = entry(EARLIER / 2);

    write("key", format!("{}\n", log.signer.verifier()).as_bytes());
    write("folder/checkpoint", log.checkpoint(SIZE).to_string().as_bytes());
    for tile in Tile::all(SIZE as u64) {
        let bytes = tile.encode(&log.hashes(tile.nodes())).unwrap();
        write(&format!("folder/{}", TilePath::Hashes(tile)), &bytes);
    }
    for bundle in EntryBundle::all(SIZE as u64) {
        let at = bundle.entries();
        let bytes = bundle.encode(&entries[at.start as usize..at.end as usize]).unwrap();
        write(&format!("folder/{}", TilePath::Entries(bundle)), &bytes);
    }
    for index in PROVEN {
        write(&format!("proofs/{index}.tlog-proof"), log.proof(index).to_string().as_bytes());
        write(&format!("proofs/{index}.entry"), &entries[index as usize]);
    }
    let grown = log.grown(EARLIER, SIZE);
    let lines: String = grown.hashes().iter().map(|it| it.to_base64() + "\n").collect();
    write("consistency", lines.as_bytes());
    write("earlier", log.checkpoint(EARLIER).to_string().as_bytes());

    let nothing = ConsistencyProof::new(Vec::new());
    let requests = [
        ("first", asked(0, nothing.clone(), log.checkpoint(EARLIER))),
        ("grown", asked(EARLIER, grown, log.checkpoint(SIZE))),
        ("forked", asked(EARLIER, fork.grown(EARLIER, SIZE), fork.checkpoint(SIZE))),
        ("rewritten", asked(SIZE, nothing.clone(), fork.checkpoint(SIZE))),
        ("forgotten", asked(0, nothing, log.checkpoint(SIZE))),
    ];
    for (name, request) in requests {
        write(&format!("requests/{name}"), request.as_bytes());
    }
}
