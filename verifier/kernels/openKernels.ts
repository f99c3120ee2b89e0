import { type ElementKernels, type FreivaldsKernels, openWorkspace, type Workspace } from './openWorkspace.ts'

/** The WebAssembly kernels (sources in `assembly/`): the same bytes run in Node and in a browser. */
export type Kernels = {
  /** SHA-256 of fewer than 65,536 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /** Leaf hashes SHA-256(0x00 ‖ entry) of the first `count` entries of a bundle whose framing is sound; 32·count bytes. */
  leafHashes(bundle: Uint8Array, count: number): Uint8Array
  /** Node hashes SHA-256(0x01 ‖ left ‖ right) of hashes in a row, pair by pair; 16 bytes for each 32. */
  nodeHashes(hashes: Uint8Array): Uint8Array
  /** Memory of its own for Freivalds' check. */
  workspace(): Workspace
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
} & FreivaldsKernels &
  ElementKernels

/** Instantiates the kernels from the bytes of `kernels.wasm`. */
export function openKernels(wasm: Uint8Array): Kernels {
  const module = new WebAssembly.Module(wasm)
  const instantiate = () => new WebAssembly.Instance(module).exports as Exports
  const { memory, sha256, leafHashes, nodeHashes } = instantiate()
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

  return {
    workspace() {
      const kernels = instantiate()
      return openWorkspace({ memory: kernels.memory, kernels })
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
