// What lies between two linear ops of an exact-integer model, in one pass: the same IEEE 754 binary32 operations as its
// single steps, each rounded once to nearest even, so the same bits.

/** 1.5 · 2^23: adding it rounds a float of less than 2^22 to nearest even, and leaves the whole number in the low bits. */
const MAGIC: f32 = 12_582_912

/** Four elements: f32 → Round, as int32; far outside of what is clipped afterwards it stays at ±1000. */
// @ts-ignore: decorator
@inline function rounded(scaled: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(scaled, f32x4.splat(-1000)), f32x4.splat(1000))
  return i32x4.sub(f32x4.add(bounded, f32x4.splat(MAGIC)), f32x4.splat(MAGIC))
}

/** Eight whole numbers: + 128 → Clip(least, 255), and the same around 0. */
// @ts-ignore: decorator
@inline function put8(low: v128, high: v128, least: v128, out: usize, signed: usize): void {
  const shifted = i16x8.add(i16x8.narrow_i32x4_s(low, high), i16x8.splat(128))
  const words = i16x8.min_s(i16x8.max_s(shifted, least), i16x8.splat(255))
  const bytes = i8x16.narrow_i16x8_u(words, words)
  v128.store64_lane(out, bytes, 0)
  v128.store64_lane(signed, v128.xor(bytes, i8x16.splat(-128)), 0)
}

// @ts-ignore: decorator
@inline function one(scaled: f32, least: f32, out: usize, signed: usize): void {
  const byte = <u8>min<f32>(max<f32>(nearest<f32>(scaled) + 128, least), 255)
  store<u8>(out, byte)
  store<u8>(signed, byte ^ 128)
}

/**
 * int32 accumulators → uint8 around 128, and the same around 0. `bias`: n int32, or 0 for none; `factors`: n float32, or
 * one (`step` 0). `acc` is m × n in rows.
 */
export function requantise(acc: usize, m: usize, n: usize, bias: usize, factors: usize, step: usize, least: f32, out: usize, signed: usize): void {
  const floor = i16x8.splat(<i16>least)
  for (let i: usize = 0; i < m; i++) {
    const row = acc + ((i * n) << 2)
    const at = i * n
    let j: usize = 0
    for (; j + 8 <= n; j += 8) {
      let low = v128.load(row + (j << 2))
      let high = v128.load(row + (j << 2), 16)
      if (bias != 0) {
        low = i32x4.add(low, v128.load(bias + (j << 2)))
        high = i32x4.add(high, v128.load(bias + (j << 2), 16))
      }
      const f0 = step == 0 ? v128.load32_splat(factors) : v128.load(factors + (j << 2))
      const f1 = step == 0 ? f0 : v128.load(factors + (j << 2), 16)
      const a = rounded(f32x4.mul(f32x4.convert_i32x4_s(low), f0))
      const b = rounded(f32x4.mul(f32x4.convert_i32x4_s(high), f1))
      put8(a, b, floor, out + at + j, signed + at + j)
    }
    for (; j < n; j++) {
      const word = load<i32>(row + (j << 2)) + (bias == 0 ? 0 : load<i32>(bias + (j << 2)))
      one(<f32>word * load<f32>(factors + (step == 0 ? 0 : j << 2)), least, out + at + j, signed + at + j)
    }
  }
}

/** float32 → uint8 around 128, and the same around 0: the input of a model. */
export function quantise(x: usize, count: usize, factor: f32, least: f32, out: usize, signed: usize): void {
  const floor = i16x8.splat(<i16>least)
  const factors = f32x4.splat(factor)
  let j: usize = 0
  for (; j + 8 <= count; j += 8) {
    const a = rounded(f32x4.mul(v128.load(x + (j << 2)), factors))
    const b = rounded(f32x4.mul(v128.load(x + (j << 2), 16), factors))
    put8(a, b, floor, out + j, signed + j)
  }
  for (; j < count; j++) one(load<f32>(x + (j << 2)) * factor, least, out + j, signed + j)
}

/** int32 accumulators → float32: the output of a model. */
export function scale(acc: usize, m: usize, n: usize, bias: usize, factors: usize, step: usize, out: usize): void {
  for (let i: usize = 0; i < m; i++) {
    const row = acc + ((i * n) << 2)
    const to = out + ((i * n) << 2)
    let j: usize = 0
    for (; j + 4 <= n; j += 4) {
      let words = v128.load(row + (j << 2))
      if (bias != 0) words = i32x4.add(words, v128.load(bias + (j << 2)))
      const f = step == 0 ? v128.load32_splat(factors) : v128.load(factors + (j << 2))
      v128.store(to + (j << 2), f32x4.mul(f32x4.convert_i32x4_s(words), f))
    }
    for (; j < n; j++) {
      const word = load<i32>(row + (j << 2)) + (bias == 0 ? 0 : load<i32>(bias + (j << 2)))
      store<f32>(to + (j << 2), <f32>word * load<f32>(factors + (step == 0 ? 0 : j << 2)))
    }
  }
}
