package main

import (
	"encoding/base64"

	"golang.org/x/mod/sumdb/tlog"
)

// isReceiptSigned says whether a receipt's statement is in the batch that a key signed (evidence.md §12, "Receipts").
func isReceiptSigned(receipt object, key string) bool {
	batch := receipt["batch"].(object)
	var path tlog.RecordProof
	for _, node := range batch["path"].(list) {
		path = append(path, hashOf(node.(string)))
	}
	root := hashOf(batch["root"].(string))
	leaf := tlog.RecordHash(encode(receipt["statement"]))
	size, index := batch["size"].(int64), batch["index"].(int64)
	if index >= size || tlog.CheckRecord(path, size, root, index, leaf) != nil {
		return false
	}
	message := domainBytes("receipt-batch", encode(object{"root": batch["root"], "size": size}))
	return isSigned(key, message, receipt["signature"].(string))
}

func hashOf(text string) (hash tlog.Hash) {
	copy(hash[:], unhex(text))
	return
}

// traceDigest is that of a trace that stands in its record.
func traceDigest(inline string) string {
	data, err := base64.StdEncoding.Strict().DecodeString(inline)
	if err != nil {
		return ""
	}
	return digestBytes("trace", data)
}

// proofsOf lists the proofs that an answer carries.
func proofsOf(proof object) []object {
	if proof["kind"] != "all" {
		return []object{proof}
	}
	var proofs []object
	for _, item := range proof["proofs"].(list) {
		proofs = append(proofs, item.(object))
	}
	return proofs
}
