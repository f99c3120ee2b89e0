// Projections of Freivalds' check in the ring Z/2^64: every product and sum wraps. Vectors of coins are signed 32-bit,
// stored column by column, so that SIMD's 32×32→64 multiply does the work where rows are long.

// @ts-ignore: decorator
@inline function sum(lanes: v128): i64 {
  return i64x2.extract_lane(lanes, 0) + i64x2.extract_lane(lanes, 1)
}

/** W·R: `w` is k × n of int8 in rows, `r` n × columns of int32 in columns; k × columns of int64 in columns to `out`. */
export function projectWeights(w: usize, k: usize, n: usize, r: usize, columns: usize, out: usize): void {
  for (let i: usize = 0; i < k; i++) {
    const row = w + i * n
    for (let c: usize = 0; c < columns; c++) {
      const coins = r + ((c * n) << 2)
      let a = i64x2.splat(0)
      let b = i64x2.splat(0)
      let j: usize = 0
      for (; j + 8 <= n; j += 8) {
        const words = v128.load8x8_s(row + j)
        const low = i32x4.extend_low_i16x8_s(words)
        const high = i32x4.extend_high_i16x8_s(words)
        const r0 = v128.load(coins + (j << 2))
        const r1 = v128.load(coins + (j << 2) + 16)
        a = i64x2.add(a, i64x2.add(i64x2.extmul_low_i32x4_s(low, r0), i64x2.extmul_high_i32x4_s(low, r0)))
        b = i64x2.add(b, i64x2.add(i64x2.extmul_low_i32x4_s(high, r1), i64x2.extmul_high_i32x4_s(high, r1)))
      }
      let total = sum(i64x2.add(a, b))
      for (; j < n; j++) total += <i64>load<i8>(row + j) * <i64>load<i32>(coins + (j << 2))
      store<i64>(out + ((c * k + i) << 3), total)
    }
  }
}

/** Y·R: `y` is m × n of int32 in rows; m × columns of int64 in rows to `out`. */
export function projectTrace(y: usize, m: usize, n: usize, r: usize, columns: usize, out: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const row = y + ((i * n) << 2)
    let c: usize = 0
    // Two columns at a time: each value is loaded once for both.
    for (; c + 2 <= columns; c += 2) {
      const coins = r + ((c * n) << 2)
      const others = coins + (n << 2)
      let a = i64x2.splat(0)
      let b = i64x2.splat(0)
      let j: usize = 0
      for (; j + 8 <= n; j += 8) {
        const at = j << 2
        const low = v128.load(row + at)
        const high = v128.load(row + at, 16)
        const r0 = v128.load(coins + at)
        const r1 = v128.load(coins + at, 16)
        const s0 = v128.load(others + at)
        const s1 = v128.load(others + at, 16)
        a = i64x2.add(a, i64x2.add(i64x2.extmul_low_i32x4_s(low, r0), i64x2.extmul_high_i32x4_s(low, r0)))
        b = i64x2.add(b, i64x2.add(i64x2.extmul_low_i32x4_s(low, s0), i64x2.extmul_high_i32x4_s(low, s0)))
        a = i64x2.add(a, i64x2.add(i64x2.extmul_low_i32x4_s(high, r1), i64x2.extmul_high_i32x4_s(high, r1)))
        b = i64x2.add(b, i64x2.add(i64x2.extmul_low_i32x4_s(high, s1), i64x2.extmul_high_i32x4_s(high, s1)))
      }
      let first = sum(a)
      let second = sum(b)
      for (; j < n; j++) {
        const value = <i64>load<i32>(row + (j << 2))
        first += value * <i64>load<i32>(coins + (j << 2))
        second += value * <i64>load<i32>(others + (j << 2))
      }
      store<i64>(out + ((i * columns + c) << 3), first)
      store<i64>(out + ((i * columns + c) << 3), second, 8)
    }
    for (; c < columns; c++) {
      const coins = r + ((c * n) << 2)
      let a = i64x2.splat(0)
      let b = i64x2.splat(0)
      let j: usize = 0
      for (; j + 4 <= n; j += 4) {
        const values = v128.load(row + (j << 2))
        const r0 = v128.load(coins + (j << 2))
        a = i64x2.add(a, i64x2.extmul_low_i32x4_s(values, r0))
        b = i64x2.add(b, i64x2.extmul_high_i32x4_s(values, r0))
      }
      let total = sum(i64x2.add(a, b))
      for (; j < n; j++) total += <i64>load<i32>(row + (j << 2)) * <i64>load<i32>(coins + (j << 2))
      store<i64>(out + ((i * columns + c) << 3), total)
    }
  }
}

/** Elements of x that sums of 16-bit products hold in 32 bits: 255 · 2 · 2^7 · 2^15 < 2^31. */
const BLOCK: usize = 8 * 255

/**
 * W·R for `projectInput`: each of `count` int64 as four signed 16-bit digits, so that SIMD's 16-bit dot product does the
 * work. Column by column, digit by digit, each `stride` (count rounded up to 8) int16 with zeros behind.
 */
export function splitDigits(wr: usize, count: usize, columns: usize, out: usize): void {
  const stride = (count + 7) & ~7
  memory.fill(out, 0, columns * stride << 3)
  for (let c: usize = 0; c < columns; c++) {
    const to = out + ((c * stride) << 3)
    for (let j: usize = 0; j < count; j++) {
      let rest = load<i64>(wr + ((c * count + j) << 3))
      for (let d: usize = 0; d < 4; d++) {
        const digit = <i16>rest
        store<i16>(to + ((d * stride + j) << 1), digit)
        rest = (rest - <i64>digit) >> 16
      }
    }
  }
}

// @ts-ignore: decorator
@inline function sum32(lanes: v128): i64 {
  return sum(i64x2.add(i64x2.extend_low_i32x4_s(lanes), i64x2.extend_high_i32x4_s(lanes)))
}

/**
 * X·(W·R): `x` is m × k of int8 in rows, with 8 readable bytes behind; `digits` of W·R from `splitDigits`; m × columns of
 * int64 in rows to `out`.
 */
export function projectInput(x: usize, m: usize, k: usize, digits: usize, columns: usize, out: usize): void {
  const stride = (k + 7) & ~7
  const plane = stride << 1
  for (let i: usize = 0; i < m; i++) {
    const row = x + i * k
    for (let c: usize = 0; c < columns; c++) {
      const first = digits + c * (plane << 2)
      let total: i64 = 0
      // Behind the row's end the digits are zero: what is read there does not count.
      for (let from: usize = 0; from < stride; from += BLOCK) {
        const to = min(from + BLOCK, stride)
        let a = i32x4.splat(0)
        let b = i32x4.splat(0)
        let e = i32x4.splat(0)
        let f = i32x4.splat(0)
        for (let j = from; j < to; j += 8) {
          const words = v128.load8x8_s(row + j)
          const at = first + (j << 1)
          a = i32x4.add(a, i32x4.dot_i16x8_s(words, v128.load(at)))
          b = i32x4.add(b, i32x4.dot_i16x8_s(words, v128.load(at + plane)))
          e = i32x4.add(e, i32x4.dot_i16x8_s(words, v128.load(at + (plane << 1))))
          f = i32x4.add(f, i32x4.dot_i16x8_s(words, v128.load(at + plane + (plane << 1))))
        }
        total += sum32(a) + (sum32(b) << 16) + (sum32(e) << 32) + (sum32(f) << 48)
      }
      store<i64>(out + ((i * columns + c) << 3), total)
    }
  }
}

/** Whether `count` int64 are the same in two places. */
export function same(a: usize, b: usize, count: usize): bool {
  for (let i: usize = 0; i < count; i++) if (load<i64>(a + (i << 3)) != load<i64>(b + (i << 3))) return false
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
