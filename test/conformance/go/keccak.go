package main

import (
	"encoding/binary"
	"math/bits"
)

// Keccak-256 as the EVM has it: Keccak's padding of 0x01, not SHA-3's.

const keccakRate = 136

var keccakRounds = func() (constants [24]uint64) {
	// The round constants come from a shift register (FIPS 202, algorithm 5).
	register := byte(1)
	for round := range constants {
		for j := 0; j < 7; j++ {
			if register&1 == 1 {
				constants[round] |= 1 << (1<<j - 1)
			}
			carry := register >> 7
			register <<= 1
			if carry == 1 {
				register ^= 0x71
			}
		}
	}
	return
}()

func keccak256(parts ...[]byte) []byte {
	var data []byte
	for _, part := range parts {
		data = append(data, part...)
	}
	data = append(data, 1)
	for len(data)%keccakRate != 0 {
		data = append(data, 0)
	}
	data[len(data)-1] |= 0x80

	var state [25]uint64
	for ; len(data) > 0; data = data[keccakRate:] {
		for i := 0; i < keccakRate/8; i++ {
			state[i] ^= binary.LittleEndian.Uint64(data[8*i:])
		}
		permute(&state)
	}
	out := make([]byte, 32)
	for i := 0; i < 4; i++ {
		binary.LittleEndian.PutUint64(out[8*i:], state[i])
	}
	return out
}

func permute(a *[25]uint64) {
	for _, constant := range keccakRounds {
		var c [5]uint64
		for x := range c {
			c[x] = a[x] ^ a[x+5] ^ a[x+10] ^ a[x+15] ^ a[x+20]
		}
		for x := range c {
			d := c[(x+4)%5] ^ bits.RotateLeft64(c[(x+1)%5], 1)
			for y := 0; y < 25; y += 5 {
				a[x+y] ^= d
			}
		}
		x, y, lane := 1, 0, a[1]
		for t := 1; t <= 24; t++ {
			x, y = y, (2*x+3*y)%5
			lane, a[x+5*y] = a[x+5*y], bits.RotateLeft64(lane, t*(t+1)/2)
		}
		for y := 0; y < 25; y += 5 {
			var row [5]uint64
			copy(row[:], a[y:y+5])
			for x := range row {
				a[x+y] = row[x] ^ ^row[(x+1)%5]&row[(x+2)%5]
			}
		}
		a[0] ^= constant
	}
}
