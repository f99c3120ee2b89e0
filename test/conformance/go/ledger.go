package main

import "fmt"

// record is an entry that has the fields of its kind.
type record struct {
	index       int64
	leaf        string
	kind, runID string
	seq, at     int64
	parents     []string
	body        object
	signature   string
	// claim is what its author signs.
	claim []byte
}

func (r *record) text(field string) string { return r.body[field].(string) }
func (r *record) int(field string) int64   { return r.body[field].(int64) }
func (r *record) object(field string) object {
	member, _ := r.body[field].(object)
	return member
}

// finding names the rule that an entry breaks.
type finding struct {
	Rule   string `json:"rule"`
	Entry  int64  `json:"entry"`
	Reason string `json:"reason"`
}

// place is where a verdict stands.
type place struct {
	index int64
	leaf  string
}

// ledger is what is known of a log while its entries come in, in order.
type ledger struct {
	records  map[string]*record
	runs     map[string]*run
	lastRun  value
	verdicts map[string][]place
	// once holds facts that a log may hold one time.
	once      map[string]bool
	approvals map[string][]*record
	payloads  []payload
	// leaves are the leaf hashes of all entries, logKeys the log's keys as records name them, in order.
	leaves   [][]byte
	logKeys  []namedKey
	findings []finding
}

func newLedger() *ledger {
	return &ledger{
		records: map[string]*record{}, runs: map[string]*run{}, verdicts: map[string][]place{},
		once: map[string]bool{}, approvals: map[string][]*record{},
	}
}

// find is the earlier record of a run with a leaf hash, of one kind, or nil.
func (l *ledger) find(run, leaf, kind string) *record {
	if found := l.records[leaf]; found != nil && found.kind == kind && found.runID == run {
		return found
	}
	return nil
}

func (l *ledger) isFirst(fact ...any) bool {
	name := fmt.Sprintln(fact...)
	if l.once[name] {
		return false
	}
	l.once[name] = true
	return true
}

// checker is where one record is held against the rules.
type checker struct {
	*ledger
	*record
	run *run
}

func (c *checker) fail(rule, format string, parts ...any) {
	c.findings = append(c.findings, finding{rule, c.index, fmt.Sprintf(format, parts...)})
}

func (c *checker) same(rule, what string, actual, expected value) {
	if actual != expected {
		c.fail(rule, "%s is %v, expected %v", what, actual, expected)
	}
}

// take checks an entry, and makes it part of what later ones are held against.
func (l *ledger) take(index int64, entry []byte) {
	defer func() { l.leaves = append(l.leaves, unhex(leafHash(entry))) }()
	r, err := readRecord(entry)
	if err != nil {
		l.findings = append(l.findings, finding{"R1", index, err.Error()})
		return
	}
	r.index = index
	c := &checker{ledger: l, record: r}
	if r.kind == "handover" {
		c.checkHandover()
		l.records[r.leaf] = r
		return
	}
	if r.kind == "run" {
		if l.runs[r.runID] != nil {
			c.fail("R2", "a second run record of one run")
		} else {
			l.runs[r.runID] = newRun(r)
		}
	}
	if c.run = l.runs[r.runID]; c.run == nil {
		c.fail("R2", "no run record comes before it")
		return
	}
	c.checkEnvelope()
	bodyRules[r.kind](c)
	l.records[r.leaf] = r
	if r.kind == "run" {
		l.lastRun = r.leaf
	}
}

var bodyRules = map[string]func(*checker){
	"run": (*checker).checkRun, "observation": (*checker).checkObservation, "request": (*checker).checkRequest,
	"response": (*checker).checkResponse, "decision": (*checker).checkDecision, "proposal": (*checker).checkProposal,
	"approval": (*checker).checkApproval, "verdict": (*checker).checkVerdict, "submission": (*checker).checkSubmission,
	"outcome": (*checker).checkOutcome, "fill": (*checker).checkFill, "incident": (*checker).checkIncident,
	"seal": (*checker).checkSeal, "close": (*checker).checkClose,
}

const mostEntryBytes = 65_535

// readRecord is R1.
func readRecord(entry []byte) (*record, error) {
	if len(entry) > mostEntryBytes {
		return nil, fmt.Errorf("has %d bytes", len(entry))
	}
	v, err := parseCanonical(entry)
	if err != nil {
		return nil, err
	}
	if why := fieldChecks["record"](v); why != "" {
		return nil, fmt.Errorf("the record %s", why)
	}
	envelope := v.(object)
	kind := envelope["kind"].(string)
	if bodyRules[kind] == nil && kind != "handover" {
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
	if why := fieldChecks[kind](envelope["body"]); why != "" {
		return nil, fmt.Errorf("%s: %s", kind, why)
	}
	r := &record{
		leaf: leafHash(entry), kind: kind, runID: envelope["runId"].(string), seq: envelope["seq"].(int64),
		at: envelope["atMs"].(int64), body: envelope["body"].(object),
		claim: domainBytes("record", encode(without(envelope, "v", "seq", "atMs", "signature"))),
	}
	r.signature, _ = envelope["signature"].(string)
	for _, parent := range envelope["parents"].(list) {
		r.parents = append(r.parents, parent.(string))
	}
	return r, nil
}
