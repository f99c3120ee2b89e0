package main

import (
	"encoding/base64"
	"math/big"
)

// conditions are what a type does not say: named in the document's fields, and explained below them.
var conditions = map[string]check{
	"columns":      columns,
	"chat":         chat,
	"tensor":       tensorData,
	"alphabetical": alphabetical,
	"base64":       isBase64,
	"moves":        moves,
}

func columns(v value) string {
	bars := v.(object)
	for _, name := range []string{"open", "high", "low", "close"} {
		if len(bars[name].(list)) != len(bars["timeSeconds"].(list)) {
			return "has columns of different lengths"
		}
	}
	return ""
}

const mostChatBytes = 64_500

func chat(v value) string {
	if len(encode(v))-2 > mostChatBytes {
		return "takes more bytes than an entry has room for"
	}
	return ""
}

var elementBytes = map[value]int64{"float32": 4, "int8": 1, "uint8": 1, "int32": 4, "int64": 8}

func tensorData(v value) string {
	tensor := v.(object)
	if why := isBase64(tensor["data"]); why != "" {
		return why
	}
	data, _ := base64.StdEncoding.Strict().DecodeString(tensor["data"].(string))
	size := big.NewInt(elementBytes[tensor["dtype"]])
	for _, n := range tensor["shape"].(list) {
		size.Mul(size, bigOf(n))
	}
	if size.Cmp(big.NewInt(int64(len(data)))) != 0 {
		return "has data of another size than its shape"
	}
	return ""
}

func isBase64(v value) string {
	text := v.(string)
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	// Go's decoder passes over line breaks.
	if err != nil || base64.StdEncoding.EncodeToString(data) != text {
		return "is not base64 in its one form"
	}
	return ""
}

func alphabetical(v value) string {
	proofs := v.(list)
	for i := 1; i < len(proofs); i++ {
		if proofs[i-1].(object)["kind"].(string) >= proofs[i].(object)["kind"].(string) {
			return "is not in alphabetical order, each kind once"
		}
	}
	return ""
}

func moves(v value) string {
	call := v.(object)
	if len(call["spends"].(list))+len(call["gets"].(list)) == 0 {
		return "names no token that it spends or gets"
	}
	return ""
}
