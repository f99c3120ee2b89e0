import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { WarrantError } from '#verifier/evidence/error.ts'

export type Anvil = { url: string; stop(): Promise<void> }

/**
 * Runs a program with a cache directory, kills it when standard input ends, and removes the directory. (What a shell starts
 * in the background reads nothing of its own.) Old states go to disk, gigabytes in a long run.
 */
const WATCHED =
  'exec 3<&0; dir="$1"; shift; "$0" "$@" --cache-path "$dir" & node=$!; (cat <&3 >/dev/null; kill -9 $node 2>/dev/null) & wait $node; code=$?; rm -rf "$dir"; exit $code'

/** Anvil's own test mnemonic: everybody knows these keys. */
export const DEV_MNEMONIC = 'test test test test test test test test test test test junk'

export type StartAnvilParameters = {
  chainId: number
  startSeconds: number
  /** Further options of the program, such as --auto-impersonate. */
  flags?: readonly string[]
}

/**
 * Starts anvil from its npm package on a free loopback port, its clock at `startSeconds`.
 *
 * @throws CHAIN_FAILED when there is no binary for this platform, or it does not come up
 */
export async function startAnvil({ chainId, startSeconds, flags = [] }: StartAnvilParameters): Promise<Anvil> {
  const port = await freePort()
  const args = [
    ...[
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--chain-id',
      String(chainId),
      '--timestamp',
      String(startSeconds),
    ],
    ...[
      '--mnemonic',
      DEV_MNEMONIC,
      '--balance',
      '100000000',
      '--accounts',
      '10',
      '--gas-limit',
      '60000000',
      '--silent',
    ],
    ...flags,
  ]
  // Whoever is killed cannot stop its node: the shell does when this process's end of the pipe is gone.
  const cache = mkdtempSync(join(tmpdir(), 'warrant-anvil-'))
  const child = spawn('/bin/sh', ['-c', WATCHED, anvilBinary(), cache, ...args], {
    // What nobody reads fills up, and stops the node in the middle of an answer.
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const url = `http://127.0.0.1:${port}`
  await answering(child, url)
  return {
    url,
    stop: () =>
      new Promise(resolve => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        child.once('exit', () => resolve())
        child.stdin?.end()
      }),
  }
}

/** The package's platform binary itself: its wrapper script would leave the node running when it is killed. */
function anvilBinary(): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`
  try {
    const require = createRequire(import.meta.url)
    const wrapper = dirname(require.resolve('@foundry-rs/anvil/package.json'))
    const manifest = createRequire(join(wrapper, 'package.json')).resolve(`${name}/package.json`)
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil')
  } catch (cause) {
    throw new WarrantError(
      'CHAIN_FAILED',
      `no anvil for ${process.platform} ${process.arch}: the package ${name} is not installed`,
      { cause },
    )
  }
}

async function answering(child: ChildProcess, url: string): Promise<void> {
  let ended: string | null = null
  let output = ''
  child.once('error', error => {
    ended = error.message
  })
  child.once('exit', code => {
    ended = `it ended with ${code}`
  })
  child.stderr?.on('data', chunk => {
    output = `${output}${chunk}`.slice(-10_000)
  })
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] })
  for (const until = Date.now() + 30_000; ; ) {
    const answered = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(
      response => response.ok,
      () => false,
    )
    if (answered && ended === null) return
    if (ended !== null || Date.now() > until) {
      child.stdin?.end()
      const reason = ended ?? 'it did not answer within 30 s'
      throw new WarrantError('CHAIN_FAILED', `anvil did not start: ${reason}`, { details: output })
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** A loopback port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
