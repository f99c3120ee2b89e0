package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// verifyTree checks checkpoint, entries and tiles, and hands each entry over, in order.
func verifyTree(read files, verifier note.Verifier, onEntry func(index int64, entry []byte)) (int64, tlog.Hash, error) {
	var root tlog.Hash
	text, err := read("checkpoint")
	if err != nil {
		return 0, root, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return 0, root, fmt.Errorf("checkpoint of %q, expected %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, root, err
	}
	if root, err = tlog.ParseHash(lines[2]); err != nil {
		return 0, root, err
	}
	if size == 0 {
		if root != tlog.Hash(sha256.Sum256(nil)) {
			return 0, root, fmt.Errorf("root of the empty tree is wrong")
		}
		return 0, root, nil
	}

	// Every leaf from the entry bundles, every tile from the hashes.
	stored := make([]tlog.Hash, 0, 2*size)
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = stored[index]
		}
		return out, nil
	})
	n := int64(0)
	for bundle := int64(0); n < size; bundle++ {
		width := size - n
		if width > 256 {
			width = 256
		}
		data, err := read(path("entries", bundle, width))
		if err != nil {
			return 0, root, err
		}
		for i := int64(0); i < width; i++ {
			if len(data) < 2 {
				return 0, root, fmt.Errorf("bundle %d ends early", bundle)
			}
			length := int(data[0])<<8 | int(data[1])
			if len(data) < 2+length {
				return 0, root, fmt.Errorf("bundle %d: an entry runs past the end", bundle)
			}
			hashes, err := tlog.StoredHashes(n, data[2:2+length], reader)
			if err != nil {
				return 0, root, err
			}
			onEntry(n, data[2:2+length])
			stored = append(stored, hashes...)
			data = data[2+length:]
			n++
		}
		if len(data) != 0 {
			return 0, root, fmt.Errorf("bundle %d has bytes left over", bundle)
		}
	}
	computed, err := tlog.TreeHash(size, reader)
	if err != nil {
		return 0, root, err
	}
	if computed != root {
		return 0, root, fmt.Errorf("root is %x, the checkpoint says %x", computed, root)
	}
	for _, tile := range tlog.NewTiles(8, 0, size) {
		// NewTiles lists every width that a partial tile ever had; this checkpoint needs the last.
		if count := size >> uint(8*tile.L); int64(tile.W) != 256 && tile.N*256+int64(tile.W) != count {
			continue
		}
		want, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return 0, root, err
		}
		got, err := read(path(strconv.Itoa(tile.L), tile.N, int64(tile.W)))
		if err != nil {
			return 0, root, err
		}
		if !bytes.Equal(got, want) {
			return 0, root, fmt.Errorf("tile %d/%d is wrong", tile.L, tile.N)
		}
	}
	return size, root, nil
}

// path is tile/<L>/<N>[.p/<W>] with N in groups of three digits (tlog-tiles, "Merkle tree").
func path(level string, n, width int64) string {
	p := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		p = fmt.Sprintf("x%03d/%s", n%1000, p)
	}
	if width != 256 {
		p += fmt.Sprintf(".p/%d", width)
	}
	return "tile/" + level + "/" + p
}
