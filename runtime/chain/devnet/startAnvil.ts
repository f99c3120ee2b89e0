import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { WarrantError } from '#verifier/evidence/error.ts'

export type Anvil = { url: string; stop(): Promise<void> }

/** Anvil's own test mnemonic: everybody knows these keys. */
export const DEV_MNEMONIC = 'test test test test test test test test test test test junk'

/**
 * Starts anvil from its npm package on a free loopback port, its clock at `startSeconds`.
 *
 * @throws CHAIN_FAILED when there is no binary for this platform, or it does not come up
 */
export async function startAnvil({ chainId, startSeconds }: { chainId: number; startSeconds: number }): Promise<Anvil> {
  const port = await freePort()
  const child = spawn(
    anvilBinary(),
    [
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
      ...['--mnemonic', DEV_MNEMONIC, '--balance', '100000000', '--accounts', '10', '--gas-limit', '60000000'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  await listening(child)
  child.stdout?.resume()
  child.stderr?.resume()
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise(resolve => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
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

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    const fail = (reason: string) => {
      child.kill('SIGKILL')
      reject(new WarrantError('CHAIN_FAILED', `anvil did not start: ${reason}`, { details: output }))
    }
    const timer = setTimeout(() => fail('it said nothing for 30 s'), 30_000)
    child.once('error', error => fail(error.message))
    child.once('exit', code => fail(`it ended with ${code}`))
    child.stderr?.on('data', chunk => {
      output += chunk
    })
    child.stdout?.on('data', chunk => {
      output += chunk
      if (!output.includes('Listening on')) return
      clearTimeout(timer)
      child.removeAllListeners('exit')
      resolve()
    })
  })
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
