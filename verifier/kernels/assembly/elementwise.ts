// Steps of an exact-integer model that stand alone, element by element: the operations of their definitions
// (verifier/model/elementwise.ts), each rounded once to nearest even, so the same bits. Whole numbers of 64 bits are
// doubles here as there. The right operand is repeated every `period` elements; 1: one number for all.

const ADD = 0
const SUB = 1
const MUL = 2
const DIV = 3

// @ts-ignore: decorator
@inline function f32s(op: i32, x: v128, y: v128): v128 {
  if (op == ADD) return f32x4.add(x, y)
  if (op == SUB) return f32x4.sub(x, y)
  if (op == MUL) return f32x4.mul(x, y)
  return f32x4.div(x, y)
}

// @ts-ignore: decorator
@inline function i32s(op: i32, x: v128, y: v128): v128 {
  if (op == ADD) return i32x4.add(x, y)
  if (op == SUB) return i32x4.sub(x, y)
  return i32x4.mul(x, y)
}

// @ts-ignore: decorator
@inline function f64s(op: i32, x: v128, y: v128): v128 {
  if (op == ADD) return f64x2.add(x, y)
  if (op == SUB) return f64x2.sub(x, y)
  return f64x2.mul(x, y)
}

// @ts-ignore: decorator
@inline function one<T>(op: i32, x: T, y: T): T {
  if (op == ADD) return <T>(x + y)
  if (op == SUB) return <T>(x - y)
  if (op == MUL) return <T>(x * y)
  return <T>(x / y)
}

// @ts-ignore: decorator
@inline function lanes<T>(op: i32, x: v128, y: v128): v128 {
  if (isFloat<T>()) return sizeof<T>() == 4 ? f32s(op, x, y) : f64s(op, x, y)
  return i32s(op, x, y)
}

// @ts-ignore: decorator
@inline function splat<T>(y: T): v128 {
  return v128.splat<T>(y)
}

// @ts-ignore: decorator
@inline function each<T>(op: i32, a: usize, b: usize, period: usize, count: usize, out: usize): void {
  const size = sizeof<T>()
  const step = 16 / size
  if (period == 1) {
    const y = load<T>(b)
    const all = splat<T>(y)
    let i: usize = 0
    for (; i + step <= count; i += step) v128.store(out + i * size, lanes<T>(op, v128.load(a + i * size), all))
    for (; i < count; i++) store<T>(out + i * size, one<T>(op, load<T>(a + i * size), y))
    return
  }
  for (let from: usize = 0; from < count; from += period) {
    const left = a + from * size
    const to = out + from * size
    let j: usize = 0
    for (; j + step <= period; j += step) {
      const at = j * size
      v128.store(to + at, lanes<T>(op, v128.load(left + at), v128.load(b + at)))
    }
    for (; j < period; j++) {
      const at = j * size
      store<T>(to + at, one<T>(op, load<T>(left + at), load<T>(b + at)))
    }
  }
}

export function addF32(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<f32>(ADD, a, b, period, count, out) }
export function mulF32(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<f32>(MUL, a, b, period, count, out) }
export function divF32(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<f32>(DIV, a, b, period, count, out) }
export function addI32(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<i32>(ADD, a, b, period, count, out) }
export function subI32(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<i32>(SUB, a, b, period, count, out) }
export function mulI32(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<i32>(MUL, a, b, period, count, out) }
export function addF64(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<f64>(ADD, a, b, period, count, out) }
export function subF64(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<f64>(SUB, a, b, period, count, out) }
export function mulF64(a: usize, b: usize, period: usize, count: usize, out: usize): void { each<f64>(MUL, a, b, period, count, out) }

/** Round half to even. */
export function roundF32(a: usize, count: usize, out: usize): void {
  let i: usize = 0
  for (; i + 4 <= count; i += 4) v128.store(out + (i << 2), f32x4.nearest(v128.load(a + (i << 2))))
  for (; i < count; i++) store<f32>(out + (i << 2), nearest<f32>(load<f32>(a + (i << 2))))
}

export function clampF32(a: usize, count: usize, out: usize, least: f32, most: f32): void {
  const low = f32x4.splat(least)
  const high = f32x4.splat(most)
  let i: usize = 0
  for (; i + 4 <= count; i += 4) v128.store(out + (i << 2), f32x4.min(f32x4.max(v128.load(a + (i << 2)), low), high))
  for (; i < count; i++) store<f32>(out + (i << 2), min<f32>(max<f32>(load<f32>(a + (i << 2)), least), most))
}

export function i32ToF32(a: usize, count: usize, out: usize): void {
  let i: usize = 0
  for (; i + 4 <= count; i += 4) v128.store(out + (i << 2), f32x4.convert_i32x4_s(v128.load(a + (i << 2))))
  for (; i < count; i++) store<f32>(out + (i << 2), <f32>load<i32>(a + (i << 2)))
}

/** Whole numbers that fit: what does not is cut off, never a trap. */
export function f32ToI32(a: usize, count: usize, out: usize): void {
  let i: usize = 0
  for (; i + 4 <= count; i += 4) v128.store(out + (i << 2), i32x4.trunc_sat_f32x4_s(v128.load(a + (i << 2))))
  for (; i < count; i++) {
    const word = i32x4.trunc_sat_f32x4_s(v128.load32_splat(a + (i << 2)))
    store<i32>(out + (i << 2), i32x4.extract_lane(word, 0))
  }
}

/** Whole numbers from 0 to 255. */
export function f32ToU8(a: usize, count: usize, out: usize): void {
  let i: usize = 0
  for (; i + 8 <= count; i += 8) {
    const low = i32x4.trunc_sat_f32x4_s(v128.load(a + (i << 2)))
    const high = i32x4.trunc_sat_f32x4_s(v128.load(a + (i << 2), 16))
    const words = i16x8.narrow_i32x4_s(low, high)
    v128.store64_lane(out + i, i8x16.narrow_i16x8_u(words, words), 0)
  }
  for (; i < count; i++) store<u8>(out + i, <u8>i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(v128.load32_splat(a + (i << 2))), 0))
}

export function u8ToI32(a: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < count; i++) store<i32>(out + (i << 2), <i32>load<u8>(a + i))
}

export function u8ToF32(a: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < count; i++) store<f32>(out + (i << 2), <f32>load<u8>(a + i))
}

export function i32ToF64(a: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < count; i++) store<f64>(out + (i << 3), <f64>load<i32>(a + (i << 2)))
}

export function f64ToF32(a: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < count; i++) store<f32>(out + (i << 2), <f32>load<f64>(a + (i << 3)))
}

/** A table's elements of 4 bytes, or of one, by int32 indices that are known to lie in it. */
export function lookUp4(table: usize, indices: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < count; i++) store<u32>(out + (i << 2), load<u32>(table + (<usize>load<i32>(indices + (i << 2)) << 2)))
}

export function lookUp1(table: usize, indices: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < count; i++) store<u8>(out + i, load<u8>(table + <usize>load<i32>(indices + (i << 2))))
}

/** Sums of rows of `width`. */
export function sumI32(a: usize, rows: usize, width: usize, out: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const from = a + ((row * width) << 2)
    let lanes = i32x4.splat(0)
    let j: usize = 0
    for (; j + 4 <= width; j += 4) lanes = i32x4.add(lanes, v128.load(from + (j << 2)))
    let total = i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1) + i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3)
    for (; j < width; j++) total += load<i32>(from + (j << 2))
    store<i32>(out + (row << 2), total)
  }
}

/** The same of whole numbers in doubles, whose order does not matter below 2^53. */
export function sumF64(a: usize, rows: usize, width: usize, out: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const from = a + ((row * width) << 3)
    let total: f64 = 0
    for (let j: usize = 0; j < width; j++) total += load<f64>(from + (j << 3))
    store<f64>(out + (row << 3), total)
  }
}

/** Largest bytes of rows of `width`. */
export function maxU8(a: usize, rows: usize, width: usize, out: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    let most: u8 = 0
    for (let j: usize = 0; j < width; j++) most = max<u8>(most, load<u8>(a + row * width + j))
    store<u8>(out + row, most)
  }
}
