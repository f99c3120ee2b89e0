package main

const mostSkewMs = 600_000

// checkResponse is R22 to R27.
func (c *checker) checkResponse() {
	request := c.run.openRequests[c.text("request")]
	if request == nil {
		c.fail("R22", "ends no open request of its run")
		return
	}
	delete(c.run.openRequests, request.leaf)
	c.same("R22", "number", c.int("number"), request.int("number"))
	c.same("R22", "agent", c.text("agent"), request.text("agent"))
	result := c.object("result")
	isOk := result["status"] == "ok"
	for _, asked := range c.run.asked[request.int("tick")] {
		if asked.leaf == request.leaf {
			asked.answer, asked.isFailed = c.leaf, !isOk
		}
	}
	if isOk {
		c.checkAnswer(request, result)
	}
}

func (c *checker) checkAnswer(request *record, result object) {
	receipt := result["receipt"].(object)
	statement := receipt["statement"].(object)
	name, needsTrace := "", false
	for i, proof := range proofsOf(result["proof"].(object)) {
		kind := proof["kind"].(string)
		if i > 0 {
			name += "+"
		}
		name += kind
		needsTrace = needsTrace || kind == "freivalds" || kind == "refereed"
		if kind == "freivalds" {
			c.run.unsealed = append(c.run.unsealed, unhex(c.leaf))
			if inline, ok := proof["trace"].(object)["inline"].(string); ok {
				c.same("R26", "the trace's digest", traceDigest(inline), statement["traceDigest"])
			}
		}
		for _, field := range []string{"trace", "attestation"} {
			if carried, ok := proof[field].(object); ok && carried["sha256"] != nil {
				c.names(carried)
			}
		}
	}
	c.same("R23", "proof", name, request.text("proofKind"))
	c.same("R24", "nonce", statement["nonce"], request.leaf)
	c.same("R24", "outputDigest", statement["outputDigest"], payloadDigest(result["output"].(object)))
	for _, field := range []string{"model", "numeric", "inputDigest", "proofKind"} {
		c.same("R24", field, statement[field], request.body[field])
	}
	if (statement["traceDigest"] != nil) != needsTrace {
		c.fail("R26", "a trace's digest stands with a trace and only there")
	}
	started, finished := statement["startedMs"].(int64), statement["finishedMs"].(int64)
	if skew := c.at - finished; finished < started {
		c.fail("R27", "ended before it began")
	} else if c.run.isWallClock() && (skew > mostSkewMs || skew < -mostSkewMs) {
		c.fail("R27", "the worker ended at %d, the record is of %d", finished, c.at)
	}
	if key := c.run.worker(statement["worker"]); key == "" || !isReceiptSigned(receipt, key) {
		c.fail("R25", "is not signed by a worker of the run")
	}
}
