// SHA-256 (FIPS 180-4) in AssemblyScript: one message at a time, and four at once in the lanes of a SIMD register, which
// is what a Merkle tree's many short messages want. Memory is laid out by the caller; nothing is allocated here.

const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])
const INITIAL = memory.data<u32>([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19])
/** The message schedule of one message, its round constants added. */
const SCHEDULE = memory.data(256)
/** Words of the schedule of four messages, and the same with the round constants added. */
const W = memory.data(1024, 16)
const KW = memory.data(1024, 16)
/** The state of one message, and of four. */
const STATE = memory.data(32)
const STATES = memory.data(128, 16)
/** The padded ends of four messages: prefix, 0x80 and length put behind what does not fill a block. */
const SCRATCH_BYTES: usize = 65_536 + 192
const SCRATCH = memory.data(4 * 65_728, 16)

// @ts-ignore: decorator
@inline function temp1(e: u32, f: u32, g: u32, h: u32): u32 {
  return h + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + (g ^ (e & (f ^ g)))
}

// @ts-ignore: decorator
@inline function temp2(a: u32, b: u32, c: u32): u32 {
  return (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) | (c & (a | b)))
}

// @ts-ignore: decorator
@inline function rotate(x: v128, n: i32): v128 {
  return v128.or(i32x4.shr_u(x, n), i32x4.shl(x, 32 - n))
}

// @ts-ignore: decorator
@inline function temp1x4(e: v128, f: v128, g: v128, h: v128): v128 {
  const sigma = v128.xor(v128.xor(rotate(e, 6), rotate(e, 11)), rotate(e, 25))
  return i32x4.add(i32x4.add(h, sigma), v128.bitselect(f, g, e))
}

// @ts-ignore: decorator
@inline function temp2x4(a: v128, b: v128, c: v128): v128 {
  const sigma = v128.xor(v128.xor(rotate(a, 2), rotate(a, 13)), rotate(a, 22))
  return i32x4.add(sigma, v128.bitselect(c, a, v128.xor(a, b)))
}

/** One block of one message into STATE. */
function compress(block: usize): void {
  for (let i: usize = 0; i < 16; i++) store<u32>(SCHEDULE + (i << 2), bswap<u32>(load<u32>(block + (i << 2))))
  for (let i: usize = 16; i < 64; i++) {
    const w15 = load<u32>(SCHEDULE + ((i - 15) << 2))
    const w2 = load<u32>(SCHEDULE + ((i - 2) << 2))
    const s0 = rotr<u32>(w15, 7) ^ rotr<u32>(w15, 18) ^ (w15 >>> 3)
    const s1 = rotr<u32>(w2, 17) ^ rotr<u32>(w2, 19) ^ (w2 >>> 10)
    const word = load<u32>(SCHEDULE + ((i - 16) << 2)) + s0 + load<u32>(SCHEDULE + ((i - 7) << 2)) + s1
    store<u32>(SCHEDULE + (i << 2), word)
  }
  for (let i: usize = 0; i < 64; i++) {
    store<u32>(SCHEDULE + (i << 2), load<u32>(SCHEDULE + (i << 2)) + load<u32>(K + (i << 2)))
  }
  let a = load<u32>(STATE)
  let b = load<u32>(STATE + 4)
  let c = load<u32>(STATE + 8)
  let d = load<u32>(STATE + 12)
  let e = load<u32>(STATE + 16)
  let f = load<u32>(STATE + 20)
  let g = load<u32>(STATE + 24)
  let h = load<u32>(STATE + 28)
  for (let i: usize = 0; i < 64; i += 8) {
    let t: u32
    t = temp1(e, f, g, h) + load<u32>(SCHEDULE + ((i + 0) << 2))
    d += t
    h = t + temp2(a, b, c)
    t = temp1(d, e, f, g) + load<u32>(SCHEDULE + ((i + 1) << 2))
    c += t
    g = t + temp2(h, a, b)
    t = temp1(c, d, e, f) + load<u32>(SCHEDULE + ((i + 2) << 2))
    b += t
    f = t + temp2(g, h, a)
    t = temp1(b, c, d, e) + load<u32>(SCHEDULE + ((i + 3) << 2))
    a += t
    e = t + temp2(f, g, h)
    t = temp1(a, b, c, d) + load<u32>(SCHEDULE + ((i + 4) << 2))
    h += t
    d = t + temp2(e, f, g)
    t = temp1(h, a, b, c) + load<u32>(SCHEDULE + ((i + 5) << 2))
    g += t
    c = t + temp2(d, e, f)
    t = temp1(g, h, a, b) + load<u32>(SCHEDULE + ((i + 6) << 2))
    f += t
    b = t + temp2(c, d, e)
    t = temp1(f, g, h, a) + load<u32>(SCHEDULE + ((i + 7) << 2))
    e += t
    a = t + temp2(b, c, d)
  }
  store<u32>(STATE, load<u32>(STATE) + a)
  store<u32>(STATE + 4, load<u32>(STATE + 4) + b)
  store<u32>(STATE + 8, load<u32>(STATE + 8) + c)
  store<u32>(STATE + 12, load<u32>(STATE + 12) + d)
  store<u32>(STATE + 16, load<u32>(STATE + 16) + e)
  store<u32>(STATE + 20, load<u32>(STATE + 20) + f)
  store<u32>(STATE + 24, load<u32>(STATE + 24) + g)
  store<u32>(STATE + 28, load<u32>(STATE + 28) + h)
}

/** One block of four messages, `stride` apart, into STATES; lanes that `live` masks out keep their state. */
function compressFour(block: usize, live: v128): void {
  for (let q: usize = 0; q < 4; q++) {
    const r0 = bigEndian(v128.load(block + (q << 4)))
    const r1 = bigEndian(v128.load(block + SCRATCH_BYTES + (q << 4)))
    const r2 = bigEndian(v128.load(block + 2 * SCRATCH_BYTES + (q << 4)))
    const r3 = bigEndian(v128.load(block + 3 * SCRATCH_BYTES + (q << 4)))
    const lo01 = v128.shuffle<u32>(r0, r1, 0, 4, 1, 5)
    const lo23 = v128.shuffle<u32>(r2, r3, 0, 4, 1, 5)
    const hi01 = v128.shuffle<u32>(r0, r1, 2, 6, 3, 7)
    const hi23 = v128.shuffle<u32>(r2, r3, 2, 6, 3, 7)
    const at = W + (q << 6)
    v128.store(at, v128.shuffle<u64>(lo01, lo23, 0, 2))
    v128.store(at + 16, v128.shuffle<u64>(lo01, lo23, 1, 3))
    v128.store(at + 32, v128.shuffle<u64>(hi01, hi23, 0, 2))
    v128.store(at + 48, v128.shuffle<u64>(hi01, hi23, 1, 3))
  }
  for (let i: usize = 16; i < 64; i++) {
    const w15 = v128.load(W + ((i - 15) << 4))
    const w2 = v128.load(W + ((i - 2) << 4))
    const s0 = v128.xor(v128.xor(rotate(w15, 7), rotate(w15, 18)), i32x4.shr_u(w15, 3))
    const s1 = v128.xor(v128.xor(rotate(w2, 17), rotate(w2, 19)), i32x4.shr_u(w2, 10))
    const older = i32x4.add(v128.load(W + ((i - 16) << 4)), v128.load(W + ((i - 7) << 4)))
    v128.store(W + (i << 4), i32x4.add(older, i32x4.add(s0, s1)))
  }
  for (let i: usize = 0; i < 64; i++) {
    v128.store(KW + (i << 4), i32x4.add(v128.load(W + (i << 4)), v128.load32_splat(K + (i << 2))))
  }
  let a = v128.load(STATES)
  let b = v128.load(STATES + 16)
  let c = v128.load(STATES + 32)
  let d = v128.load(STATES + 48)
  let e = v128.load(STATES + 64)
  let f = v128.load(STATES + 80)
  let g = v128.load(STATES + 96)
  let h = v128.load(STATES + 112)
  for (let i: usize = 0; i < 64; i += 8) {
    let t: v128
    t = i32x4.add(temp1x4(e, f, g, h), v128.load(KW + ((i + 0) << 4)))
    d = i32x4.add(d, t)
    h = i32x4.add(t, temp2x4(a, b, c))
    t = i32x4.add(temp1x4(d, e, f, g), v128.load(KW + ((i + 1) << 4)))
    c = i32x4.add(c, t)
    g = i32x4.add(t, temp2x4(h, a, b))
    t = i32x4.add(temp1x4(c, d, e, f), v128.load(KW + ((i + 2) << 4)))
    b = i32x4.add(b, t)
    f = i32x4.add(t, temp2x4(g, h, a))
    t = i32x4.add(temp1x4(b, c, d, e), v128.load(KW + ((i + 3) << 4)))
    a = i32x4.add(a, t)
    e = i32x4.add(t, temp2x4(f, g, h))
    t = i32x4.add(temp1x4(a, b, c, d), v128.load(KW + ((i + 4) << 4)))
    h = i32x4.add(h, t)
    d = i32x4.add(t, temp2x4(e, f, g))
    t = i32x4.add(temp1x4(h, a, b, c), v128.load(KW + ((i + 5) << 4)))
    g = i32x4.add(g, t)
    c = i32x4.add(t, temp2x4(d, e, f))
    t = i32x4.add(temp1x4(g, h, a, b), v128.load(KW + ((i + 6) << 4)))
    f = i32x4.add(f, t)
    b = i32x4.add(t, temp2x4(c, d, e))
    t = i32x4.add(temp1x4(f, g, h, a), v128.load(KW + ((i + 7) << 4)))
    e = i32x4.add(e, t)
    a = i32x4.add(t, temp2x4(b, c, d))
  }
  keep(STATES, a, live)
  keep(STATES + 16, b, live)
  keep(STATES + 32, c, live)
  keep(STATES + 48, d, live)
  keep(STATES + 64, e, live)
  keep(STATES + 80, f, live)
  keep(STATES + 96, g, live)
  keep(STATES + 112, h, live)
}

// @ts-ignore: decorator
@inline function bigEndian(words: v128): v128 {
  return v128.shuffle<u8>(words, words, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
}

// @ts-ignore: decorator
@inline function keep(at: usize, added: v128, live: v128): void {
  const before = v128.load(at)
  v128.store(at, i32x4.add(before, v128.and(added, live)))
}

/** Writes prefix (unless negative) ‖ message ‖ padding to `to`; returns the number of blocks. `length` < 65,536. */
function pad(to: usize, prefix: i32, message: usize, length: usize): usize {
  let total = length
  let at = to
  if (prefix >= 0) {
    store<u8>(to, <u8>prefix)
    at++
    total++
  }
  memory.copy(at, message, length)
  at += length
  const blocks = (total + 8) / 64 + 1
  const end = to + blocks * 64
  store<u8>(at, 0x80)
  memory.fill(at + 1, 0, end - at - 1)
  store<u64>(end - 8, bswap<u64>((<u64>total) << 3))
  return blocks
}

/** SHA-256 of `length` < 65,536 bytes at `message` to the 32 bytes at `out`. */
export function sha256(message: usize, length: usize, out: usize): void {
  memory.copy(STATE, INITIAL, 32)
  const whole = length / 64
  for (let i: usize = 0; i < whole; i++) compress(message + i * 64)
  // Only the end needs padding; its length field is that of the whole message.
  const blocks = pad(SCRATCH, -1, message + whole * 64, length - whole * 64)
  store<u64>(SCRATCH + blocks * 64 - 8, bswap<u64>((<u64>length) << 3))
  for (let i: usize = 0; i < blocks; i++) compress(SCRATCH + i * 64)
  for (let i: usize = 0; i < 8; i++) store<u32>(out + (i << 2), bswap<u32>(load<u32>(STATE + (i << 2))))
}

/** Hashes the four messages padded in SCRATCH; the first `count` digests go to `out`. */
function digestFour(b0: usize, b1: usize, b2: usize, b3: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < 8; i++) v128.store(STATES + (i << 4), v128.load32_splat(INITIAL + (i << 2)))
  const blocks = i32x4(<i32>b0, <i32>b1, <i32>b2, <i32>b3)
  const most = max(max(b0, b1), max(b2, b3))
  for (let i: usize = 0; i < most; i++) compressFour(SCRATCH + i * 64, i32x4.gt_s(blocks, i32x4.splat(<i32>i)))
  for (let lane: usize = 0; lane < count; lane++) {
    for (let i: usize = 0; i < 8; i++) {
      store<u32>(out + (lane << 5) + (i << 2), bswap<u32>(load<u32>(STATES + (i << 4) + (lane << 2))))
    }
  }
}

/** Leaf hashes SHA-256(0x00 ‖ entry) of `count` entries, each after its 16-bit length, to 32·count bytes at `out`. Returns the bytes read. */
export function leafHashes(bundle: usize, count: usize, out: usize): usize {
  let at = bundle
  for (let done: usize = 0; done < count; done += 4) {
    const lanes = min<usize>(4, count - done)
    let b0: usize = 0
    let b1: usize = 0
    let b2: usize = 0
    let b3: usize = 0
    for (let lane: usize = 0; lane < lanes; lane++) {
      const length = <usize>bswap<u16>(load<u16>(at))
      const blocks = pad(SCRATCH + lane * SCRATCH_BYTES, 0, at + 2, length)
      at += 2 + length
      if (lane == 0) b0 = blocks
      else if (lane == 1) b1 = blocks
      else if (lane == 2) b2 = blocks
      else b3 = blocks
    }
    digestFour(b0, b1, b2, b3, lanes, out + (done << 5))
  }
  return at - bundle
}

/** Node hashes SHA-256(0x01 ‖ left ‖ right) of `pairs` pairs of hashes in a row at `hashes`, to 32·pairs bytes at `out`. */
export function nodeHashes(hashes: usize, pairs: usize, out: usize): void {
  for (let done: usize = 0; done < pairs; done += 4) {
    const lanes = min<usize>(4, pairs - done)
    for (let lane: usize = 0; lane < lanes; lane++) {
      pad(SCRATCH + lane * SCRATCH_BYTES, 1, hashes + ((done + lane) << 6), 64)
    }
    digestFour(2, 2, 2, 2, lanes, out + (done << 5))
  }
}
