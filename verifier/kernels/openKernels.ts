/** The WebAssembly kernels (sources in `assembly/`): the same bytes run in Node and in a browser. */
export type Kernels = {
  /** SHA-256 of fewer than 65,536 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /** Leaf hashes SHA-256(0x00 ‖ entry) of the first `count` entries of a bundle whose framing is sound; 32·count bytes. */
  leafHashes(bundle: Uint8Array, count: number): Uint8Array
  /** Node hashes SHA-256(0x01 ‖ left ‖ right) of hashes in a row, pair by pair; 16 bytes for each 32. */
  nodeHashes(hashes: Uint8Array): Uint8Array
  /** W·R mod 2^64: `w` k × n in rows, `r` n × columns in columns; k × columns in columns. */
  projectWeights(w: Int8Array, r: Int32Array, shape: { k: number; n: number; columns: number }): BigInt64Array
  /** Y·R mod 2^64: `y` m × n in rows; m × columns in rows. */
  projectTrace(y: Int32Array, r: Int32Array, shape: { m: number; n: number; columns: number }): BigInt64Array
  /** X·(W·R) mod 2^64: `x` m × k in rows, `wr` k × columns in columns; m × columns in rows. */
  projectInput(x: Int8Array, wr: BigInt64Array, shape: { m: number; k: number; columns: number }): BigInt64Array
  /** Largest absolute value; 0 of nothing. */
  largestInt8(values: Int8Array): number
}

// Declared here, because the DOM's types would let the verifier reach for a browser's network.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: unknown }
}

type Exports = {
  memory: { buffer: ArrayBuffer; grow(pages: number): number }
  sha256(message: number, length: number, out: number): void
  leafHashes(bundle: number, count: number, out: number): number
  nodeHashes(hashes: number, pairs: number, out: number): void
  projectWeights(w: number, k: number, n: number, r: number, columns: number, out: number): void
  projectTrace(y: number, m: number, n: number, r: number, columns: number, out: number): void
  projectInput(x: number, m: number, k: number, wr: number, columns: number, out: number): void
  largestInt8(values: number, count: number): number
}

type Operand = { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }

/** Instantiates the kernels from the bytes of `kernels.wasm`. */
export function openKernels(wasm: Uint8Array): Kernels {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm))
  const kernels = exports as Exports
  const { memory, sha256, leafHashes, nodeHashes } = kernels
  // What the module laid out for itself ends here; results come first, inputs behind them.
  const base = memory.buffer.byteLength
  memory.grow(2)
  let view = new Uint8Array(memory.buffer)

  /** Makes room for `results` and `bytes`, copies the bytes in; returns where they are. */
  function place(results: number, bytes: Uint8Array): number {
    const at = base + ((results + 15) & ~15)
    const missing = at + bytes.length - view.length
    if (missing > 0) {
      memory.grow(Math.ceil(missing / 65_536))
      view = new Uint8Array(memory.buffer)
    }
    view.set(bytes, at)
    return at
  }

  /** The same for several operands, each aligned; a projection of `words` int64 is made of them. */
  function project(words: number, operands: readonly Operand[], kernel: (...at: number[]) => void): BigInt64Array {
    let at = base + 8 * words
    const places = operands.map(operand => {
      const here = (at + 15) & ~15
      at = here + operand.byteLength
      return here
    })
    if (at > view.length) {
      memory.grow(Math.ceil((at - view.length) / 65_536))
      view = new Uint8Array(memory.buffer)
    }
    for (const [i, operand] of operands.entries())
      view.set(new Uint8Array(operand.buffer, operand.byteOffset, operand.byteLength), places[i] as number)
    kernel(...places)
    return new BigInt64Array(memory.buffer, base, words).slice()
  }
  function sized(what: string, operand: { length: number }, expected: number): void {
    if (operand.length !== expected)
      throw new RangeError(`${what} has ${operand.length} elements, expected ${expected}`)
  }

  return {
    projectWeights(w, r, { k, n, columns }) {
      sized('w', w, k * n)
      sized('r', r, n * columns)
      return project(k * columns, [w, r], (at, coins) =>
        kernels.projectWeights(at as number, k, n, coins as number, columns, base),
      )
    },
    projectTrace(y, r, { m, n, columns }) {
      sized('y', y, m * n)
      sized('r', r, n * columns)
      return project(m * columns, [y, r], (at, coins) =>
        kernels.projectTrace(at as number, m, n, coins as number, columns, base),
      )
    },
    projectInput(x, wr, { m, k, columns }) {
      sized('x', x, m * k)
      sized('wr', wr, k * columns)
      return project(m * columns, [x, wr], (at, projected) =>
        kernels.projectInput(at as number, m, k, projected as number, columns, base),
      )
    },
    largestInt8(values) {
      let largest = 0
      project(0, [values], at => {
        largest = kernels.largestInt8(at as number, values.length)
      })
      return largest
    },
    sha256(bytes) {
      if (bytes.length >= 65_536)
        throw new RangeError(`sha256: ${bytes.length} bytes; the kernel takes fewer than 65,536`)
      sha256(place(32, bytes), bytes.length, base)
      return view.slice(base, base + 32)
    },
    leafHashes(bundle, count) {
      leafHashes(place(32 * count, bundle), count, base)
      return view.slice(base, base + 32 * count)
    },
    nodeHashes(hashes) {
      const pairs = hashes.length >> 6
      nodeHashes(place(32 * pairs, hashes), pairs, base)
      return view.slice(base, base + 32 * pairs)
    },
  }
}
