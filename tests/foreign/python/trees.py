"""Verifies proofs of random trees by what RFC 9162 says of them, and by nothing else: SHA-256 comes
from the standard library, the rest stands here.

    trees.py FILE COUNT

Each line of the file is a tree. Its leaves are known, so its roots are made anew from all of them
(section 2.1.1); the proof of a leaf (2.1.3.2) and of growth (2.1.4.2) must lead there, and must not
once one bit of what they are made of is turned. There must be so many trees.
"""

import hashlib
import json
import sys


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf(entry):
    return digest(b"\0", entry)


def parent(left, right):
    return digest(b"\1", left, right)


def root_of(leaves):
    """The head of a tree, level by level: who has no partner goes up alone, which is the same tree as
    the one that is split at the largest power of two."""
    row = leaves
    while len(row) > 1:
        paired = [parent(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)]
        row = paired + row[len(row) - len(row) % 2 :]
    return row[0]


def climb(place, last, path):
    """For every hash of a path, whether it stands on the left; None if the path does not end at the
    root. `place` and `last` are the places of a node and of the rightmost one on the same level."""
    sides = []
    for _ in path:
        if last == 0:
            return None
        left = place % 2 == 1 or place == last
        if left:
            # A node at the right edge without a partner moves up until it is a right child.
            while place % 2 == 0 and place != 0:
                place, last = place // 2, last // 2
        sides.append(left)
        place, last = place // 2, last // 2
    return sides if last == 0 else None


def is_included(entry_hash, index, size, path, root):
    if index >= size:
        return False
    sides = climb(index, size - 1, path)
    if sides is None:
        return False
    reached = entry_hash
    for sibling, left in zip(path, sides, strict=True):
        reached = parent(sibling, reached) if left else parent(reached, sibling)
    return reached == root


def is_grown(old_size, old_root, size, root, path):
    if old_size == size:
        # The RFC has no proof for a tree and itself: nothing is left to be shown but that it is one.
        return not path and old_root == root
    if not 0 < old_size < size or not path:
        return False
    if old_size & (old_size - 1) == 0:
        path = [old_root, *path]
    place, last = old_size - 1, size - 1
    while place % 2 == 1:
        place, last = place // 2, last // 2
    sides = climb(place, last, path[1:])
    if sides is None:
        return False
    old_reached = reached = path[0]
    for sibling, left in zip(path[1:], sides, strict=True):
        if left:
            old_reached = parent(sibling, old_reached)
            reached = parent(sibling, reached)
        else:
            reached = parent(reached, sibling)
    return old_reached == old_root and reached == root


def hashes(text):
    row = bytes.fromhex(text)
    if len(row) % 32:
        raise ValueError("hashes have 32 bytes each")
    return [row[at : at + 32] for at in range(0, len(row), 32)]


def turned(row, bit):
    """The hashes with one bit of theirs turned."""
    joined = bytearray(b"".join(row))
    joined[bit // 8] ^= 1 << bit % 8
    return hashes(joined.hex())


def check(tree):
    name = f"tree {tree['tree']} of {tree['size']} leaves"

    def must(holds, what):
        if not holds:
            raise ValueError(f"{name}: {what}")

    size, index, old = tree["size"], tree["index"], tree["old"]
    leaves = [leaf(b"%d/%d/%d" % (tree["seed"], tree["tree"], at)) for at in range(size)]
    [root], [old_root] = hashes(tree["root"]), hashes(tree["old_root"])
    must(root_of(leaves) == root, "it has another root")
    must(root_of(leaves[:old]) == old_root, f"it had another root at {old}")

    path = hashes(tree["inclusion"])
    must(is_included(leaves[index], index, size, path, root), f"leaf {index} is not proven")
    entry_hash, other, *path = turned([leaves[index], root, *path], tree["included_bit"])
    must(not is_included(entry_hash, index, size, path, other), "a spoiled proof of a leaf holds")

    path = hashes(tree["consistency"])
    must(is_grown(old, old_root, size, root, path), f"growth from {old} is not proven")
    old_other, other, *path = turned([old_root, root, *path], tree["grown_bit"])
    must(not is_grown(old, old_other, size, other, path), "a spoiled proof of growth holds")


def main():
    name, count = sys.argv[1], int(sys.argv[2])
    trees = leaves = largest = 0
    try:
        with open(name) as file:
            for line in file:
                tree = json.loads(line)
                check(tree)
                trees, leaves, largest = trees + 1, leaves + tree["size"], max(largest, tree["size"])
        if trees < count:
            raise ValueError(f"{trees} trees are fewer than {count}")
    except (OSError, ValueError) as error:
        sys.exit(f"refused: {error}")
    print(f"{trees} trees, {leaves} leaves, {largest} at most")


main()
