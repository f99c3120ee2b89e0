package main

import (
	"errors"
	"math/big"
)

// transaction is a signed EIP-1559 transaction (type 2).
type transaction struct {
	chainID, nonce, priority, maxFee, gas, value *big.Int
	to                                           string
	data                                         []byte
	// from is the address that signed; "" when none did.
	from string
}

// parseTransaction reads 0x02 ‖ rlp([chainId, nonce, priority fee, max fee, gas, to, value, data, access list, parity, r, s]).
func parseTransaction(raw []byte) (*transaction, error) {
	if len(raw) == 0 || raw[0] != 2 {
		return nil, errors.New("is no transaction of type 2")
	}
	outer, rest, err := rlpItem(raw[1:])
	if err != nil || len(rest) > 0 || !outer.isList {
		return nil, errors.New("is no RLP list")
	}
	var items []rlpValue
	var starts []int
	for at := outer.data; len(at) > 0; {
		starts = append(starts, len(outer.data)-len(at))
		var item rlpValue
		if item, at, err = rlpItem(at); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if len(items) != 12 || !items[8].isList || len(items[8].data) > 0 || len(items[5].data) != 20 {
		return nil, errors.New("has other fields than a transaction without an access list")
	}
	numbers := make([]*big.Int, 12)
	for i, item := range items {
		if i == 5 || i == 7 || i == 8 {
			continue
		}
		if item.isList || len(item.data) > 32 || len(item.data) > 0 && item.data[0] == 0 {
			return nil, errors.New("has a field that is no number")
		}
		numbers[i] = new(big.Int).SetBytes(item.data)
	}
	if items[5].isList || items[7].isList || numbers[9].Cmp(big.NewInt(1)) > 0 {
		return nil, errors.New("has a field of the wrong type")
	}
	hash := keccak256([]byte{2}, rlpList(outer.data[:starts[9]]))
	sig := &signature{numbers[10], numbers[11], uint(numbers[9].Uint64())}
	if new(big.Int).Lsh(sig.s, 1).Cmp(groupOrder) > 0 {
		return nil, errors.New("has a signature with s in the upper half (EIP-2)")
	}
	return &transaction{
		chainID: numbers[0], nonce: numbers[1], priority: numbers[2], maxFee: numbers[3], gas: numbers[4],
		to: "0x" + hexOf(items[5].data), value: numbers[6], data: items[7].data,
		from: recoverAddress(hash, sig),
	}, nil
}
