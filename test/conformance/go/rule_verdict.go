package main

var checkNames = [9]string{"log", "identity", "proofs", "observation", "decision", "calldata", "simulation", "policy", "bounds"}

// checkVerdict is R39 to R46, and R63.
func (c *checker) checkVerdict() {
	proposal := c.find(c.runID, c.text("proposal"), "proposal")
	if proposal == nil {
		c.fail("R39", "is of no earlier proposal of its run")
		return
	}
	c.same("R39", "proposalDigest", c.text("proposalDigest"), proposalDigest(proposal.body))
	c.names(c.body["facts"])
	signer := c.text("signer")
	if !c.run.isVerifier(signer) || !isReportedBy(signer, "verdict-report", c.body, "reportSignature") {
		c.fail("R40", "is not signed by a verifier of the run")
	}
	isApproval, isAllOk := c.text("answer") == "approve", true
	for i, item := range c.body["checks"].(list) {
		check := item.(object)
		c.same("R41", "the check", check["id"], checkNames[i])
		isAllOk = isAllOk && check["ok"] == true
	}
	c.same("R41", "approves", isApproval, isAllOk)

	signed, hasSignature := c.body["signature"].(string)
	c.same("R42", "has a signature", hasSignature, isApproval)
	if hasSignature && recoverAddress(verdictHash(proposal.body, c.body), strictSignature(unhex(signed))) != signer {
		c.fail("R42", "has no EIP-712 signature of its signer")
	}
	if c.int("validUntil") > proposal.int("validUntil") {
		c.fail("R63", "counts until %d, its proposal until %d", c.int("validUntil"), proposal.int("validUntil"))
	}
	if !c.isFirst("verdict", proposal.leaf, signer, c.int("refBlock")) {
		c.fail("R43", "%s has judged this proposal on this block before", signer)
	}
	c.checkPlace(proposal)
	if simulation := c.object("simulation"); simulation != nil {
		c.same("R46", "simulation.blockNumber", simulation["blockNumber"], c.int("refBlock"))
	}
	if !isApproval {
		delete(c.run.openProposals, proposal.leaf)
	}
}

// checkPlace is R44 and R45.
func (c *checker) checkPlace(proposal *record) {
	signer, size := c.text("signer"), c.int("checkpointSize")
	var last value
	for _, earlier := range c.verdicts[signer] {
		if earlier.index < size {
			last = earlier.leaf
		}
	}
	c.same("R44", "previous", c.body["previous"], last)
	if size > c.index || proposal.index >= size {
		c.fail("R45", "saw %d entries; it is entry %d, its proposal %d", size, c.index, proposal.index)
	}
	c.verdicts[signer] = append(c.verdicts[signer], place{c.index, c.leaf})
}
