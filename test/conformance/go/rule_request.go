package main

// checkRequest is R18 to R21.
func (c *checker) checkRequest() {
	isGateway := c.run.object("strategy") == nil
	agent := c.text("agent")
	c.same("R18", "number", c.int("number"), c.run.nextNumber[agent])
	c.run.nextNumber[agent] = c.int("number") + 1
	if !isGateway {
		c.same("R18", "agent", agent, c.run.text("agent"))
	}
	c.same("R19", "inputDigest", c.text("inputDigest"), payloadDigest(c.object("input")))
	if seen := c.body["observation"]; seen != nil || !isGateway {
		leaf, _ := seen.(string)
		if observation := c.find(c.runID, leaf, "observation"); observation == nil {
			c.fail("R20", "names no earlier observation of its run")
		} else {
			c.same("R20", "tick", c.int("tick"), observation.object("view")["tick"])
		}
	}
	if !c.run.hasModel(c.text("model"), c.text("numeric")) {
		c.fail("R21", "is for no model of its run")
	}
	c.run.openRequests[c.leaf] = c.record
	if !isGateway {
		tick := c.int("tick")
		c.run.asked[tick] = append(c.run.asked[tick], &question{record: c.record})
	}
}

func (r *run) hasModel(digest, numeric string) bool {
	for _, item := range r.body["models"].(list) {
		if model := item.(object); model["digest"] == digest && model["numeric"] == numeric {
			return true
		}
	}
	return false
}
