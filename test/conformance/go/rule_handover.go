package main

import (
	"encoding/base64"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// namedKey is a key of the log, and the record that names it.
type namedKey struct {
	vkey, rule string
	entry      int64
}

// inForce is the log's key where a record stands; "" before the first is named.
func (l *ledger) inForce() string {
	if len(l.logKeys) == 0 {
		return ""
	}
	return l.logKeys[len(l.logKeys)-1].vkey
}

// checkLogKey is R14: the first run's key is known to be the log's at its end.
func (c *checker) checkLogKey(vkey string) {
	if known := c.inForce(); known != "" {
		c.same("R14", "keys.log", vkey, known)
		return
	}
	c.logKeys = append(c.logKeys, namedKey{vkey, "R14", c.index})
}

// checkLastKey holds the last key that records name against the one that the checkpoint was read with.
func (l *ledger) checkLastKey(vkey string) {
	if n := len(l.logKeys); n > 0 && l.logKeys[n-1].vkey != vkey {
		last := l.logKeys[n-1]
		l.findings = append(l.findings, finding{last.rule, last.entry, "names the key " + last.vkey + ", the log's is " + vkey})
	}
}

// checkHandover is R64.
func (c *checker) checkHandover() {
	from, to := c.text("from"), c.text("to")
	if known := c.inForce(); known != "" {
		c.same("R64", "from", from, known)
	}
	c.same("R64", "size", c.int("size"), c.index)
	c.same("R64", "root", c.text("root"), hexOf(treeRoot(c.leaves)))
	if c.seq != 0 || len(c.parents) > 0 || c.signature != "" {
		c.fail("R64", "has a number, parents or a signature, as records of runs have")
	}
	oldKey, newKey := publicKey(from), publicKey(to)
	if oldKey == "" || newKey == "" {
		c.fail("R64", "names what is no log key")
		return
	}
	if name, _, _ := strings.Cut(from, "+"); oldKey == newKey || !strings.HasPrefix(to, name+"+") {
		c.fail("R64", "names no other key of the same log")
	}
	message := domainBytes("handover", encode(without(c.body, "signatures")))
	signatures := c.object("signatures")
	for side, key := range map[string]string{"from": oldKey, "to": newKey} {
		if !isSigned(key, message, signatures[side].(string)) {
			c.fail("R64", "is not signed by %s", side)
		}
	}
	c.logKeys = append(c.logKeys, namedKey{to, "R64", c.index})
}

// publicKey is the Ed25519 key in `NAME+ID+BASE64(1 ‖ key)`, in hexadecimal; "" where the text is none.
func publicKey(vkey string) string {
	parts := strings.Split(vkey, "+")
	if _, err := note.NewVerifier(vkey); err != nil || len(parts) < 3 || parts[1] != strings.ToLower(parts[1]) {
		return ""
	}
	text := strings.Join(parts[2:], "+")
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(data) != text {
		return ""
	}
	return hexOf(data[1:])
}
