// A second verifier of a log directory, written from the C2SP specifications (tlog-tiles, tlog-checkpoint, signed-note)
// with golang.org/x/mod alone. It shares nothing with the project: a stranger's check. A log's directory, or a bundle of
// the whole of it, which is a tar archive of that directory.
//
// usage: verify DIR|BUNDLE VKEY
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: verify DIR|BUNDLE VKEY")
		os.Exit(2)
	}
	size, root, err := verify(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		os.Exit(1)
	}
	fmt.Printf("ok %d %x\n", size, root[:])
}

// opener gives the reader of a log's files by their path in it.
func opener(where string) (func(string) ([]byte, error), error) {
	info, err := os.Stat(where)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(where, name)) }, nil
	}
	file, err := os.Open(where)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	files := map[string][]byte{}
	archive := tar.NewReader(file)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files[header.Name] = data
	}
	return func(name string) ([]byte, error) {
		data, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("the bundle has no %s", name)
		}
		return data, nil
	}, nil
}

func verify(where, vkey string) (int64, tlog.Hash, error) {
	var root tlog.Hash
	read, err := opener(where)
	if err != nil {
		return 0, root, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, root, err
	}
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
