package main

// run is what is known of a run while its records come in.
type run struct {
	*record
	nextSeq int64
	// latest is the time of its latest record; a clock that was set back on record sets it anew.
	latest int64
	// seenTick and seenTime are those of the last observation, -1 before the first.
	seenTick, seenTime   int64
	nextNumber, nextTick map[string]int64
	decisions            int64
	openRequests         map[string]*record
	asked                map[int64][]*question
	openDecisions        map[string]bool
	openProposals        map[string]bool
	openSubmissions      map[string]*record
	isClosed             bool
	epoch                int64
	unsealed             [][]byte
}

// question is a request of a tick that is not decided, and the answer that ended it; "" while it is open.
type question struct {
	*record
	answer   string
	isFailed bool
}

func newRun(r *record) *run {
	return &run{
		record: r, latest: r.at, seenTick: -1, seenTime: -1,
		nextNumber: map[string]int64{}, nextTick: map[string]int64{}, openRequests: map[string]*record{},
		asked: map[int64][]*question{}, openDecisions: map[string]bool{}, openProposals: map[string]bool{},
		openSubmissions: map[string]*record{},
	}
}

// isWallClock says whether the clock on the wall dates the run.
func (r *run) isWallClock() bool { return r.text("mode") == "live" || r.text("mode") == "gateway" }

func (r *run) key(name string) value { return r.object("keys")[name] }

func (r *run) isVerifier(address string) bool {
	for _, verifier := range r.key("verifiers").(list) {
		if verifier == address {
			return true
		}
	}
	return false
}

// worker is the public key of a worker of the run, or "".
func (r *run) worker(id value) string {
	for _, item := range r.key("workers").(list) {
		if worker := item.(object); worker["id"] == id {
			return worker["publicKey"].(string)
		}
	}
	return ""
}
