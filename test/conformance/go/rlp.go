package main

import (
	"errors"
	"math/big"
)

type rlpValue struct {
	isList bool
	data   []byte
}

var errRLP = errors.New("is no canonical RLP")

// rlpItem splits the first item off; encodings that are longer than need be are refused.
func rlpItem(in []byte) (rlpValue, []byte, error) {
	if len(in) == 0 {
		return rlpValue{}, nil, errRLP
	}
	first := in[0]
	if first < 0x80 {
		return rlpValue{data: in[:1]}, in[1:], nil
	}
	isList := first >= 0xc0
	base := byte(0x80)
	if isList {
		base = 0xc0
	}
	size, start := uint64(first-base), uint64(1)
	if size > 55 {
		start += size - 55
		if uint64(len(in)) < start || in[1] == 0 {
			return rlpValue{}, nil, errRLP
		}
		length := new(big.Int).SetBytes(in[1:start])
		if !length.IsUint64() || length.Uint64() <= 55 {
			return rlpValue{}, nil, errRLP
		}
		size = length.Uint64()
	}
	if size > uint64(len(in))-start {
		return rlpValue{}, nil, errRLP
	}
	item := rlpValue{isList, in[start : start+size]}
	if !isList && size == 1 && item.data[0] < 0x80 {
		return rlpValue{}, nil, errRLP
	}
	return item, in[start+size:], nil
}

// rlpList wraps items that are encoded already.
func rlpList(items []byte) []byte {
	if len(items) <= 55 {
		return append([]byte{0xc0 + byte(len(items))}, items...)
	}
	length := big.NewInt(int64(len(items))).Bytes()
	return append(append([]byte{0xf7 + byte(len(length))}, length...), items...)
}
