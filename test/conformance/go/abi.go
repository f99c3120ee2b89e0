package main

import (
	"bytes"
	"math/big"
)

// Solidity's ABI, as far as `execute` needs it: values as one canonical text of bytes.

// part is an encoded value; a dynamic one stands behind the heads, which name its place.
type part struct {
	data      []byte
	isDynamic bool
}

func static(word []byte) part { return part{data: word} }

func bytesPart(data []byte) part {
	padded := append([]byte{}, data...)
	for len(padded)%32 != 0 {
		padded = append(padded, 0)
	}
	return part{append(wordOf(int64(len(data))), padded...), true}
}

func arrayPart(items []part) part {
	return part{append(wordOf(int64(len(items))), sequence(items)...), true}
}

func tuplePart(parts ...part) part {
	whole := part{data: sequence(parts)}
	for _, p := range parts {
		whole.isDynamic = whole.isDynamic || p.isDynamic
	}
	return whole
}

func sequence(parts []part) []byte {
	size := 0
	for _, p := range parts {
		if p.isDynamic {
			size += 32
		} else {
			size += len(p.data)
		}
	}
	var heads, tails []byte
	for _, p := range parts {
		if p.isDynamic {
			heads = append(heads, wordOf(int64(size+len(tails)))...)
			tails = append(tails, p.data...)
		} else {
			heads = append(heads, p.data...)
		}
	}
	return append(heads, tails...)
}

const executeType = "execute((address,uint256,(address,uint256,bytes)[],(uint8,address,uint256,int256)[],bytes32,bytes32,address,uint64,bytes32,uint64),bytes[],(uint64,bytes[]))"

// execution is a call of the module's `execute`: signatures in hexadecimal, ascending by signer.
type execution struct {
	proposal   object
	digest     string
	verdict    object
	signatures []string
	validUntil *big.Int
	approvals  []string
}

// calldata is the one canonical encoding of the call.
func (e *execution) calldata() []byte {
	address := func(of object, field string) part { return static(left(unhex(of[field].(string)))) }
	uint := func(of object, field string) part { return static(word(number(of[field].(string)))) }
	var calls, bounds []part
	for _, item := range e.proposal["calls"].(list) {
		call := item.(object)
		calls = append(calls, tuplePart(address(call, "to"), uint(call, "value"), bytesPart(unhex(call["data"].(string)))))
	}
	for _, item := range e.proposal["bounds"].(list) {
		bound := item.(object)
		bounds = append(bounds, tuplePart(
			static(word(bigOf(bound["kind"]))), address(bound, "target"), uint(bound, "id"), uint(bound, "limit"),
		))
	}
	arguments := sequence([]part{
		tuplePart(
			address(e.proposal, "safe"), uint(e.proposal, "nonce"), arrayPart(calls), arrayPart(bounds),
			static(unhex(e.digest)), static(unhex(e.proposal["policyDigest"].(string))),
			address(e.proposal, "executor"), static(word(bigOf(e.verdict["refBlock"]))),
			static(unhex(e.verdict["refBlockHash"].(string))), static(word(bigOf(e.verdict["validUntil"]))),
		),
		texts(e.signatures),
		tuplePart(static(word(e.validUntil)), texts(e.approvals)),
	})
	return append(selector(), arguments...)
}

func selector() []byte { return keccak256([]byte(executeType))[:4] }

func texts(items []string) part {
	var parts []part
	for _, text := range items {
		parts = append(parts, bytesPart(unhex(text)))
	}
	return arrayPart(parts)
}

// approvalsIn reads the third argument of `execute`. What is not canonical, the comparison of the whole refuses.
func approvalsIn(data []byte) (validUntil *big.Int, approvals []string, ok bool) {
	if len(data) < 100 || !bytes.Equal(data[:4], selector()) {
		return nil, nil, false
	}
	data = data[4:]
	at := func(offset int) (int, bool) {
		if offset < 0 || offset+32 > len(data) {
			return 0, false
		}
		n := new(big.Int).SetBytes(data[offset : offset+32])
		return int(n.Int64()), n.IsInt64() && n.Int64() <= int64(len(data))
	}
	tuple, ok := at(64)
	if !ok || tuple+64 > len(data) {
		return nil, nil, false
	}
	validUntil = new(big.Int).SetBytes(data[tuple : tuple+32])
	array, ok := at(tuple + 32)
	array += tuple
	count, okCount := at(array)
	if !ok || !okCount || validUntil.BitLen() > 64 {
		return nil, nil, false
	}
	for i := 0; i < count; i++ {
		item, ok := at(array + 32 + 32*i)
		item += array + 32
		size, okSize := at(item)
		if !ok || !okSize || item+32+size > len(data) {
			return nil, nil, false
		}
		approvals = append(approvals, "0x"+hexOf(data[item+32:item+32+size]))
	}
	return validUntil, approvals, true
}
