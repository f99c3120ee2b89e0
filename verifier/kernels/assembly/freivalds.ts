// Projections of Freivalds' check in the ring Z/2^64: every product and sum wraps. Vectors of coins are signed 32-bit,
// stored column by column, so that SIMD's 32×32→64 multiply does the work where rows are long.

// @ts-ignore: decorator
@inline function sum(lanes: v128): i64 {
  return i64x2.extract_lane(lanes, 0) + i64x2.extract_lane(lanes, 1)
}

/** Elements of int8 whose products with 16-bit digits a sum of pairs holds in 32 bits: 255 · 2 · 2^7 · 2^15 < 2^31. */
const BLOCK: usize = 8 * 255

// @ts-ignore: decorator
@inline function sum32(lanes: v128): i64 {
  return sum(i64x2.add(i64x2.extend_low_i32x4_s(lanes), i64x2.extend_high_i32x4_s(lanes)))
}

/**
 * Coins for `projectWeights`: column by column, of each whole 8 words first the lower halves less 2^15, then the upper
 * ones, 32 bytes. What is less is given back by the weights' own sum.
 */
function splitCoins(r: usize, n: usize, columns: usize, out: usize): void {
  const whole = n & ~7
  for (let c: usize = 0; c < columns; c++) {
    const from = r + ((c * n) << 2)
    const to = out + ((c * whole) << 2)
    for (let j: usize = 0; j < whole; j++) {
      const word = load<i32>(from + (j << 2))
      const at = to + ((j & ~7) << 2) + ((j & 7) << 1)
      store<i16>(at, <i16>((word & 0xffff) - 0x8000))
      store<i16>(at + 16, <i16>(word >> 16))
    }
  }
}

// @ts-ignore: decorator
@inline function wordSum(low: v128, high: v128, weights: i64): i64 {
  return sum32(low) + (sum32(high) << 16) + (weights << 15)
}

/**
 * W·R: `w` is k × n of int8 in rows, `r` n × columns of int32 in columns; k × columns of int64 in columns to `out`.
 * `halves`: room for 4 · n · columns bytes.
 */
export function projectWeights(w: usize, k: usize, n: usize, r: usize, columns: usize, halves: usize, out: usize): void {
  splitCoins(r, n, columns, halves)
  const whole = n & ~7
  const column = whole << 2
  const ones = i16x8.splat(1)
  for (let i: usize = 0; i < k; i++) {
    const row = w + i * n
    let c: usize = 0
    // Two columns at a time: each weight is widened once for both.
    for (; c < columns; c += 2) {
      const pair = c + 1 < columns
      let half = halves + c * column
      // Without a second column the first is taken twice.
      let other = pair ? half + column : half
      let weight = row
      let first: i64 = 0
      let second: i64 = 0
      for (let from: usize = 0; from < whole; from += BLOCK) {
        const end = weight + min(BLOCK, whole - from)
        let s = i32x4.splat(0)
        let a = i32x4.splat(0)
        let b = i32x4.splat(0)
        let e = i32x4.splat(0)
        let f = i32x4.splat(0)
        while (weight < end) {
          const words = v128.load8x8_s(weight)
          s = i32x4.add(s, i32x4.dot_i16x8_s(words, ones))
          a = i32x4.add(a, i32x4.dot_i16x8_s(words, v128.load(half)))
          b = i32x4.add(b, i32x4.dot_i16x8_s(words, v128.load(half, 16)))
          e = i32x4.add(e, i32x4.dot_i16x8_s(words, v128.load(other)))
          f = i32x4.add(f, i32x4.dot_i16x8_s(words, v128.load(other, 16)))
          weight += 8
          half += 32
          other += 32
        }
        const weights = sum32(s)
        first += wordSum(a, b, weights)
        second += wordSum(e, f, weights)
      }
      const coins = r + ((c * n) << 2)
      const others = pair ? coins + (n << 2) : coins
      for (let j = whole; j < n; j++) {
        const value = <i64>load<i8>(row + j)
        first += value * <i64>load<i32>(coins + (j << 2))
        second += value * <i64>load<i32>(others + (j << 2))
      }
      store<i64>(out + ((c * k + i) << 3), first)
      if (pair) store<i64>(out + (((c + 1) * k + i) << 3), second)
    }
  }
}

/** Y·R: `y` is m × n of int32 in rows; m × columns of int64 in rows to `out`. */
export function projectTrace(y: usize, m: usize, n: usize, r: usize, columns: usize, out: usize): void {
  let to = out
  for (let i: usize = 0; i < m; i++) {
    const row = y + ((i * n) << 2)
    let c: usize = 0
    // Two columns at a time: each value is loaded once for both.
    for (; c < columns; c += 2) {
      const pair = c + 1 < columns
      let value = row
      let coin = r + ((c * n) << 2)
      // Without a second column the first is taken twice.
      let other = pair ? coin + (n << 2) : coin
      let a = i64x2.splat(0)
      let b = i64x2.splat(0)
      let e = i64x2.splat(0)
      let f = i64x2.splat(0)
      let j: usize = 0
      for (; j + 8 <= n; j += 8) {
        const low = v128.load(value)
        const high = v128.load(value, 16)
        const r0 = v128.load(coin)
        const r1 = v128.load(coin, 16)
        const s0 = v128.load(other)
        const s1 = v128.load(other, 16)
        a = i64x2.add(a, i64x2.add(i64x2.extmul_low_i32x4_s(low, r0), i64x2.extmul_high_i32x4_s(low, r0)))
        b = i64x2.add(b, i64x2.add(i64x2.extmul_low_i32x4_s(low, s0), i64x2.extmul_high_i32x4_s(low, s0)))
        e = i64x2.add(e, i64x2.add(i64x2.extmul_low_i32x4_s(high, r1), i64x2.extmul_high_i32x4_s(high, r1)))
        f = i64x2.add(f, i64x2.add(i64x2.extmul_low_i32x4_s(high, s1), i64x2.extmul_high_i32x4_s(high, s1)))
        value += 32
        coin += 32
        other += 32
      }
      let first = sum(i64x2.add(a, e))
      let second = sum(i64x2.add(b, f))
      for (; j < n; j++) {
        const word = <i64>load<i32>(value)
        first += word * <i64>load<i32>(coin)
        second += word * <i64>load<i32>(other)
        value += 4
        coin += 4
        other += 4
      }
      store<i64>(to, first)
      if (pair) store<i64>(to, second, 8)
      to += pair ? 16 : 8
    }
  }
}

/**
 * W·R for `projectInput`: each of `count` int64 as four signed 16-bit digits, so that SIMD's 16-bit dot product does the
 * work. Column by column, of each 8 elements (zeros behind the last) first the lowest digits, then the next: 64 bytes.
 */
export function splitDigits(wr: usize, count: usize, columns: usize, out: usize): void {
  const stride = (count + 7) & ~7
  memory.fill(out, 0, columns * stride << 3)
  for (let c: usize = 0; c < columns; c++) {
    const to = out + ((c * stride) << 3)
    for (let j: usize = 0; j < count; j++) {
      let rest = load<i64>(wr + ((c * count + j) << 3))
      const at = to + ((j & ~7) << 3) + ((j & 7) << 1)
      for (let d: usize = 0; d < 4; d++) {
        const digit = <i16>rest
        store<i16>(at + (d << 4), digit)
        rest = (rest - <i64>digit) >> 16
      }
    }
  }
}

/** What sums of the four digits of words make together. */
// @ts-ignore: decorator
@inline function digitSum(d0: v128, d1: v128, d2: v128, d3: v128): i64 {
  return sum32(d0) + (sum32(d1) << 16) + (sum32(d2) << 32) + (sum32(d3) << 48)
}

/**
 * X·(W·R): `x` is m × k of int8 in rows, with 8 readable bytes behind; `digits` of W·R from `splitDigits`; m × columns of
 * int64 in rows to `out`.
 */
export function projectInput(x: usize, m: usize, k: usize, digits: usize, columns: usize, out: usize): void {
  const stride = (k + 7) & ~7
  const column = stride << 3
  let to = out
  for (let i: usize = 0; i < m; i++) {
    const row = x + i * k
    let c: usize = 0
    // Two columns at a time: each value is widened once for both.
    for (; c < columns; c += 2) {
      const pair = c + 1 < columns
      let value = row
      let digit = digits + c * column
      // Without a second column the first is taken twice.
      let other = pair ? digit + column : digit
      let first: i64 = 0
      let second: i64 = 0
      // Behind the row's end the digits are zero: what is read there does not count.
      for (let from: usize = 0; from < stride; from += BLOCK) {
        const end = value + min(BLOCK, stride - from)
        let a0 = i32x4.splat(0)
        let a1 = i32x4.splat(0)
        let a2 = i32x4.splat(0)
        let a3 = i32x4.splat(0)
        let b0 = i32x4.splat(0)
        let b1 = i32x4.splat(0)
        let b2 = i32x4.splat(0)
        let b3 = i32x4.splat(0)
        while (value < end) {
          const words = v128.load8x8_s(value)
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(words, v128.load(digit)))
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(words, v128.load(digit, 16)))
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(words, v128.load(digit, 32)))
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(words, v128.load(digit, 48)))
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(words, v128.load(other)))
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(words, v128.load(other, 16)))
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(words, v128.load(other, 32)))
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(words, v128.load(other, 48)))
          value += 8
          digit += 64
          other += 64
        }
        first += digitSum(a0, a1, a2, a3)
        second += digitSum(b0, b1, b2, b3)
      }
      store<i64>(to, first)
      if (pair) store<i64>(to, second, 8)
      to += pair ? 16 : 8
    }
  }
}

/** Whether `size` bytes are the same in two places. */
export function same(a: usize, b: usize, size: usize): bool {
  let i: usize = 0
  let differing = i8x16.splat(0)
  for (; i + 16 <= size; i += 16) differing = v128.or(differing, v128.xor(v128.load(a + i), v128.load(b + i)))
  if (v128.any_true(differing)) return false
  for (; i < size; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false
  return true
}

/** Largest absolute value of `count` int8. */
export function largestInt8(values: usize, count: usize): i32 {
  let lanes = i8x16.splat(0)
  let i: usize = 0
  // The absolute value of −128 is the byte 128: unsigned it is the largest.
  for (; i + 16 <= count; i += 16) lanes = i8x16.max_u(lanes, i8x16.abs(v128.load(values + i)))
  let largest: i32 = 0
  const low = i16x8.extend_low_i8x16_u(lanes)
  const both = i16x8.max_u(low, i16x8.extend_high_i8x16_u(lanes))
  for (let lane: u8 = 0; lane < 8; lane++) {
    // Lanes are named by constants: shift the wanted one to the front.
    largest = max(largest, <i32>v128.extract_lane<u16>(i8x16.swizzle(both, i16x8.splat(<i16>(2 * lane) | <i16>((2 * lane + 1) << 8))), 0))
  }
  for (; i < count; i++) {
    const value = <i32>load<i8>(values + i)
    largest = max(largest, value < 0 ? -value : value)
  }
  return largest
}
