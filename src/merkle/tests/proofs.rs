//! All proofs of all small trees, made by plan and by the standard's recursion, and spoiled.

use std::collections::HashMap;

use crate::merkle::{
    ConsistencyPlan, ConsistencyProof, FoldError, Frontier, Hash, InclusionPlan, InclusionProof,
    Node, ProofError, RootPlan, Tile, TreeHead, empty_root, leaf_hash, root_of,
};

/// Three and more levels of ragged edges, and one leaf beyond a power of two.
const SIZE_MAX: usize = 130;

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

/// The largest power of two smaller than `n`: `k` of RFC 9162 §2.1.1.
fn k(n: usize) -> usize {
    (0..64).map(|power| 1 << power).take_while(|it| *it < n).last().unwrap()
}

/// `PATH(m, D_n)` of RFC 9162 §2.1.3.1, to the letter.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    let n = leaves.len();
    if n == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(k(n));
    if m < k(n) {
        [path(m, left), vec![root_of(right)]].concat()
    } else {
        [path(m - k(n), right), vec![root_of(left)]].concat()
    }
}

/// `SUBPROOF(m, D_n, b)` of RFC 9162 §2.1.4.1, to the letter.
fn subproof(m: usize, leaves: &[Hash], b: bool) -> Vec<Hash> {
    let n = leaves.len();
    if m == n {
        return if b { Vec::new() } else { vec![root_of(leaves)] };
    }
    let (left, right) = leaves.split_at(k(n));
    if m <= k(n) {
        [subproof(m, left, b), vec![root_of(right)]].concat()
    } else {
        [subproof(m - k(n), right, false), vec![root_of(left)]].concat()
    }
}

fn head(leaves: &[Hash]) -> TreeHead {
    TreeHead { size: number(leaves.len()), root: root_of(leaves) }
}

/// The hash of each node, found in the tiles of the tree, as a reader of them finds it.
fn fetched(nodes: &[Node], tiles: &HashMap<Tile, Vec<Hash>>, size: u64) -> Vec<Hash> {
    let hash = |node: &Node| {
        let tile = Tile::holding(*node, size).unwrap();
        tile.hash_of(*node, &tiles[&tile]).unwrap()
    };
    nodes.iter().map(hash).collect()
}

fn tiles(leaves: &[Hash]) -> HashMap<Tile, Vec<Hash>> {
    let root = |node: Node| {
        let range = node.leaves();
        root_of(&leaves[place(range.start)..place(range.end)])
    };
    Tile::all(number(leaves.len())).map(|tile| (tile, tile.nodes().map(root).collect())).collect()
}

/// All proofs that differ from this one by one hash: changed, gone, twice, or in another's place.
fn spoiled(hashes: &[Hash]) -> Vec<Vec<Hash>> {
    let mut spoiled = Vec::new();
    for at in 0..hashes.len() {
        for byte in [0, 17, 31] {
            let mut bytes = *hashes[at].as_bytes();
            bytes[byte] ^= 1;
            let mut flipped = hashes.to_vec();
            flipped[at] = Hash::new(bytes);
            spoiled.push(flipped);
        }
        let mut dropped = hashes.to_vec();
        dropped.remove(at);
        let mut doubled = hashes.to_vec();
        doubled.insert(at, hashes[at]);
        spoiled.extend([dropped, doubled]);
        if at > 0 && hashes[at] != hashes[at - 1] {
            let mut swapped = hashes.to_vec();
            swapped.swap(at, at - 1);
            spoiled.push(swapped);
        }
    }
    let strange = leaf_hash(b"strange");
    let mut longer = hashes.to_vec();
    longer.push(strange);
    spoiled.push(longer);
    spoiled.push([vec![strange], hashes.to_vec()].concat());
    spoiled
}

#[test]
fn every_leaf_of_every_tree_is_proven_and_nothing_else() {
    let all = leaves(SIZE_MAX);
    for size in 1..=all.len() {
        let leaves = &all[..size];
        let (head, tiles) = (head(leaves), tiles(leaves));
        let other = TreeHead { root: leaf_hash(b"other"), ..head };
        for index in 0..size {
            let (at, leaf) = (number(index), leaves[index]);
            let plan = InclusionPlan::new(at, head.size).unwrap();
            assert!(plan.nodes().len() <= 16, "{index} of {size}");
            let proof = plan.fold(&fetched(plan.nodes(), &tiles, head.size)).unwrap();
            assert_eq!(proof.hashes(), path(index, leaves), "{index} of {size}");
            assert_eq!(proof.verify(&leaf, at, &head), Ok(()), "{index} of {size}");

            assert_eq!(proof.verify(&leaf, at, &other), Err(ProofError::OtherRoot));
            let wrong_leaf = proof.verify(&leaf_hash(b"other"), at, &head);
            assert_eq!(wrong_leaf, Err(ProofError::OtherRoot));
            for wrong in (0..number(size) + 2).filter(|it| *it != at) {
                assert!(proof.verify(&leaf, wrong, &head).is_err(), "{index} of {size} as {wrong}");
            }
            for hashes in spoiled(proof.hashes()) {
                let spoiled = InclusionProof::new(hashes);
                assert!(
                    spoiled.verify(&leaf, at, &head).is_err(),
                    "{index} of {size}: {spoiled:?}"
                );
            }
        }
    }
}

/// The path alone does not tell all sizes apart, but a root is of one size only.
#[test]
fn a_leaf_proven_in_one_tree_is_not_proven_in_another() {
    let all = leaves(40);
    for size in 1..=all.len() {
        for index in 0..size {
            let proof = InclusionProof::new(path(index, &all[..size]));
            for other in (1..=all.len()).filter(|it| *it != size) {
                let verified = proof.verify(&all[index], number(index), &head(&all[..other]));
                assert!(verified.is_err(), "{index} of {size} in {other}");
            }
        }
    }
}

#[test]
fn every_tree_is_proven_to_begin_with_every_smaller_one_and_no_other() {
    let all = leaves(SIZE_MAX);
    for new in 0..=all.len() {
        let (new_head, tiles) = (head(&all[..new]), tiles(&all[..new]));
        for old in 0..=new {
            let old_head = head(&all[..old]);
            let plan = ConsistencyPlan::new(old_head.size, new_head.size).unwrap();
            assert!(plan.nodes().len() <= 16, "{old} to {new}");
            let proof = plan.fold(&fetched(plan.nodes(), &tiles, new_head.size)).unwrap();
            let empty = old == 0 || old == new;
            let expected = if empty { Vec::new() } else { subproof(old, &all[..new], true) };
            assert_eq!(proof.hashes(), expected, "{old} to {new}");
            assert_eq!(proof.verify(&old_head, &new_head), Ok(()), "{old} to {new}");

            let strange = leaf_hash(b"strange");
            let wrong_old = TreeHead { root: strange, ..old_head };
            assert!(proof.verify(&wrong_old, &new_head).is_err(), "{old} to {new}");
            if old > 0 {
                let wrong_new = TreeHead { root: strange, ..new_head };
                assert!(proof.verify(&old_head, &wrong_new).is_err(), "{old} to {new}");
            }
            for hashes in spoiled(proof.hashes()) {
                let spoiled = ConsistencyProof::new(hashes);
                assert!(spoiled.verify(&old_head, &new_head).is_err(), "{old} to {new}");
            }
        }
    }
}

#[test]
fn a_consistency_proof_holds_between_its_own_two_sizes_only() {
    let all = leaves(20);
    let heads: Vec<_> = (0..=all.len()).map(|size| head(&all[..size])).collect();
    for new in 2..=all.len() {
        for old in 1..new {
            let proof = ConsistencyProof::new(subproof(old, &all[..new], true));
            for (from, to) in heads.iter().flat_map(|from| heads.iter().map(move |to| (from, to))) {
                let itself = from.size == number(old) && to.size == number(new);
                assert_eq!(
                    proof.verify(from, to).is_ok(),
                    itself,
                    "{old} to {new}: {from:?} {to:?}"
                );
            }
        }
    }
}

#[test]
fn a_root_of_any_size_is_folded_out_of_the_tiles_of_a_larger_tree() {
    let all = leaves(600);
    let tiles = tiles(&all);
    let mut frontier = Frontier::empty();
    for size in 0..=all.len() {
        let plan = RootPlan::new(number(size));
        let found = plan.fold(&fetched(plan.nodes(), &tiles, 600)).unwrap();
        assert_eq!(found, TreeHead { size: number(size), root: frontier.root() });
        if let Some(leaf) = all.get(size) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(RootPlan::new(0).fold(&[]), Ok(TreeHead::empty()));
}

#[test]
fn what_cannot_be_proven_has_no_plan() {
    let none = Err(ProofError::NotInTree { index: 0, size: 0 });
    assert_eq!(InclusionPlan::new(0, 0), none);
    assert_eq!(InclusionPlan::new(7, 7), Err(ProofError::NotInTree { index: 7, size: 7 }));
    assert_eq!(ConsistencyPlan::new(8, 7), Err(ProofError::Shrunk { old: 8, new: 7 }));

    let leaf = leaf_hash(b"");
    let alone = InclusionProof::new(Vec::new());
    let head = TreeHead { size: 1, root: leaf };
    assert_eq!(alone.verify(&leaf, 0, &head), Ok(()));
    let of_none = alone.verify(&leaf, 0, &TreeHead::empty());
    assert_eq!(of_none, Err(ProofError::NotInTree { index: 0, size: 0 }));
    let beyond = alone.verify(&leaf, 1, &head);
    assert_eq!(beyond, Err(ProofError::NotInTree { index: 1, size: 1 }));

    let nothing = ConsistencyProof::new(Vec::new());
    assert_eq!(nothing.verify(&TreeHead::empty(), &head), Ok(()));
    let other = TreeHead { size: 0, root: leaf };
    assert_eq!(nothing.verify(&other, &head), Err(ProofError::OtherOldRoot));
    assert_eq!(nothing.verify(&other, &other), Err(ProofError::OtherOldRoot));
    let shrunk = nothing.verify(&head, &TreeHead::empty());
    assert_eq!(shrunk, Err(ProofError::Shrunk { old: 1, new: 0 }));
    let larger = TreeHead { size: 2, root: leaf };
    assert_eq!(nothing.verify(&head, &larger), Err(ProofError::WrongLength));
    let something = ConsistencyProof::new(vec![empty_root()]);
    assert_eq!(something.verify(&TreeHead::empty(), &head), Err(ProofError::WrongLength));
    assert_eq!(something.verify(&head, &head), Err(ProofError::WrongLength));
}

#[test]
fn a_plan_takes_as_many_hashes_as_it_asked_for() {
    let plan = InclusionPlan::new(5, 8).unwrap();
    let error = Err(FoldError { needed: 3, given: 2 });
    assert_eq!(plan.fold(&leaves(2)), error);
    assert!(ConsistencyPlan::new(3, 8).unwrap().fold(&leaves(5)).is_err());
    assert!(RootPlan::new(8).fold(&[]).is_err());
}

/// Nothing overflows and nothing takes long, however large the numbers are.
#[test]
fn the_largest_trees_have_plans() {
    let strange = leaf_hash(b"strange");
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1, (1 << 63) - 1] {
        for index in [0, 1, size / 2, size - 2, size - 1] {
            let plan = InclusionPlan::new(index, size).unwrap();
            assert!(plan.nodes().len() <= 128);
            assert!(plan.nodes().iter().all(|node| Tile::holding(*node, size).is_some()));
            let proof = plan.fold(&vec![strange; plan.nodes().len()]).unwrap();
            let head = TreeHead { size, root: strange };
            assert_eq!(proof.verify(&strange, index, &head), Err(ProofError::OtherRoot));

            let growth = ConsistencyPlan::new(index, size).unwrap();
            assert!(growth.nodes().len() <= 128);
            let grown = growth.fold(&vec![strange; growth.nodes().len()]).unwrap();
            let old = TreeHead { size: index, root: strange };
            // The root of a perfect old tree is where its proof begins.
            let perfect = old.size.is_power_of_two();
            let error = if perfect { ProofError::OtherRoot } else { ProofError::OtherOldRoot };
            assert_eq!(grown.verify(&old, &head), Err(error), "{index} to {size}");
        }
    }
}
