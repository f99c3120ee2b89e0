package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"strconv"
)

// domainBytes are what is hashed or signed for a domain: `warrant/DOMAIN/v1`, a zero byte, the content (evidence.md §1).
func domainBytes(domain string, content []byte) []byte {
	return append([]byte("warrant/"+domain+"/v1\x00"), content...)
}

func digestBytes(domain string, content []byte) string {
	sum := sha256.Sum256(domainBytes(domain, content))
	return hexOf(sum[:])
}

func digestJSON(domain string, v value) string { return digestBytes(domain, encode(v)) }

// leafHash names an entry (RFC 6962).
func leafHash(entry []byte) string {
	sum := sha256.Sum256(append([]byte{0}, entry...))
	return hexOf(sum[:])
}

// payloadDigest is that of a model's input or output.
func payloadDigest(payload object) string {
	if payload["type"] == "tensor" {
		return digestJSON("tensor", payload["tensor"])
	}
	return digestBytes("chat", []byte(payload["body"].(string)))
}

// proposalDigest is what the agent signs and verdicts commit to: the body without its signature.
func proposalDigest(body object) string { return digestJSON("proposal", without(body, "signature")) }

// isSigned says whether an Ed25519 key, in hexadecimal, signed bytes.
func isSigned(key string, message []byte, signature string) bool {
	return ed25519.Verify(ed25519.PublicKey(unhex(key)), message, unhex(signature))
}

// personalHash is EIP-191's hash of a message.
func personalHash(message []byte) []byte {
	return keccak256([]byte("\x19Ethereum Signed Message:\n"+strconv.Itoa(len(message))), message)
}

// isReportedBy says whether an address signed the rest of a body (evidence.md §12, "Who signs").
func isReportedBy(signer, domain string, body object, field string) bool {
	message := domainBytes(domain, encode(without(body, field)))
	return recoverAddress(personalHash(message), strictSignature(unhex(body[field].(string)))) == signer
}
