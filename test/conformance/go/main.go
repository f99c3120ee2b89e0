// A second verifier of a log, written from docs/evidence.md and the C2SP specifications (tlog-tiles, tlog-checkpoint,
// signed-note) with golang.org/x/mod and the standard library alone. It shares nothing with the project: a stranger's
// check. A log's directory, or a bundle of the whole of it, which is a tar archive of that directory.
//
// usage: verify DIR|BUNDLE VKEY          the tree alone, whatever its entries are
//
//	verify --rules DIR|BUNDLE VKEY  the numbered rules of records too
//	verify --rules -                the same for many: lines `DIR|BUNDLE<tab>VKEY` in, a line of JSON out for each
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

func main() {
	arguments := os.Args[1:]
	withRules := len(arguments) > 0 && arguments[0] == "--rules"
	if withRules {
		arguments = arguments[1:]
	}
	if withRules && len(arguments) == 1 && arguments[0] == "-" {
		verifyMany()
		return
	}
	if len(arguments) != 2 {
		fmt.Fprintln(os.Stderr, "usage: verify [--rules] DIR|BUNDLE VKEY")
		os.Exit(2)
	}
	r := verify(arguments[0], arguments[1], withRules)
	for _, f := range r.Findings {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(fmt.Sprintf("FAIL: entry %d: %s %s", f.Entry, f.Rule, f.Reason)))
	}
	if r.Fault != "" {
		fmt.Fprintln(os.Stderr, "FAIL:", r.Fault)
	}
	if r.Fault != "" || len(r.Findings) > 0 {
		os.Exit(1)
	}
	fmt.Printf("ok %d %s\n", r.Size, r.Root)
}

func verifyMany() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		where, vkey, _ := strings.Cut(lines.Text(), "\t")
		text, err := json.Marshal(verify(where, vkey, true))
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(out, string(text))
	}
}

// report is what one log shows: the tree's fault, if it has one, and the rules that its records break.
type report struct {
	Size     int64     `json:"size"`
	Root     string    `json:"root"`
	Fault    string    `json:"fault"`
	Findings []finding `json:"findings"`
}

func verify(where, vkey string, withRules bool) report {
	read, err := opener(where)
	if err != nil {
		return report{Fault: err.Error()}
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return report{Fault: err.Error()}
	}
	l := newLedger()
	size, root, err := verifyTree(read, verifier, func(index int64, entry []byte) {
		if withRules {
			l.take(index, entry)
		}
	})
	if err == nil && withRules {
		l.checkLastKey(vkey)
		err = l.checkPayloads(read, verifier)
	}
	if err != nil {
		return report{Fault: err.Error(), Findings: l.findings}
	}
	return report{Size: size, Root: hexOf(root[:]), Findings: l.findings}
}
