package main

// checkProposal is R33 to R35.
func (c *checker) checkProposal() {
	delete(c.run.openDecisions, c.text("decision"))
	c.run.openProposals[c.leaf] = true
	message := domainBytes("proposal", unhex(proposalDigest(c.body)))
	if !isSigned(c.run.key("agent").(string), message, c.text("signature")) {
		c.fail("R33", "is not signed by the run's agent key")
	}
	decision := c.find(c.runID, c.text("decision"), "decision")
	if decision == nil || decision.object("result")["type"] != "intents" {
		c.fail("R34", "follows from no earlier decision of its run with intents")
	}
	chain := c.run.object("chain")
	c.same("R35", "agent", c.body["agent"], c.run.text("agent"))
	c.same("R35", "policyDigest", c.body["policyDigest"], c.run.object("policy")["digest"])
	for _, field := range []string{"chainId", "safe", "module"} {
		c.same("R35", field, c.body[field], chain[field])
	}
	c.same("R35", "executor", c.body["executor"], c.run.key("executor"))
}
