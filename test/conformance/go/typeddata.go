package main

import "math/big"

// EIP-712 structs that verifiers and approvers sign (evidence.md §5, §6).

const (
	callType     = "Call(address to,uint256 value,bytes data)"
	boundType    = "Bound(uint8 kind,address target,uint256 id,int256 limit)"
	verdictType  = "Verdict(address safe,uint256 nonce,Call[] calls,Bound[] bounds,bytes32 proposalDigest,bytes32 policyDigest,address executor,uint64 refBlock,bytes32 refBlockHash,uint64 validUntil)"
	approvalType = "Approval(address safe,Call[] calls,Bound[] bounds,uint256 nonce,uint64 validUntil)"
	domainType   = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)

func typeHash(text string) []byte { return keccak256([]byte(text)) }

func typedHash(proposal object, structHash []byte) []byte {
	domain := keccak256(
		typeHash(domainType), typeHash("Warrant"), typeHash("1"),
		wordOf(proposal["chainId"].(int64)), left(unhex(proposal["module"].(string))),
	)
	return keccak256([]byte{0x19, 1}, domain, structHash)
}

func callsHash(proposal object) []byte {
	var hashes []byte
	for _, item := range proposal["calls"].(list) {
		call := item.(object)
		hashes = append(hashes, keccak256(
			typeHash(callType), left(unhex(call["to"].(string))), word(number(call["value"].(string))),
			keccak256(unhex(call["data"].(string))),
		)...)
	}
	return keccak256(hashes)
}

func boundsHash(proposal object) []byte {
	var hashes []byte
	for _, item := range proposal["bounds"].(list) {
		bound := item.(object)
		hashes = append(hashes, keccak256(
			typeHash(boundType), wordOf(bound["kind"].(int64)), left(unhex(bound["target"].(string))),
			word(number(bound["id"].(string))), word(number(bound["limit"].(string))),
		)...)
	}
	return keccak256(hashes)
}

// verdictHash is what an approving verdict's `signature` signs.
func verdictHash(proposal, verdict object) []byte {
	return typedHash(proposal, keccak256(
		typeHash(verdictType+boundType+callType),
		left(unhex(proposal["safe"].(string))), word(number(proposal["nonce"].(string))),
		callsHash(proposal), boundsHash(proposal),
		unhex(verdict["proposalDigest"].(string)), unhex(proposal["policyDigest"].(string)),
		left(unhex(proposal["executor"].(string))),
		wordOf(verdict["refBlock"].(int64)), unhex(verdict["refBlockHash"].(string)),
		wordOf(verdict["validUntil"].(int64)),
	))
}

// approvalHash is what an approver signs: EIP-712 to approve, EIP-191 over the answer to reject.
func approvalHash(proposal, approval object) []byte {
	if approval["answer"] == "reject" {
		return personalHash(domainBytes("approval", encode(without(approval, "signer", "signature"))))
	}
	return typedHash(proposal, keccak256(
		typeHash(approvalType+boundType+callType),
		left(unhex(proposal["safe"].(string))), callsHash(proposal), boundsHash(proposal),
		word(number(proposal["nonce"].(string))), wordOf(proposal["validUntil"].(int64)),
	))
}

func bigOf(n value) *big.Int { return big.NewInt(n.(int64)) }
