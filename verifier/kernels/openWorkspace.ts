/** Where something lies in a workspace's memory. */
export type Address = number

/** The kernels of Freivalds' check; shapes and layouts stand with their sources in `assembly/`. */
export type FreivaldsKernels = {
  projectWeights(
    ...of: [w: Address, k: number, n: number, r: Address, columns: number, halves: Address, out: Address]
  ): void
  projectTrace(y: Address, m: number, n: number, r: Address, columns: number, out: Address): void
  splitDigits(wr: Address, count: number, columns: number, out: Address): void
  projectInput(x: Address, m: number, k: number, digits: Address, columns: number, out: Address): void
  same(a: Address, b: Address, size: number): number
  requantise(
    ...of: [
      acc: Address,
      m: number,
      n: number,
      bias: Address,
      factors: Address,
      wide: number,
      least: number,
      out: Address,
    ]
  ): void
  quantise(x: Address, count: number, factor: number, least: number, out: Address): void
  fromZero(signed: Address, count: number, out: Address): void
  scale(acc: Address, m: number, n: number, bias: Address, factors: Address, out: Address): void
}

export type Each = (a: Address, b: Address, period: number, count: number, out: Address) => void
export type Convert = (a: Address, count: number, out: Address) => void
export type OfRows = (a: Address, rows: number, width: number, out: Address) => void

/** The kernels of single steps, element by element. */
export type ElementKernels = Record<
  'addF32' | 'mulF32' | 'divF32' | 'addI32' | 'subI32' | 'mulI32' | 'addF64' | 'subF64' | 'mulF64',
  Each
> &
  Record<'roundF32' | 'i32ToF32' | 'f32ToI32' | 'f32ToU8' | 'u8ToI32' | 'u8ToF32' | 'i32ToF64' | 'f64ToF32', Convert> &
  Record<'sumI32' | 'sumF64' | 'maxU8', OfRows> & {
    clampF32(a: Address, count: number, out: Address, least: number, most: number): void
    lookUp1(table: Address, indices: Address, count: number, out: Address): void
    lookUp4(table: Address, indices: Address, count: number, out: Address): void
  }

type Operand = { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }

/**
 * Memory that kernels work in: what is kept lies at its bottom, for as long as the workspace lives; above it is scratch,
 * which each `begin` takes anew. What a check reads stays where it is: nothing is copied between kernels.
 */
export type Workspace = {
  kernels: FreivaldsKernels & ElementKernels
  /** Room that stays. Ends the scratch in use. */
  keep(bytes: number): Address
  /** Scratch of so many bytes, in pieces that `room` and `put` hand out. Views from before are dead. */
  begin(bytes: number): void
  /** @throws RangeError beyond what was begun */
  room(bytes: number): Address
  /** Where an operand lies, copied in unless it is here already. */
  put(operand: Operand): Address
  bytes(at: Address, length: number): Uint8Array<ArrayBuffer>
  buffer(): ArrayBuffer
}

/** Behind every operand, so that SIMD may read past its end. */
const SLACK = 64

const aligned = (at: number) => (at + 15) & ~15

/** A workspace over an instance of the kernels of its own. */
export function openWorkspace({
  memory,
  kernels,
}: {
  memory: { buffer: ArrayBuffer; grow(pages: number): number }
  kernels: FreivaldsKernels & ElementKernels
}): Workspace {
  let floor = memory.buffer.byteLength
  let next = floor
  let end = floor

  function ensure(bytes: number): void {
    const missing = bytes + SLACK - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536))
    end = bytes
  }
  function room(bytes: number): Address {
    const at = aligned(next)
    if (at + bytes > end) throw new RangeError(`the workspace has no room for ${bytes} bytes`)
    next = at + bytes
    return at
  }
  const bytes = (at: Address, length: number) => new Uint8Array(memory.buffer, at, length)

  return {
    kernels,
    keep(size) {
      const at = aligned(floor)
      floor = at + size
      next = floor
      ensure(floor)
      return at
    },
    begin(size) {
      next = aligned(floor)
      ensure(next + size)
    },
    room,
    put(operand) {
      if (operand.buffer === memory.buffer) return operand.byteOffset
      const at = room(operand.byteLength)
      bytes(at, operand.byteLength).set(new Uint8Array(operand.buffer, operand.byteOffset, operand.byteLength))
      return at
    },
    bytes,
    buffer: () => memory.buffer,
  }
}
