// A log and a witness written from the C2SP specifications with golang.org/x/mod's note and tlog, and nothing of the
// project: what ours is tried against.
//
// usage: witness log SEED NAME ORIGIN SIZE OLD [EXTENSION...]       an add-checkpoint request from a log of SIZE entries
//
//	witness tiles SEED NAME ORIGIN SIZE DIR                       the same log as a tlog-tiles directory
//	witness serve SEED NAME ORIGIN VKEY                           a witness of one log, on a free port that it prints
//	witness open ORIGIN VKEY WITNESSVKEY < note                   opens a cosigned checkpoint
//	witness prove VKEY ENTRY < tlog-proof                         checks that an entry stands in a log
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	args := os.Args[1:]
	if len(args) < 2 {
		fail(errors.New("usage: see the head of this file"))
	}
	switch args[0] {
	case "log":
		fmt.Print(request(args[1], args[2], args[3], number(args[4]), number(args[5]), args[6:]))
	case "tiles":
		writeTiles(args[1], args[2], args[3], number(args[4]), args[5])
	case "serve":
		serve(args[1], args[2], args[3], args[4])
	case "open":
		open(args[1], args[2], args[3])
	case "prove":
		prove(args[1], args[2])
	default:
		fail(errors.New("unknown verb " + args[0]))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "FAIL:", err)
	os.Exit(1)
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func number(text string) int64 { return must(strconv.ParseInt(text, 10, 64)) }

// keyID is SHA-256(name || "\n" || type || key)[:4] (signed-note, "Signatures").
func keyID(name string, kind byte, key ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"+string([]byte{kind})), key...))
	return binary.BigEndian.Uint32(sum[:4])
}

func private(seed string) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(must(hex.DecodeString(seed))) }

// signer is x/mod's own, from its own text of a private key.
func signer(seed, name string) note.Signer {
	key := private(seed)
	id := keyID(name, 1, key.Public().(ed25519.PublicKey))
	text := fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, id,
		base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...)))
	return must(note.NewSigner(text))
}

func grow(size int64) (tlog.HashReaderFunc, [][]byte) {
	var stored []tlog.Hash
	var entries [][]byte
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = stored[index]
		}
		return out, nil
	})
	for i := int64(0); i < size; i++ {
		entry := []byte(fmt.Sprintf("entry %d", i))
		entries = append(entries, entry)
		stored = append(stored, must(tlog.StoredHashes(i, entry, reader))...)
	}
	return reader, entries
}

func checkpoint(seed, name, origin string, size int64, reader tlog.HashReader, extensions []string) string {
	root := tlog.Hash(sha256.Sum256(nil))
	if size > 0 {
		root = must(tlog.TreeHash(size, reader))
	}
	lines := append([]string{origin, fmt.Sprint(size), root.String()}, extensions...)
	text := strings.Join(lines, "\n") + "\n"
	return string(must(note.Sign(&note.Note{Text: text}, signer(seed, name))))
}

func request(seed, name, origin string, size, old int64, extensions []string) string {
	reader, _ := grow(size)
	body := fmt.Sprintf("old %d\n", old)
	if old > 0 && old < size {
		for _, hash := range must(tlog.ProveTree(size, old, reader)) {
			body += hash.String() + "\n"
		}
	}
	return body + "\n" + checkpoint(seed, name, origin, size, reader, extensions)
}

func writeTiles(seed, name, origin string, size int64, dir string) {
	reader, _ := grow(size)
	for _, tile := range tlog.NewTiles(8, 0, size) {
		path := filepath.Join(dir, tilePath(tile))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			fail(err)
		}
		if err := os.WriteFile(path, must(tlog.ReadTileData(tile, reader)), 0o644); err != nil {
			fail(err)
		}
	}
	text := checkpoint(seed, name, origin, size, reader, nil)
	if err := os.WriteFile(filepath.Join(dir, "checkpoint"), []byte(text), 0o644); err != nil {
		fail(err)
	}
}

// tilePath is tile/<L>/<N>[.p/<W>]: x/mod's own paths name the height too.
func tilePath(tile tlog.Tile) string {
	n, p := tile.N, fmt.Sprintf("%03d", tile.N%1000)
	for n >= 1000 {
		n /= 1000
		p = fmt.Sprintf("x%03d/%s", n%1000, p)
	}
	if tile.W != 256 {
		p += fmt.Sprintf(".p/%d", tile.W)
	}
	return fmt.Sprintf("tile/%d/%s", tile.L, p)
}

// cosigner verifies and makes cosignature/v1 (tlog-cosignature) as a note.Verifier.
type cosigner struct {
	name string
	key  ed25519.PublicKey
	time uint64
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return keyID(c.name, 4, c.key) }
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	c.time = binary.BigEndian.Uint64(sig)
	return ed25519.Verify(c.key, cosigned(c.time, msg), sig[8:])
}

func cosigned(time uint64, msg []byte) []byte {
	return append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", time)), msg...)
}

func parseWitness(vkey string) *cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	data := must(base64.StdEncoding.DecodeString(parts[2]))
	if len(data) != 33 || data[0] != 4 {
		fail(errors.New("not an Ed25519 witness key"))
	}
	c := &cosigner{name: parts[0], key: data[1:]}
	if fmt.Sprintf("%08x", c.KeyHash()) != parts[1] {
		fail(errors.New("the id of the witness key is wrong"))
	}
	return c
}

type head struct {
	size int64
	root tlog.Hash
}

func parseHead(text, origin string) (head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != origin {
		return head{}, fmt.Errorf("not a checkpoint of %q", origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return head{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return head{size, root}, err
}

func open(origin, vkey, witness string) {
	c := parseWitness(witness)
	opened := must(note.Open(must(io.ReadAll(os.Stdin)), note.VerifierList(must(note.NewVerifier(vkey)), c)))
	found := must(parseHead(opened.Text, origin))
	if len(opened.Sigs) != 2 {
		fail(fmt.Errorf("%d of 2 signatures verify", len(opened.Sigs)))
	}
	fmt.Printf("ok %d %x %d %d\n", found.size, found.root[:], c.time, len(opened.UnverifiedSigs))
}

func prove(vkey, entryFile string) {
	proofText, checkpointText, ok := strings.Cut(string(must(io.ReadAll(os.Stdin))), "\n\n")
	lines := strings.Split(proofText, "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail(errors.New("not a tlog-proof"))
	}
	verifier := must(note.NewVerifier(vkey))
	opened := must(note.Open([]byte(checkpointText), note.VerifierList(verifier)))
	found := must(parseHead(opened.Text, verifier.Name()))
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		proof = append(proof, must(tlog.ParseHash(line)))
	}
	index := number(strings.TrimPrefix(lines[1], "index "))
	leaf := tlog.RecordHash(must(os.ReadFile(entryFile)))
	if err := tlog.CheckRecord(proof, found.size, found.root, index, leaf); err != nil {
		fail(err)
	}
	fmt.Printf("ok %d of %d\n", index, found.size)
}

// serve is a witness that remembers in memory: tlog-witness, add-checkpoint and monitoring.
func serve(seed, name, origin, vkey string) {
	key := private(seed)
	own := &cosigner{name: name, key: key.Public().(ed25519.PublicKey)}
	verifier := must(note.NewVerifier(vkey))
	var lock sync.Mutex
	var last head
	var latest string
	http.HandleFunc("/add-checkpoint", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		before, after, ok := bytes.Cut(body, []byte("\n\n"))
		if err != nil || !ok || r.Method != http.MethodPost {
			http.Error(w, "malformed", 400)
			return
		}
		lines := strings.Split(string(before), "\n")
		old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		var proof tlog.TreeProof
		for _, line := range lines[1:] {
			hash, err := tlog.ParseHash(line)
			if err != nil {
				http.Error(w, err.Error(), 400)
				return
			}
			proof = append(proof, hash)
		}
		opened, err := note.Open(after, note.VerifierList(verifier))
		if err != nil {
			http.Error(w, err.Error(), 403)
			return
		}
		next, err := parseHead(opened.Text, origin)
		if err != nil {
			http.Error(w, err.Error(), 404)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		if old != last.size {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(409)
			fmt.Fprintf(w, "%d\n", last.size)
			return
		}
		if old == next.size && old > 0 {
			if next.root != last.root || len(proof) > 0 {
				http.Error(w, "another tree", 422)
				return
			}
		} else if old > 0 {
			if err := tlog.CheckTree(proof, next.size, next.root, old, last.root); err != nil {
				http.Error(w, err.Error(), 422)
				return
			}
		} else if len(proof) > 0 {
			http.Error(w, "a proof from nothing", 422)
			return
		}
		last = next
		now := uint64(time.Now().Unix())
		sig := binary.BigEndian.AppendUint32(nil, own.KeyHash())
		sig = binary.BigEndian.AppendUint64(sig, now)
		sig = append(sig, ed25519.Sign(key, cosigned(now, []byte(opened.Text)))...)
		line := fmt.Sprintf("— %s %s\n", name, base64.StdEncoding.EncodeToString(sig))
		latest = string(after) + line
		fmt.Fprint(w, line)
	})
	http.HandleFunc(fmt.Sprintf("/%x/checkpoint", sha256.Sum256([]byte(origin))), func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		if latest == "" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, latest)
	})
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	text := base64.StdEncoding.EncodeToString(append([]byte{4}, own.key...))
	fmt.Printf("http://%s %s+%08x+%s\n", listener.Addr(), name, own.KeyHash(), text)
	fail(http.Serve(listener, nil))
}
