// Command verify checks a folder of evidence, or any log that is laid out as C2SP's tlog-tiles says,
// with the packages by which the go command checks its modules: golang.org/x/mod/sumdb/note and tlog.
//
//	verify KEY FOLDER [-earlier CHECKPOINT]… [-proof TLOG-PROOF]…
//
// KEY is the file of the log's verifier key. The signature of the checkpoint is checked, its root is
// made anew from the tiles, and each record is proven to be in the tree. An earlier checkpoint must be
// of a tree with which this one begins; a proof must be of a record in the folder, and say its
// checkpoint. Exit code 1 says what does not hold.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// folder reads tiles, as tlog asks for them, from where tlog-tiles puts them.
type folder string

func (f folder) Height() int                     { return height }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		bytes, err := f.file(tile)
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

// file reads a tile: x/mod says tile/8/0/x001/234 and tile/8/data/000, C2SP tile/0/x001/234 and
// tile/entries/000.
func (f folder) file(tile tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	path = strings.Replace(path, "data/", "entries/", 1)
	return os.ReadFile(filepath.Join(string(f), "tile", path))
}

// hashes reads all hashes of the tree at once: so each tile is authenticated, and only once.
func (f folder) hashes(tree tlog.Tree) (tlog.HashReader, error) {
	all := make([]int64, tlog.StoredHashCount(tree.N))
	for index := range all {
		all[index] = int64(index)
	}
	stored, err := tlog.TileHashReader(tree, f).ReadHashes(all)
	return tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, index := range indexes {
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	}), err
}

// checkpoint opens a signed checkpoint: origin, size and root, a line each.
func checkpoint(text []byte, key note.Verifier) (tree tlog.Tree, err error) {
	opened, err := note.Open(text, note.VerifierList(key))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != key.Name() {
		return tree, fmt.Errorf("no checkpoint of %s: %q", key.Name(), opened.Text)
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// records splits a bundle of entries: each follows its length, two bytes.
func records(bundle []byte) (records [][]byte, err error) {
	for len(bundle) > 0 {
		if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
			return nil, errors.New("a bundle of entries ends within one")
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		records, bundle = append(records, bundle[2:end]), bundle[end:]
	}
	return records, nil
}

// checkRecords proves each record of the folder to be in the tree; the leaf hashes are returned.
func checkRecords(tree tlog.Tree, f folder, hashes tlog.HashReader) (leaves []tlog.Hash, err error) {
	const width = 1 << height
	for first := int64(0); first < tree.N; first += width {
		tile := tlog.Tile{H: height, L: -1, N: first / width, W: width}
		if rest := tree.N - first; rest < width {
			tile.W = int(rest)
		}
		bundle, err := f.file(tile)
		if err != nil {
			return nil, err
		}
		records, err := records(bundle)
		if err != nil || len(records) != tile.W {
			return nil, fmt.Errorf("bundle %d: %d records, not %d: %v", tile.N, len(records), tile.W, err)
		}
		for _, record := range records {
			index, leaf := int64(len(leaves)), tlog.RecordHash(record)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err == nil {
				err = tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf)
			}
			if err != nil {
				return nil, fmt.Errorf("record %d: %v", index+1, err)
			}
			leaves = append(leaves, leaf)
		}
	}
	return leaves, nil
}

// checkEarlier proves that the tree begins with that of an earlier checkpoint.
func checkEarlier(text []byte, key note.Verifier, tree tlog.Tree, hashes tlog.HashReader) error {
	earlier, err := checkpoint(text, key)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, earlier.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, earlier.N, earlier.Hash)
}

// checkProof checks a proof of C2SP's tlog-proof by the checkpoint that it brings along.
func checkProof(text []byte, key note.Verifier, leaves []tlog.Hash) error {
	head, signed, _ := strings.Cut(string(text), "\n\n")
	tree, err := checkpoint([]byte(signed), key)
	if err != nil {
		return err
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no proof")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return errors.New("a proof without an index")
	}
	index, err := strconv.ParseInt(lines[0][len("index "):], 10, 64)
	if err != nil || index < 0 || index >= int64(len(leaves)) {
		return fmt.Errorf("a proof of no record: %s", lines[0])
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaves[index])
}

func verify(keyFile, path string, more []string) error {
	vkey, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	key, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(filepath.Join(path, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := checkpoint(signed, key)
	if err != nil {
		return err
	}
	f := folder(path)
	hashes, err := f.hashes(tree)
	if err != nil {
		return err
	}
	if root, err := tlog.TreeHash(tree.N, hashes); err != nil || root != tree.Hash {
		return fmt.Errorf("the tiles make the root %v: %v", root, err)
	}
	leaves, err := checkRecords(tree, f, hashes)
	if err != nil {
		return err
	}
	for ; len(more) >= 2; more = more[2:] {
		text, err := os.ReadFile(more[1])
		if err == nil && more[0] == "-earlier" {
			err = checkEarlier(text, key, tree, hashes)
		} else if err == nil {
			err = checkProof(text, key, leaves)
		}
		if err != nil {
			return fmt.Errorf("%s: %v", more[1], err)
		}
	}
	fmt.Printf("%d records of %s\n", tree.N, key.Name())
	return nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "verify KEY FOLDER [-earlier CHECKPOINT]… [-proof TLOG-PROOF]…")
		os.Exit(2)
	}
	if err := verify(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}
