package main

import (
	"crypto/sha256"
)

// checkFill is R57.
func (c *checker) checkFill() {
	decision := c.find(c.runID, c.text("decision"), "decision")
	if decision == nil || decision.object("result")["type"] != "intents" {
		c.fail("R57", "is of no earlier decision of its run with intents")
	}
	if !c.isFirst("fill", c.text("decision")) {
		c.fail("R57", "is the second of its decision")
	}
	if c.run.object("chain") != nil {
		c.fail("R57", "stands in a run with a chain")
	}
	delete(c.run.openDecisions, c.text("decision"))
}

// checkSeal is R58.
func (c *checker) checkSeal() {
	leaves := c.run.unsealed
	c.run.unsealed = nil
	c.same("R58", "epoch", c.int("epoch"), c.run.epoch)
	c.run.epoch++
	c.same("R58", "receipts", c.int("receipts"), int64(len(leaves)))
	if len(leaves) == 0 {
		c.fail("R58", "commits to no answer")
	} else {
		c.same("R58", "receiptsRoot", c.text("receiptsRoot"), hexOf(treeRoot(leaves)))
	}
}

// treeRoot is RFC 6962's root of a tree whose leaves are hashes already.
func treeRoot(leaves [][]byte) []byte {
	if len(leaves) == 0 {
		sum := sha256.Sum256(nil)
		return sum[:]
	}
	if len(leaves) == 1 {
		return leaves[0]
	}
	split := 1
	for split*2 < len(leaves) {
		split *= 2
	}
	node := append(append([]byte{1}, treeRoot(leaves[:split])...), treeRoot(leaves[split:])...)
	sum := sha256.Sum256(node)
	return sum[:]
}

// checkClose is R59 to R61.
func (c *checker) checkClose() {
	c.run.isClosed = true
	requests := int64(0)
	for _, next := range c.run.nextNumber {
		requests += next
	}
	c.same("R59", "decisions", c.int("decisions"), c.run.decisions)
	c.same("R59", "requests", c.int("requests"), requests)
	open := len(c.run.openRequests) + len(c.run.openDecisions) + len(c.run.openProposals) + len(c.run.openSubmissions)
	if open > 0 {
		c.fail("R60", "%d requests, decisions, proposals and submissions have no end on record", open)
	}
	if len(c.run.unsealed) > 0 {
		c.fail("R61", "%d answers with a trace were never sealed", len(c.run.unsealed))
	}
}

// checkIncident is R62. An incident also ends what it names as its parents.
func (c *checker) checkIncident() {
	for _, parent := range c.parents {
		delete(c.run.openDecisions, parent)
		delete(c.run.openProposals, parent)
		delete(c.run.openSubmissions, parent)
	}
	accused, isAccusation := c.body["accuses"]
	if !isAccusation {
		return
	}
	if c.run.worker(accused) == "" {
		c.fail("R62", "accuses no worker of the run")
	}
	if why := fieldChecks["blob"](c.body["evidence"]); why != "" {
		c.fail("R62", "names no payload as evidence: %s", why)
	} else {
		c.names(c.body["evidence"])
	}
}
