package main

import "strings"

// isNoHash says whether a block's hash is 32 zero bytes.
func isNoHash(hash value) bool { return strings.Trim(hash.(string), "0x") == "" }

// checkObservation is R15 to R17.
func (c *checker) checkObservation() {
	view, provenance := c.object("view"), c.object("provenance")
	tick, at, interval := view["tick"].(int64), view["timeMs"].(int64), view["intervalSeconds"].(int64)
	if tick <= c.run.seenTick || at <= c.run.seenTime {
		c.fail("R15", "tick %d at %d comes after tick %d at %d", tick, at, c.run.seenTick, c.run.seenTime)
	}
	c.run.seenTick, c.run.seenTime = tick, at
	if market := c.run.object("market"); market == nil {
		c.fail("R15", "has no market in its run")
	} else {
		c.same("R15", "view.intervalSeconds", interval, market["intervalSeconds"])
		c.same("R15", "market.source", provenance["market"].(object)["source"], market["source"])
	}
	last := int64(-1)
	for _, item := range view["bars"].(object)["timeSeconds"].(list) {
		if item.(int64) <= last {
			c.fail("R16", "a bar of %d comes after one of %d", item, last)
		}
		last = item.(int64)
	}
	if last >= 0 && last+interval > at/1000 {
		c.fail("R16", "its last bar ends at %d s, after the time of the view, %d ms", last+interval, at)
	}
	chain, _ := provenance["chain"].(object)
	if (chain == nil) != (c.run.object("chain") == nil) {
		c.fail("R17", "a block stands where the run has a chain, and only there")
	}
	if chain != nil && isNoHash(chain["blockHash"]) {
		c.fail("R17", "is of a block without a hash")
	}
}
