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

/** X·(W·R): `x` is m × k of int8 in rows, `wr` k × columns of int64 in columns; m × columns of int64 in rows to `out`. */
export function projectInput(x: usize, m: usize, k: usize, wr: usize, columns: usize, out: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const row = x + i * k
    let c: usize = 0
    for (; c + 2 <= columns; c += 2) {
      const projected = wr + ((c * k) << 3)
      const others = projected + (k << 3)
      let a: i64 = 0
      let b: i64 = 0
      let j: usize = 0
      for (; j + 4 <= k; j += 4) {
        const at = j << 3
        const x0 = <i64>load<i8>(row + j)
        const x1 = <i64>load<i8>(row + j, 1)
        const x2 = <i64>load<i8>(row + j, 2)
        const x3 = <i64>load<i8>(row + j, 3)
        a += x0 * load<i64>(projected + at) + x1 * load<i64>(projected + at, 8)
        b += x0 * load<i64>(others + at) + x1 * load<i64>(others + at, 8)
        a += x2 * load<i64>(projected + at, 16) + x3 * load<i64>(projected + at, 24)
        b += x2 * load<i64>(others + at, 16) + x3 * load<i64>(others + at, 24)
      }
      for (; j < k; j++) {
        const value = <i64>load<i8>(row + j)
        a += value * load<i64>(projected + (j << 3))
        b += value * load<i64>(others + (j << 3))
      }
      store<i64>(out + ((i * columns + c) << 3), a)
      store<i64>(out + ((i * columns + c) << 3), b, 8)
    }
    for (; c < columns; c++) {
      const projected = wr + ((c * k) << 3)
      let a: i64 = 0
      let b: i64 = 0
      let j: usize = 0
      for (; j + 2 <= k; j += 2) {
        a += <i64>load<i8>(row + j) * load<i64>(projected + (j << 3))
        b += <i64>load<i8>(row + j + 1) * load<i64>(projected + (j << 3) + 8)
      }
      if (j < k) a += <i64>load<i8>(row + j) * load<i64>(projected + (j << 3))
      store<i64>(out + ((i * columns + c) << 3), a + b)
    }
  }
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
