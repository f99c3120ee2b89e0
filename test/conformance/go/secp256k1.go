package main

import (
	"crypto/sha256"
	"math/big"
)

// secp256k1, as far as recovering a signer needs it (SEC 1 §4.1.6, SEC 2 §2.4.1). Nothing secret: it need not be constant-time.

func hexNumber(digits string) *big.Int {
	n, ok := new(big.Int).SetString(digits, 16)
	if !ok {
		panic(digits)
	}
	return n
}

var (
	fieldPrime = hexNumber("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
	groupOrder = hexNumber("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	generator  = point{
		hexNumber("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
		hexNumber("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"),
		big.NewInt(1),
	}
)

// point is in Jacobian coordinates: x/z², y/z³; z = 0 is the point at infinity.
type point struct{ x, y, z *big.Int }

func mod(n *big.Int) *big.Int { return n.Mod(n, fieldPrime) }
func mul(a, b *big.Int) *big.Int {
	return mod(new(big.Int).Mul(a, b))
}
func sub(a, b *big.Int) *big.Int {
	return mod(new(big.Int).Sub(a, b))
}
func times(n int64, a *big.Int) *big.Int { return mod(new(big.Int).Mul(big.NewInt(n), a)) }

func (p point) double() point {
	if p.z.Sign() == 0 || p.y.Sign() == 0 {
		return point{big.NewInt(1), big.NewInt(1), big.NewInt(0)}
	}
	yy := mul(p.y, p.y)
	s := times(4, mul(p.x, yy))
	m := times(3, mul(p.x, p.x))
	x := sub(mul(m, m), times(2, s))
	y := sub(mul(m, sub(s, x)), times(8, mul(yy, yy)))
	return point{x, y, times(2, mul(p.y, p.z))}
}

func (p point) add(q point) point {
	if p.z.Sign() == 0 {
		return q
	}
	if q.z.Sign() == 0 {
		return p
	}
	pzz, qzz := mul(p.z, p.z), mul(q.z, q.z)
	u1, u2 := mul(p.x, qzz), mul(q.x, pzz)
	s1, s2 := mul(p.y, mul(qzz, q.z)), mul(q.y, mul(pzz, p.z))
	h, r := sub(u2, u1), sub(s2, s1)
	if h.Sign() == 0 {
		if r.Sign() == 0 {
			return p.double()
		}
		return point{big.NewInt(1), big.NewInt(1), big.NewInt(0)}
	}
	hh := mul(h, h)
	hhh, v := mul(h, hh), mul(u1, hh)
	x := sub(sub(mul(r, r), hhh), times(2, v))
	y := sub(mul(r, sub(v, x)), mul(s1, hhh))
	return point{x, y, mul(h, mul(p.z, q.z))}
}

// twoProducts is a·p + b·q.
func twoProducts(a *big.Int, p point, b *big.Int, q point) point {
	sum := point{big.NewInt(1), big.NewInt(1), big.NewInt(0)}
	both := p.add(q)
	for i := 255; i >= 0; i-- {
		sum = sum.double()
		switch a.Bit(i) + 2*b.Bit(i) {
		case 1:
			sum = sum.add(p)
		case 2:
			sum = sum.add(q)
		case 3:
			sum = sum.add(both)
		}
	}
	return sum
}

// signature is r, s and the parity of the point's y.
type signature struct {
	r, s   *big.Int
	parity uint
}

// strictSignature reads r ‖ s ‖ v as the module takes it: v 27 or 28, s in the lower half of the order. Nil for all others.
func strictSignature(bytes []byte) *signature {
	if len(bytes) != 65 || bytes[64] != 27 && bytes[64] != 28 {
		return nil
	}
	sig := &signature{new(big.Int).SetBytes(bytes[:32]), new(big.Int).SetBytes(bytes[32:64]), uint(bytes[64] - 27)}
	if new(big.Int).Lsh(sig.s, 1).Cmp(groupOrder) > 0 {
		return nil
	}
	return sig
}

var recovered = map[[32]byte]string{}

// recoverAddress is the lower-case address whose key signed a hash; "" when there is none.
func recoverAddress(hash []byte, sig *signature) string {
	if sig == nil || sig.r.Sign() == 0 || sig.s.Sign() == 0 || sig.r.Cmp(groupOrder) >= 0 || sig.s.Cmp(groupOrder) >= 0 {
		return ""
	}
	// Many logs in one process hold the same signatures.
	known := sha256.Sum256(append(append(append([]byte{byte(sig.parity)}, hash...), word(sig.r)...), word(sig.s)...))
	if address, ok := recovered[known]; ok {
		return address
	}
	address := recoverUncached(hash, sig)
	recovered[known] = address
	return address
}

func recoverUncached(hash []byte, sig *signature) string {
	// y² = x³ + 7; the prime is 3 mod 4, so that the root is a power.
	square := mod(new(big.Int).Add(mul(sig.r, mul(sig.r, sig.r)), big.NewInt(7)))
	exponent := new(big.Int).Rsh(new(big.Int).Add(fieldPrime, big.NewInt(1)), 2)
	y := new(big.Int).Exp(square, exponent, fieldPrime)
	if mul(y, y).Cmp(square) != 0 {
		return ""
	}
	if y.Bit(0) != sig.parity {
		y.Sub(fieldPrime, y)
	}
	inverse := new(big.Int).ModInverse(sig.r, groupOrder)
	factor := func(n *big.Int) *big.Int { n.Mul(n, inverse); return n.Mod(n, groupOrder) }
	a := factor(new(big.Int).Neg(new(big.Int).SetBytes(hash)))
	b := factor(new(big.Int).Set(sig.s))
	key := twoProducts(a, generator, b, point{sig.r, y, big.NewInt(1)})
	if key.z.Sign() == 0 {
		return ""
	}
	z := new(big.Int).ModInverse(key.z, fieldPrime)
	zz := mul(z, z)
	x, yy := mul(key.x, zz), mul(key.y, mul(zz, z))
	return "0x" + hexOf(keccak256(word(x), word(yy))[12:])
}
