package main

import (
	"bytes"
	"sort"
)

// checkSubmission is R47 to R51.
func (c *checker) checkSubmission() {
	proposal := c.find(c.runID, c.text("proposal"), "proposal")
	if proposal == nil {
		c.fail("R47", "is of no earlier proposal of its run")
	}
	var verdicts []*record
	named := map[value]bool{}
	for _, leaf := range c.body["verdicts"].(list) {
		verdict := c.find(c.runID, leaf.(string), "verdict")
		if verdict == nil || verdict.text("proposal") != c.text("proposal") || verdict.text("answer") != "approve" {
			c.fail("R47", "%v does not approve this proposal", leaf)
		} else {
			verdicts = append(verdicts, verdict)
		}
		if named[leaf] {
			c.fail("R47", "names %v twice", leaf)
		}
		named[leaf] = true
	}
	raw := unhex(c.text("rawTransaction"))
	c.same("R48", "transactionHash", c.text("transactionHash"), "0x"+hexOf(keccak256(raw)))
	if !c.isFirst("transaction", c.text("transactionHash")) {
		c.fail("R50", "was submitted before")
	}
	if tx, err := parseTransaction(raw); err != nil {
		c.fail("R48", "its transaction %v", err)
	} else {
		c.same("R48", "from", c.body["from"], tx.from)
		c.same("R48", "the executor", c.run.key("executor"), tx.from)
		if tx.nonce.Cmp(bigOf(c.body["accountNonce"])) != 0 {
			c.fail("R48", "accountNonce is %d, the transaction's %v", c.int("accountNonce"), tx.nonce)
		}
		if proposal != nil {
			if why := c.executes(tx, proposal, verdicts); why != "" {
				c.fail("R49", "its transaction %s", why)
			}
		}
		c.checkPredecessor(tx)
	}
	delete(c.run.openProposals, c.text("proposal"))
	c.run.openSubmissions[c.leaf] = c.record
}

// executes says how a transaction differs from what the records allow, or "".
func (c *checker) executes(tx *transaction, proposal *record, verdicts []*record) string {
	if tx.to != proposal.text("module") || tx.chainID.Cmp(bigOf(proposal.body["chainId"])) != 0 || tx.value.Sign() != 0 {
		return "goes elsewhere, or carries coins"
	}
	validUntil, approvals, ok := approvalsIn(tx.data)
	if !ok {
		return "is no call of execute"
	}
	onRecord := map[string]bool{}
	for _, approval := range c.approvals[proposal.leaf] {
		if approval.text("answer") == "approve" {
			onRecord[approval.text("signature")] = true
		}
	}
	for _, approval := range approvals {
		if !onRecord[approval] {
			return "carries an approval that is not on record"
		}
	}
	if len(verdicts) == 0 {
		return "has no verdict on record"
	}
	sort.SliceStable(verdicts, func(i, j int) bool { return verdicts[i].text("signer") < verdicts[j].text("signer") })
	var signatures []string
	for _, verdict := range verdicts {
		signed, _ := verdict.body["signature"].(string)
		signatures = append(signatures, signed)
	}
	digest := proposalDigest(proposal.body)
	for _, verdict := range verdicts {
		execution := execution{proposal.body, digest, verdict.body, signatures, validUntil, approvals}
		if !bytes.Equal(tx.data, execution.calldata()) {
			return "calls something else than its proposal under its verdicts"
		}
	}
	return ""
}

// checkPredecessor is R51.
func (c *checker) checkPredecessor(tx *transaction) {
	leaf, isReplacement := c.body["replaces"].(string)
	if !isReplacement {
		for _, open := range c.run.openSubmissions {
			if open.text("proposal") == c.text("proposal") {
				c.fail("R51", "a submission of its proposal is open, and it replaces none")
			}
		}
		return
	}
	replaced := c.find(c.runID, leaf, "submission")
	if replaced == nil || replaced.text("proposal") != c.text("proposal") {
		c.fail("R51", "replaces no earlier submission of its proposal")
	} else if was, err := parseTransaction(unhex(replaced.text("rawTransaction"))); err != nil || !tx.outbids(was) {
		c.fail("R51", "differs from what it replaces by more than higher fees")
	}
}

// outbids says whether a transaction does what another does, under its nonce, and pays more.
func (tx *transaction) outbids(was *transaction) bool {
	return tx.chainID.Cmp(was.chainID) == 0 && tx.nonce.Cmp(was.nonce) == 0 && tx.gas.Cmp(was.gas) == 0 &&
		tx.to == was.to && tx.value.Cmp(was.value) == 0 && bytes.Equal(tx.data, was.data) &&
		tx.maxFee.Cmp(was.maxFee) > 0 && tx.priority.Cmp(was.priority) > 0
}
