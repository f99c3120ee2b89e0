package main

// checkOutcome is R52 to R56.
func (c *checker) checkOutcome() {
	signer := c.text("signer")
	if !c.run.isVerifier(signer) || !isReportedBy(signer, "outcome", c.body, "signature") {
		c.fail("R53", "is not signed by a verifier of the run")
	}
	submission := c.find(c.runID, c.text("submission"), "submission")
	if submission == nil {
		c.fail("R52", "is of no earlier submission of its run")
		return
	}
	c.same("R52", "proposal", c.text("proposal"), submission.text("proposal"))
	c.same("R52", "transactionHash", c.text("transactionHash"), submission.text("transactionHash"))
	if !c.isFirst("outcome", submission.leaf) {
		c.fail("R54", "its submission has an outcome already")
	} else if c.text("status") == "success" && !c.isFirst("success", c.text("proposal")) {
		c.fail("R54", "its proposal has succeeded already")
	}
	for _, leaf := range submission.body["verdicts"].(list) {
		verdict := c.find(c.runID, leaf.(string), "verdict")
		if verdict != nil && c.int("blockNumber") <= verdict.int("refBlock") {
			c.fail("R55", "is of block %d, and was judged on block %d", c.int("blockNumber"), verdict.int("refBlock"))
		}
	}
	if isNoHash(c.text("blockHash")) {
		c.fail("R55", "is of a block without a hash")
	}
	tx, err := parseTransaction(unhex(submission.text("rawTransaction")))
	if err == nil && number(c.text("gasUsed")).Cmp(tx.gas) > 0 {
		c.fail("R56", "used more gas than its transaction allows")
	}
	for leaf, open := range c.run.openSubmissions {
		if open.text("proposal") == submission.text("proposal") {
			delete(c.run.openSubmissions, leaf)
		}
	}
}
