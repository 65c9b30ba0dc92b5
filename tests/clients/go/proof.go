package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	ledger "judgement/ledger/v1"
)

// prove believes nothing of a receipt without a proof.
func prove(ctx context.Context, inspector client, receipt *ledger.Receipt) {
	trail, err := inspector.GetTrail(ctx, &ledger.GetTrailRequest{
		Assessment: assessment, MinSize: receipt.Position,
	})
	must(err)
	var proven *ledger.TrailRecord
	for _, record := range trail.Records {
		if record.Position == receipt.Position {
			proven = record
		}
	}
	check(proven != nil, "the record is not in the trail")
	text, err := signed(trail.Checkpoint.Note)
	must(err)
	lines := strings.Split(text, "\n") // Its origin, size and root.
	size, err := strconv.ParseUint(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)

	spoiled := append([]byte(nil), proven.Record...)
	spoiled[len(spoiled)-1] ^= 1
	index := receipt.Position - 1
	check(bytes.Equal(fold(proven.Record, index, size, proven.Hashes), root), "it is not there")
	check(!bytes.Equal(fold(spoiled, index, size, proven.Hashes), root), "anything is there")
	fmt.Println("proved: the record is in the tree, and a spoiled one is not")

	_, err = signed(bytes.Replace(trail.Checkpoint.Note, []byte(lines[1]), []byte("1"), 1))
	check(err != nil, "a spoiled checkpoint is signed")
	told := trail.Checkpoint
	check(told.Size == size && bytes.Equal(told.Root, root), "it says another size or root")
	fmt.Println("signed: the ledger signed that tree, and not a spoiled one")
}

// fold returns the root to which a record and its proof lead, nil if to none. (RFC 9162 §2.1.3.2)
func fold(record []byte, index, size uint64, hashes [][]byte) []byte {
	last := size - 1
	root := sha256.Sum256(append([]byte{0}, record...))
	for _, sibling := range hashes {
		if last == 0 {
			return nil
		}
		if index&1 == 1 || index == last {
			root = sha256.Sum256(bytes.Join([][]byte{{1}, sibling, root[:]}, nil))
			for index != 0 && index&1 == 0 {
				index, last = index>>1, last>>1
			}
		} else {
			root = sha256.Sum256(bytes.Join([][]byte{{1}, root[:], sibling}, nil))
		}
		index, last = index>>1, last>>1
	}
	if last != 0 {
		return nil
	}
	return root[:]
}

// signed is the text of a checkpoint that the ledger's key signed. (c2sp.org/signed-note)
func signed(checkpoint []byte) (string, error) {
	key, err := note.NewVerifier(os.Getenv("LEDGER_KEY"))
	must(err)
	opened, err := note.Open(checkpoint, note.VerifierList(key))
	if err != nil {
		return "", err
	}
	return opened.Text, nil
}
