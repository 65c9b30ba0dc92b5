//! A log for verifiers that are not ours: `tests/run foreign` lets them read it.
//!
//! It is larger than a ledger of tests, so that there is a third level of tiles, and it comes with
//! what its key must never sign: a checkpoint of another tree, which a witness has to refuse.
//!
//! Beside it are the proofs of many small trees, drawn at random, for a verifier that was written from the
//! RFC alone: `JUDGEMENT_LEDGER_TREES=100000` for more of them, `JUDGEMENT_LEDGER_SEED` repeats a run.

use std::{
    env, fs,
    io::{BufWriter, Write as _},
    path::PathBuf,
};

use judgement_ledger::merkle::{
    AddCheckpoint, Checkpoint, ConsistencyPlan, ConsistencyProof, EntryBundle, Hash, InclusionPlan,
    InclusionProof, KeyName, Node, Origin, SignedNote, Signer, Tile, TilePath, TlogProof, TreeHead,
    leaf_hash, node_hash, root_of,
};
use serde_json::json;

use crate::{
    killed::{rounds, seed},
    sim_disk::Seeded,
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

/// How many trees are drawn, and how large they are at most: as many are below two leaves as are above a
/// thousand, since trees change their shape at every power of two.
const TREES: u64 = 10_000;
const LARGEST_BITS: u64 = 11;

/// All whole nodes of a tree, the leaves first: each level has half of that below it.
struct Levels(Vec<Vec<Hash>>);

impl Levels {
    fn of(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|it| it.len() > 1) {
            let next = last.chunks_exact(2).map(|it| node_hash(&it[0], &it[1])).collect();
            levels.push(next);
        }
        Self(levels)
    }

    fn at(&self, nodes: &[Node]) -> Vec<Hash> {
        let at = |node: &Node| {
            let leaves = node.leaves();
            let level = (leaves.end - leaves.start).ilog2();
            self.0[level as usize][usize::try_from(leaves.start >> level).unwrap()]
        };
        nodes.iter().map(at).collect()
    }
}

/// Turns one bit of hashes that are taken as one row.
fn turn(hashes: &mut [Hash], bit: u64) {
    let bit = usize::try_from(bit).unwrap();
    let mut bytes = *hashes[bit / 256].as_bytes();
    bytes[bit % 256 / 8] ^= 1 << (bit % 8);
    hashes[bit / 256] = Hash::new(bytes);
}

fn hex(hashes: &[Hash]) -> String {
    hashes.iter().map(ToString::to_string).collect()
}

/// A tree drawn at random: one of its leaves and one of its earlier sizes, both proven; and in each proof a
/// bit which, once turned, makes it none. Our own verifier has decided all of that.
fn tree(number: u64, seed: u64) -> serde_json::Value {
    let mut random = Seeded(seed ^ number.rotate_left(32));
    let largest = 1 << random.below(LARGEST_BITS + 1);
    let size = 1 + random.below(largest);
    let (index, old) = (random.below(size), 1 + random.below(size));
    let entry = |leaf: u64| format!("{seed}/{number}/{leaf}");
    let leaves: Vec<_> = (0..size).map(|it| leaf_hash(entry(it).as_bytes())).collect();
    let root = |size: u64| root_of(&leaves[..usize::try_from(size).unwrap()]);
    let (old, new) = (TreeHead { size: old, root: root(old) }, TreeHead { size, root: root(size) });
    let leaf = leaves[usize::try_from(index).unwrap()];
    let levels = Levels::of(leaves);

    let plan = InclusionPlan::new(index, size).unwrap();
    let inclusion = plan.fold(&levels.at(plan.nodes())).unwrap();
    inclusion.verify(&leaf, index, &new).unwrap();
    let mut all = [&[leaf, new.root][..], inclusion.hashes()].concat();
    let included_bit = random.below(all.len() as u64 * 256);
    turn(&mut all, included_bit);
    let turned = InclusionProof::new(all[2..].to_vec());
    turned.verify(&all[0], index, &TreeHead { root: all[1], ..new }).unwrap_err();

    let plan = ConsistencyPlan::new(old.size, size).unwrap();
    let consistency = plan.fold(&levels.at(plan.nodes())).unwrap();
    consistency.verify(&old, &new).unwrap();
    let mut all = [&[old.root, new.root][..], consistency.hashes()].concat();
    let grown_bit = random.below(all.len() as u64 * 256);
    turn(&mut all, grown_bit);
    let turned = ConsistencyProof::new(all[2..].to_vec());
    let heads = (TreeHead { root: all[0], ..old }, TreeHead { root: all[1], ..new });
    turned.verify(&heads.0, &heads.1).unwrap_err();

    json!({
        "seed": seed, "tree": number, "size": size, "root": hex(&[new.root]),
        "index": index, "inclusion": hex(inclusion.hashes()), "included_bit": included_bit,
        "old": old.size, "old_root": hex(&[old.root]),
        "consistency": hex(consistency.hashes()), "grown_bit": grown_bit,
    })
}

#[test]
#[ignore = "writes what foreign verifiers read: `tests/run foreign`"]
fn proofs_of_random_trees_are_written_for_a_foreign_verifier() {
    let into = PathBuf::from(env::var_os("JUDGEMENT_LEDGER_FOREIGN").expect("where to write to"));
    let (trees, seed) = (rounds("JUDGEMENT_LEDGER_TREES", TREES), seed());
    println!("JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_TREES={trees}");
    fs::create_dir_all(&into).unwrap();
    let mut file = BufWriter::new(fs::File::create(into.join("trees.jsonl")).unwrap());
    for number in 0..trees {
        writeln!(file, "{}", tree(number, seed)).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
}
