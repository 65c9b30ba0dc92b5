//! Against code that is not ours, in both directions: what we make, it accepts; what it makes, we
//! accept; and what was spoiled, neither does. On failure `proptest` prints the smallest case.

use std::sync::OnceLock;

use ct_merkle::{RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles as go;

use super::known::name;
use crate::merkle::{
    Checkpoint, ConsistencyPlan, ConsistencyProof, Hash, InclusionPlan, InclusionProof, Node,
    Origin, RootPlan, SignedNote, Signer, Tile, TilePath, TreeHead, Verifier, leaf_hash,
};

/// Enough for two levels of tiles, and ragged edges in both.
const LEAVES: u64 = 1_200;

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// All hashes of the largest tree, as Go's `tlog` stores them.
struct Store(Vec<go::Hash>);

impl go::HashReader for Store {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<go::Hash>, go::Error> {
        Ok(indexes.iter().map(|at| self.0[usize::try_from(*at).unwrap()]).collect())
    }
}

fn store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        let mut store = Store(Vec::new());
        for index in 0..LEAVES {
            let hashes = go::stored_hashes(index, &entry(index), &store).unwrap();
            store.0.extend(hashes);
        }
        store
    })
}

fn hash_of(node: &Node) -> Hash {
    let at = go::stored_hash_index(node.level(), node.index());
    Hash::new(store().0[usize::try_from(at).unwrap()].0)
}

fn head(size: u64) -> TreeHead {
    let plan = RootPlan::new(size);
    plan.fold(&plan.nodes().iter().map(hash_of).collect::<Vec<_>>()).unwrap()
}

fn ours_in(index: u64, size: u64) -> InclusionProof {
    let plan = InclusionPlan::new(index, size).unwrap();
    plan.fold(&plan.nodes().iter().map(hash_of).collect::<Vec<_>>()).unwrap()
}

fn ours_between(old: u64, new: u64) -> ConsistencyProof {
    let plan = ConsistencyPlan::new(old, new).unwrap();
    plan.fold(&plan.nodes().iter().map(hash_of).collect::<Vec<_>>()).unwrap()
}

fn go_hash(hash: &Hash) -> go::Hash {
    go::Hash(*hash.as_bytes())
}

fn go_hashes(hashes: &[Hash]) -> Vec<go::Hash> {
    hashes.iter().map(go_hash).collect()
}

fn from_go(hashes: &[go::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::new(hash.0)).collect()
}

fn ct_root(head: &TreeHead) -> RootHash<Sha256> {
    RootHash::new((*head.root.as_bytes()).into(), head.size)
}

fn concatenated(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes with one bit of one of them turned.
fn flipped(hashes: &[Hash], which: prop::sample::Index, bit: u8) -> Vec<Hash> {
    let mut hashes = hashes.to_vec();
    let at = which.index(hashes.len());
    let mut bytes = *hashes[at].as_bytes();
    bytes[usize::from(bit) / 8] ^= 1 << (bit % 8);
    hashes[at] = Hash::new(bytes);
    hashes
}

fn sizes() -> impl Strategy<Value = (u64, u64)> {
    (1..=LEAVES).prop_flat_map(|size| (Just(size), 0..size))
}

proptest! {
    #[test]
    fn inclusion_proofs_pass_for_both_sides_and_spoiled_ones_for_neither(
        (size, index) in sizes(), which: prop::sample::Index, bit: u8,
    ) {
        let (head, leaf) = (head(size), leaf_hash(&entry(index)));
        let ours = ours_in(index, size);
        prop_assert_eq!(go::tree_hash(size, store()).unwrap(), go_hash(&head.root));
        let theirs = go::prove_record(size, index, store()).unwrap();
        prop_assert_eq!(from_go(&theirs), ours.hashes());

        let go_says = |hashes: &[Hash]| {
            let root = go_hash(&head.root);
            go::check_record(&go_hashes(hashes), size, root, index, go_hash(&leaf)).is_ok()
        };
        let ct_says = |hashes: &[Hash]| {
            let proof = ct_merkle::InclusionProof::try_from_bytes(concatenated(hashes)).unwrap();
            ct_root(&head).verify_inclusion(&entry(index), index, &proof).is_ok()
        };
        let we_say = |hashes: &[Hash]| {
            InclusionProof::new(hashes.to_vec()).verify(&leaf, index, &head).is_ok()
        };
        prop_assert!(go_says(ours.hashes()) && ct_says(ours.hashes()) && we_say(ours.hashes()));
        if !ours.hashes().is_empty() {
            let spoiled = flipped(ours.hashes(), which, bit);
            prop_assert!(!go_says(&spoiled) && !ct_says(&spoiled) && !we_say(&spoiled));
        }
    }

    #[test]
    fn consistency_proofs_pass_for_both_sides_and_spoiled_ones_for_neither(
        (new, old) in sizes(), which: prop::sample::Index, bit: u8,
    ) {
        let old = old + 1;
        let (old_head, new_head) = (head(old), head(new));
        let ours = ours_between(old, new);
        let theirs = go::prove_tree(new, old, store()).unwrap();
        prop_assert_eq!(from_go(&theirs), ours.hashes());

        let go_says = |hashes: &[Hash]| {
            let (before, after) = (go_hash(&old_head.root), go_hash(&new_head.root));
            go::check_tree(&go_hashes(hashes), new, after, old, before).is_ok()
        };
        let ct_says = |hashes: &[Hash]| {
            let proof = ct_merkle::ConsistencyProof::try_from_bytes(concatenated(hashes)).unwrap();
            ct_root(&new_head).verify_consistency(&ct_root(&old_head), &proof).is_ok()
        };
        let we_say = |hashes: &[Hash]| {
            ConsistencyProof::new(hashes.to_vec()).verify(&old_head, &new_head).is_ok()
        };
        prop_assert!(go_says(ours.hashes()) && ct_says(ours.hashes()) && we_say(ours.hashes()));
        if !ours.hashes().is_empty() {
            let spoiled = flipped(ours.hashes(), which, bit);
            prop_assert!(!go_says(&spoiled) && !ct_says(&spoiled) && !we_say(&spoiled));
        }
    }

    /// Go's paths have the height of their tiles in them; ours is always 8.
    #[test]
    fn tiles_have_the_places_and_paths_that_go_gives_them(
        level in 0..8_u8, index in 0..1_u64 << 48, width in 1..=256_u16, old: u16, more: u16,
    ) {
        if let Some(tile) = Tile::new(level, index >> (level * 7), width) {
            let theirs = go::Tile::new(8, level, tile.index(), u32::from(width), false);
            let written = TilePath::Hashes(tile).to_string();
            prop_assert_eq!(&theirs.path(), &written.replacen("tile/", "tile/8/", 1));
            prop_assert_eq!(TilePath::parse(&written), Ok(TilePath::Hashes(tile)));
        }
        let (old, new) = (u64::from(old), u64::from(old) + u64::from(more));
        let theirs = go::Tile::new_tiles(8, old, new).into_iter();
        let theirs: Vec<_> = theirs.map(|it| (it.level(), it.level_index(), it.width())).collect();
        let ours: Vec<_> = Tile::new_between(old, new)
            .map(|it| (it.level(), it.index(), u32::from(it.width())))
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn nodes_are_computed_from_tiles_as_go_computes_them((size, at) in sizes(), level in 0..10_u8) {
        let Some(node) = Node::new(level, at >> level).filter(|node| node.is_within(size)) else {
            return Ok(());
        };
        let tile = Tile::holding(node, size).unwrap();
        let hashes: Vec<_> = tile.nodes().map(|it| hash_of(&it)).collect();
        let theirs = go::Tile::new(8, tile.level(), tile.index(), u32::from(tile.width()), false);
        let index = go::stored_hash_index(node.level(), node.index());
        let bytes = tile.encode(&hashes).unwrap();
        prop_assert_eq!(theirs.read_data(store()).unwrap(), bytes.clone());
        let found = theirs.hash_at_index(&bytes, index).unwrap();
        prop_assert_eq!(tile.hash_of(node, &hashes), Ok(Hash::new(found.0)));
    }

    #[test]
    fn checkpoints_are_opened_by_both_sides_and_spoiled_ones_by_neither(
        seed: [u8; 32], size: u64, root: [u8; 32], at: prop::sample::Index, bit in 0..8_u8,
    ) {
        let signer = Signer::new(name("audit.example/log"), &seed);
        let key = signer.verifier();
        let origin = Origin::parse("audit.example/log").unwrap();
        let signed = TreeHead { size, root: Hash::new(root) };
        let checkpoint = Checkpoint::new(origin.clone(), signed);
        let written = checkpoint.sign(&[signer]).unwrap().to_string().into_bytes();

        let they_open = |bytes: &[u8]| {
            let key = signed_note::StandardVerifier::new(&key.to_string()).unwrap();
            let keys = signed_note::VerifierList::new(vec![Box::new(key)]);
            let note = signed_note::Note::from_bytes(bytes).ok()?;
            note.verify(&keys).ok()?;
            let read = go::Checkpoint::from_bytes(note.text()).ok()?;
            let head = TreeHead { size: read.size(), root: Hash::new(read.hash().0) };
            Some((read.origin().to_owned(), head))
        };
        let we_open = |bytes: &[u8]| {
            let note = SignedNote::parse(bytes).ok()?;
            Checkpoint::open(&note, &origin, std::slice::from_ref(&key)).ok()
        };
        prop_assert_eq!(they_open(&written), Some((origin.to_string(), signed)));
        prop_assert_eq!(we_open(&written), Some(checkpoint));
        let mut spoiled = written;
        let at = at.index(spoiled.len());
        spoiled[at] ^= 1 << bit;
        prop_assert_eq!(they_open(&spoiled), None);
        prop_assert_eq!(we_open(&spoiled), None);
    }

    #[test]
    fn notes_signed_by_others_are_opened(seed: [u8; 32], text in "[ -~\u{a0}-\u{ff}\n]{0,80}") {
        let ours = Signer::new(name("other.example"), &seed);
        let key = ours.verifier();
        // Go's form of a signing key: the id is that of the public one.
        let secret = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            [&[1][..], &seed].concat(),
        );
        let written = format!("PRIVATE+KEY+other.example+{}+{secret}", key.id());
        let signer = signed_note::StandardSigner::new(&written).unwrap();
        let text = format!("{text}\n");
        let mut note = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&signer]).unwrap();
        let read = SignedNote::parse(&note.to_bytes()).unwrap();
        prop_assert_eq!(read.open(&[key]), Ok(text.as_str()));
        // The signature is the one that we make, too.
        let made = SignedNote::sign(text.clone(), &[ours]).unwrap();
        prop_assert_eq!(made, read);
    }

    /// Keys, too, are read by both sides or by neither.
    #[test]
    fn keys_are_read_as_others_read_them(seed: [u8; 32], at: prop::sample::Index, bit in 0..7_u8) {
        let written = Signer::new(name("k.example"), &seed).verifier().to_string();
        prop_assert!(signed_note::StandardVerifier::new(&written).is_ok());
        let mut spoiled = written.into_bytes();
        let at = at.index(spoiled.len());
        spoiled[at] ^= 1 << bit;
        let spoiled = String::from_utf8(spoiled).unwrap();
        let (ours, theirs) =
            (Verifier::parse(&spoiled), signed_note::StandardVerifier::new(&spoiled));
        prop_assert!(ours.is_err());
        // They take an id in capital letters.
        prop_assert!(theirs.is_err() || spoiled.chars().any(|it| it.is_ascii_uppercase()));
    }
}

/// The foreign tree agrees about the root of every size, and its own proofs are ours.
#[test]
fn a_foreign_tree_grows_as_ours_does() {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=200 {
        tree.push(entry(size - 1));
        let head = head(size);
        assert_eq!(tree.root(), ct_root(&head));
        for index in [0, size / 2, size - 1] {
            let theirs = tree.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(theirs.as_bytes(), concatenated(ours_in(index, size).hashes()));
        }
        for old in 1..size {
            let theirs = tree.prove_consistency(usize::try_from(size - old).unwrap());
            assert_eq!(theirs.as_bytes(), concatenated(ours_between(old, size).hashes()));
        }
    }
}
