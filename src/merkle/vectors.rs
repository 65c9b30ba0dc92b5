//! The published vectors of RFC 6962 trees, as Certificate Transparency's libraries test them.

use super::{Frontier, Hash, leaf_hash, node_hash, root_of};

/// The leaves of the eight-leaf tree, in hexadecimal.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// How the roots of its first 1, 2, … 8 leaves begin and end.
const ROOTS: [(&str, &str); 8] = [
    ("6e340b9c", "a01d"),
    ("fac54203", "c125"),
    ("aeb6bcfe", "6e77"),
    ("d37ee418", "14b7"),
    ("4e3bbb1f", "64d4"),
    ("76e67dad", "87ef"),
    ("ddb89be4", "4c8c"),
    ("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", ""),
];

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<char> = hexadecimal.chars().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

pub(super) fn leaves() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| leaf_hash(&bytes(leaf))).collect()
}

#[test]
fn the_roots_are_those_of_the_standard() {
    let leaves = leaves();
    let mut frontier = Frontier::empty();
    for (size, (leaf, (begin, end))) in (1..).zip(leaves.iter().zip(ROOTS)) {
        frontier.push(*leaf);
        let root = frontier.root().to_string();
        assert!(root.starts_with(begin) && root.ends_with(end), "size {size}: {root}");
        assert_eq!(root_of(&leaves[..size]), frontier.root());
    }
}

/// A foreign verifier accepted a proof for leaf 5 of this tree; these are the hashes on its path.
#[test]
fn the_subtrees_are_those_of_a_foreign_proof() {
    let leaves = leaves();
    let path = [root_of(&leaves[4..5]), root_of(&leaves[6..8]), root_of(&leaves[0..4])];
    assert_eq!(
        path.map(|hash| hash.to_string()),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    let [sibling, right, left] = path;
    let root = node_hash(&left, &node_hash(&node_hash(&sibling, &leaves[5]), &right));
    assert_eq!(root, root_of(&leaves));
}
