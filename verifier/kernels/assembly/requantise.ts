// What lies between two linear ops of an exact-integer model, in one pass: the same IEEE 754 binary32 operations as its
// single steps, each rounded once to nearest even, so the same bits.

/** 1.5 · 2^23: adding it rounds a float of less than 2^22 to nearest even, and leaves the whole number in the low bits. */
const MAGIC: f32 = 12_582_912
/** Its bits, less the zero point. */
const FROM_ZERO: i32 = 0x4b40_0000 - 128

/** Four floats → Round → + 128, as int32; `wide`: they may reach 2^22, and far outside of what is clipped stay at ±1000. */
// @ts-ignore: decorator
@inline function shifted(x: v128, wide: bool): v128 {
  const near = wide ? f32x4.pmin(f32x4.pmax(x, f32x4.splat(-1000)), f32x4.splat(1000)) : x
  return i32x4.sub(f32x4.add(near, f32x4.splat(MAGIC)), i32x4.splat(FROM_ZERO))
}

/** Sixteen whole numbers → Clip(least, 255), around 0. */
// @ts-ignore: decorator
@inline function put16(a: v128, b: v128, c: v128, d: v128, least: v128, out: usize): void {
  const low = i16x8.max_s(i16x8.narrow_i32x4_s(a, b), least)
  const bytes = i8x16.narrow_i16x8_u(low, i16x8.max_s(i16x8.narrow_i32x4_s(c, d), least))
  v128.store(out, v128.xor(bytes, i8x16.splat(-128)))
}

// @ts-ignore: decorator
@inline function one(scaled: f32, least: f32, out: usize): void {
  store<u8>(out, <u8>min<f32>(max<f32>(nearest<f32>(scaled) + 128, least), 255) ^ 128)
}

/** Four accumulators, their bias added, times their factors. */
// @ts-ignore: decorator
@inline function scaled(words: v128, bias: v128, factors: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(words, bias)), factors)
}

/** Columns that are gone through together, so that their bias and factors stay near. */
const COLUMNS: usize = 1_024

// @ts-ignore: decorator
@inline function requantiseAll(acc: usize, m: usize, n: usize, bias: usize, factors: usize, least: f32, out: usize, wide: bool): void {
  const floor = i16x8.splat(<i16>least)
  for (let first: usize = 0; first < n; first += COLUMNS) {
    const count = min(COLUMNS, n - first)
    for (let i: usize = 0; i < m; i++) {
      const at = i * n + first
      let y = acc + (at << 2)
      let b = bias + (first << 2)
      let f = factors + (first << 2)
      let to = out + at
      let j: usize = 0
      for (; j + 16 <= count; j += 16) {
        const low = shifted(scaled(v128.load(y), v128.load(b), v128.load(f)), wide)
        const next = shifted(scaled(v128.load(y, 16), v128.load(b, 16), v128.load(f, 16)), wide)
        const high = shifted(scaled(v128.load(y, 32), v128.load(b, 32), v128.load(f, 32)), wide)
        const last = shifted(scaled(v128.load(y, 48), v128.load(b, 48), v128.load(f, 48)), wide)
        put16(low, next, high, last, floor, to)
        y += 64
        b += 64
        f += 64
        to += 16
      }
      for (; j < count; j++) {
        one(<f32>(load<i32>(y) + load<i32>(b)) * load<f32>(f), least, to)
        y += 4
        b += 4
        f += 4
        to++
      }
    }
  }
}

/**
 * int32 accumulators → int8: what uint8 around 128 means. `bias`: n int32, `factors`: n float32; `wide`: their
 * products may reach 2^22. `acc` is m × n in rows.
 */
export function requantise(acc: usize, m: usize, n: usize, bias: usize, factors: usize, wide: bool, least: f32, out: usize): void {
  if (wide) requantiseAll(acc, m, n, bias, factors, least, out, true)
  else requantiseAll(acc, m, n, bias, factors, least, out, false)
}

/** float32 → int8, the same way: the input of a model. */
export function quantise(x: usize, count: usize, factor: f32, least: f32, out: usize): void {
  const floor = i16x8.splat(<i16>least)
  const factors = f32x4.splat(factor)
  let j: usize = 0
  for (; j + 16 <= count; j += 16) {
    const at = x + (j << 2)
    const a = shifted(f32x4.mul(v128.load(at), factors), true)
    const b = shifted(f32x4.mul(v128.load(at, 16), factors), true)
    const c = shifted(f32x4.mul(v128.load(at, 32), factors), true)
    const d = shifted(f32x4.mul(v128.load(at, 48), factors), true)
    put16(a, b, c, d, floor, out + j)
  }
  for (; j < count; j++) one(load<f32>(x + (j << 2)) * factor, least, out + j)
}

/** int8 → uint8 around 128. */
export function fromZero(signed: usize, count: usize, out: usize): void {
  let j: usize = 0
  for (; j + 16 <= count; j += 16) v128.store(out + j, v128.xor(v128.load(signed + j), i8x16.splat(-128)))
  for (; j < count; j++) store<u8>(out + j, load<u8>(signed + j) ^ 128)
}

/** int32 accumulators → float32: the output of a model. */
export function scale(acc: usize, m: usize, n: usize, bias: usize, factors: usize, out: usize): void {
  let y = acc
  let to = out
  for (let i: usize = 0; i < m; i++) {
    let b = bias
    let f = factors
    let j: usize = 0
    for (; j + 4 <= n; j += 4) {
      v128.store(to, scaled(v128.load(y), v128.load(b), v128.load(f)))
      y += 16
      b += 16
      f += 16
      to += 16
    }
    for (; j < n; j++) {
      store<f32>(to, <f32>(load<i32>(y) + load<i32>(b)) * load<f32>(f))
      y += 4
      b += 4
      f += 4
      to += 4
    }
  }
}
