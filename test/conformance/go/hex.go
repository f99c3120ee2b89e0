package main

import (
	"encoding/hex"
	"math/big"
	"strings"
)

func hexOf(data []byte) string { return hex.EncodeToString(data) }

// unhex reads hexadecimal that the fields' types have let through, with or without 0x.
func unhex(text string) []byte {
	data, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		panic(err)
	}
	return data
}

// number reads a decimal integer that the fields' types have let through.
func number(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		panic(text)
	}
	return n
}

// word is a number of 256 bits, big-endian; negative ones in two's complement.
func word(n *big.Int) []byte {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return n.FillBytes(make([]byte, 32))
}

func wordOf(n int64) []byte { return word(big.NewInt(n)) }

// left pads bytes to a word, as addresses are.
func left(data []byte) []byte { return word(new(big.Int).SetBytes(data)) }
