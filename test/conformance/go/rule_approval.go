package main

// checkApproval is R36 to R38.
func (c *checker) checkApproval() {
	proposal := c.find(c.runID, c.text("proposal"), "proposal")
	if proposal == nil {
		c.fail("R36", "is of no earlier proposal of its run")
		return
	}
	c.same("R36", "proposalDigest", c.text("proposalDigest"), proposalDigest(proposal.body))
	signed := unhex(c.text("signature"))
	var signer string
	if len(signed) == 65 {
		signer = recoverAddress(approvalHash(proposal.body, c.body), strictSignature(signed))
	} else {
		signer = "0x" + hexOf(signed[:20])
	}
	c.same("R37", "the address that signed", signer, c.text("signer"))
	if !c.isFirst("approval", proposal.leaf, c.text("signer")) {
		c.fail("R38", "%s has answered this proposal before", c.text("signer"))
	}
	c.approvals[proposal.leaf] = append(c.approvals[proposal.leaf], c.record)
}
