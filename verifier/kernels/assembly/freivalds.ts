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
    for (let c: usize = 0; c < columns; c++) {
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
    for (let c: usize = 0; c < columns; c++) {
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
  let largest: i32 = 0
  for (let i: usize = 0; i < count; i++) {
    const value = <i32>load<i8>(values + i)
    largest = max(largest, value < 0 ? -value : value)
  }
  return largest
}
