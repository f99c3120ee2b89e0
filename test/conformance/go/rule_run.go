package main

// checkRun is R9 to R14.
func (c *checker) checkRun() {
	policy := c.object("policy")
	c.same("R9", "policy.digest", policy["digest"], digestJSON("policy", policy["document"]))

	strategy := c.object("strategy")
	if (strategy == nil) != (c.text("mode") == "gateway") {
		c.fail("R10", "a gateway's run has no strategy, and every other has one")
	}
	if strategy != nil {
		params := digestBytes("params", []byte(strategy["params"].(string)))
		c.same("R10", "strategy.paramsDigest", strategy["paramsDigest"], params)
		c.names(strategy["bundle"])
	}
	c.checkIdentities()
	c.same("R12", "previous", c.body["previous"], c.lastRun)
	if chain := c.object("chain"); chain != nil {
		document, _ := policy["document"].(object)
		for _, field := range []string{"chainId", "safe", "module"} {
			c.same("R13", "chain."+field, chain[field], document[field])
		}
	}
	c.checkLogKey(c.object("keys")["log"].(string))
}

// checkIdentities is R11.
func (c *checker) checkIdentities() {
	keys := c.object("keys")
	seen, operators := map[string]bool{}, map[string]value{}
	once := func(what string, name value) {
		if named := what + " " + name.(string); seen[named] {
			c.fail("R11", "%s is named twice", named)
		} else {
			seen[named] = true
		}
	}
	for _, item := range c.body["models"].(list) {
		model := item.(object)
		once("model", model["name"])
		if model["file"] != nil {
			c.names(model["file"])
		}
	}
	if c.text("mode") != "gateway" {
		once("key", keys["agent"])
	}
	for _, item := range keys["workers"].(list) {
		worker := item.(object)
		once("worker", worker["id"])
		// Workers of one operator may share its key.
		operator, key := worker["operator"], worker["publicKey"].(string)
		if was, ok := operators[key]; !ok {
			once("key", key)
			operators[key] = operator
		} else if was != operator {
			c.fail("R11", "key %s is of two operators", key)
		}
	}
	for _, verifier := range keys["verifiers"].(list) {
		once("address", verifier)
	}
	if keys["executor"] != nil {
		once("address", keys["executor"])
	}
}
