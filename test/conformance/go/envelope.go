package main

import "time"

const (
	mostBackwardMs = 2_000
	clockSetBack   = "the clock was set back"
)

var firstLive = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// checkEnvelope is R3 to R8.
func (c *checker) checkEnvelope() {
	if c.run.isClosed {
		c.fail("R3", "comes after the close of its run")
	}
	c.same("R4", "seq", c.seq, c.run.nextSeq)
	c.run.nextSeq = c.seq + 1
	for _, parent := range c.parents {
		if c.records[parent] == nil {
			c.fail("R5", "%s is no earlier entry", parent)
		}
	}
	if !c.isClaimed() {
		if c.signature != "" {
			c.fail("R6", "carries a signature, which this kind has not")
		}
	} else if c.signature == "" || !isSigned(c.run.key("agent").(string), c.claim, c.signature) {
		c.fail("R6", "is not signed by the run's agent key")
	}
	isStep := c.kind == "incident" && c.text("what") == clockSetBack
	if !isStep && c.at < c.run.latest-mostBackwardMs {
		c.fail("R7", "is dated %d ms before an earlier record of its run", c.run.latest-c.at)
	}
	if isStep || c.at > c.run.latest {
		c.run.latest = c.at
	}
	if c.run.isWallClock() && c.at < firstLive {
		c.fail("R8", "is dated before 2026")
	}
}

// isClaimed says whether the run's agent key signs the record: what no other signature speaks for.
func (c *checker) isClaimed() bool {
	switch c.kind {
	case "run", "decision", "fill", "incident", "close":
		return true
	}
	return c.kind == "response" && c.object("result")["status"] != "ok"
}
