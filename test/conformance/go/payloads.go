package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// payload is what a record names outside of the log's entries.
type payload struct {
	entry  int64
	sha256 string
	size   int64
}

func (c *checker) names(reference value) {
	blob := reference.(object)
	c.payloads = append(c.payloads, payload{c.index, blob["sha256"].(string), blob["size"].(int64)})
}

// checkPayloads looks for every payload that a record names among the packs, and in the log's word on what it dropped.
func (l *ledger) checkPayloads(read files, verifier note.Verifier) error {
	present, err := readPacks(read)
	if err != nil {
		return err
	}
	retired, err := readRetired(read, verifier)
	if err != nil {
		return err
	}
	for _, named := range l.payloads {
		if size, ok := present[named.sha256]; (!ok || size != named.size) && !retired[named.sha256] {
			l.findings = append(l.findings, finding{"", named.entry, "its payload " + named.sha256 + " is missing"})
		}
	}
	return nil
}

// isAbsent tells a file that is not there from one that cannot be read.
func isAbsent(err error) bool { return errors.Is(err, os.ErrNotExist) }

// readPacks gives the size of each payload: SHA-256 ‖ length in 64 bits, big-endian ‖ bytes, again and again.
func readPacks(read files) (map[string]int64, error) {
	present := map[string]int64{}
	for n := 0; ; n++ {
		name := fmt.Sprintf("blobs/pack-%06d", n)
		data, err := read(name)
		if isAbsent(err) {
			return present, nil
		}
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 40 || binary.BigEndian.Uint64(data[32:40]) > uint64(len(data)-40) {
				return nil, fmt.Errorf("%s ends early", name)
			}
			end := 40 + int(binary.BigEndian.Uint64(data[32:40]))
			if sum := sha256.Sum256(data[40:end]); hexOf(sum[:]) != hexOf(data[:32]) {
				return nil, fmt.Errorf("%s holds a payload under another's digest", name)
			}
			present[hexOf(data[:32])] = int64(end - 40)
			data = data[end:]
		}
	}
}

// readRetired gives the digests of payloads that the log says, in a signed note, that it keeps no more.
func readRetired(read files, verifier note.Verifier) (map[string]bool, error) {
	retired := map[string]bool{}
	text, err := read("retired")
	if isAbsent(err) {
		return retired, nil
	}
	if err != nil {
		return nil, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(opened.Text, "\n"), "\n")
	if len(lines) < 2 || lines[0] != verifier.Name() || lines[1] != "retired payloads" {
		return nil, errors.New("the retired payloads are not this log's")
	}
	for _, digest := range lines[2:] {
		retired[digest] = true
	}
	return retired, nil
}
