package main

// checkDecision is R28 to R32.
func (c *checker) checkDecision() {
	agent, tick := c.text("agent"), c.int("tick")
	c.same("R28", "tick", tick, c.run.nextTick[agent])
	c.run.nextTick[agent] = tick + 1
	c.same("R28", "agent", agent, c.run.text("agent"))
	c.run.decisions++
	strategy := c.run.object("strategy")
	c.same("R29", "strategy", c.text("strategy"), strategy["digest"])
	c.same("R29", "params", c.text("params"), strategy["paramsDigest"])

	isMissed := c.object("result")["type"] == "missed"
	leaf, isNamed := c.body["observation"].(string)
	if !isNamed && !isMissed {
		c.fail("R30", "rests on no observation, and the tick was not missed")
	}
	if isNamed {
		seen := c.find(c.runID, leaf, "observation")
		if seen == nil || seen.object("view")["tick"] != tick {
			c.fail("R30", "names another observation than that of its tick")
		}
	}
	asked := c.run.asked[tick]
	delete(c.run.asked, tick)
	c.checkCited(asked, isMissed)
	c.checkRepeats(asked)
	if c.object("result")["type"] == "intents" {
		c.run.openDecisions[c.leaf] = true
	}
}

// checkCited is R31.
func (c *checker) checkCited(asked []*question, isMissed bool) {
	var cited []string
	known := map[string]bool{}
	for i, item := range c.body["doors"].(list) {
		door := item.(object)
		answer := door["answer"].(string)
		if door["door"] == "observe" {
			if answer != c.body["observation"] || door["asked"] != answer {
				c.fail("R31", "door %d is not the observation of its tick", i)
			}
			continue
		}
		request := c.answered(answer)
		if request == nil {
			c.fail("R31", "door %d cites no earlier answer of its tick", i)
			continue
		}
		kind := "infer"
		if request.object("input")["type"] == "chat" {
			kind = "chat"
		}
		c.same("R31", "door", door["door"], kind)
		c.same("R31", "asked", door["asked"], request.text("inputDigest"))
		if !known[answer] {
			known[answer] = true
			cited = append(cited, answer)
		}
	}
	at := 0
	for _, request := range asked {
		if request.answer == "" {
			if !isMissed {
				c.fail("R31", "request %d of this tick has no answer yet", request.int("number"))
			}
			continue
		}
		if at >= len(cited) || cited[at] != request.answer {
			c.fail("R31", "leaves out, or puts elsewhere, the answer to request %d", request.int("number"))
			return
		}
		at++
	}
	if at < len(cited) {
		c.fail("R31", "cites more answers than its tick has")
	}
}

// answered is the request that an answer of this decision's run, tick and agent ended, or nil.
func (c *checker) answered(answer string) *record {
	response := c.find(c.runID, answer, "response")
	if response == nil {
		return nil
	}
	request := c.find(c.runID, response.text("request"), "request")
	if request == nil || request.int("tick") != c.int("tick") || request.text("agent") != c.text("agent") {
		return nil
	}
	return request
}

// checkRepeats is R32.
func (c *checker) checkRepeats(asked []*question) {
	answered := map[[3]string]bool{}
	for _, request := range asked {
		what := [3]string{request.text("model"), request.text("numeric"), request.text("inputDigest")}
		if answered[what] {
			c.fail("R32", "request %d asks again what was asked before", request.int("number"))
		}
		if !request.isFailed {
			answered[what] = true
		}
	}
}
