import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, describe, expect, test } from 'vitest'
import type { encodeJobResult } from '#runtime/queue/jobSchema.ts'
import type { Job } from '#verifier/evidence/ports/queue.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const dir = mkdtempSync(join(tmpdir(), 'warrant-browser-'))
afterAll(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))

describe.skipIf(CHROMIUM === undefined)('in a browser (needs chromium)', () => {
  test('a page checks an answer of a model by itself: signature, kernels, recomputation', async () => {
    const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'vectors/worker.json'), 'utf8')) as {
      publicKey: string
      modelFile: string
      jobs: Job[]
      results: ReturnType<typeof encodeJobResult>[]
    }
    const [job, result] = [vectors.jobs[1] as Job, vectors.results[1] as ReturnType<typeof encodeJobResult>]
    const given = {
      wasm: readFileSync(join(ROOT, 'dist/kernels/kernels.wasm')).toString('base64'),
      model: job.model,
      file: vectors.modelFile,
      publicKey: vectors.publicKey,
      nonce: job.nonce,
      request: {
        ...{ agent: 'a', number: 0, tick: 0, observation: null, proofKind: job.proofKind },
        ...{ model: job.model.digest, numeric: job.model.numeric, input: job.input, inputDigest: job.inputDigest },
      },
      answer: {
        ...{ status: 'ok', output: result.output, receipt: result.receipt },
        proof: { kind: 'freivalds', trace: { inline: result.trace } },
      },
    }
    const bundled = await build({
      entryPoints: [join(ROOT, 'dist/test/conformance/browserEntry.js')],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      logLevel: 'silent',
    })
    const script = bundled.outputFiles[0]?.text ?? ''
    expect(script).not.toMatch(/from "node:|require\("node:/)
    const page = join(dir, 'page.html')
    writeFileSync(
      page,
      `<!doctype html><body>working</body><script>globalThis.given = ${JSON.stringify(given)}</script><script type="module">${script.replaceAll('</script', '<\\/script')}</script>`,
    )
    const { stdout, stderr } = spawnSync(
      CHROMIUM as string,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--virtual-time-budget=20000',
        `--user-data-dir=${join(dir, 'profile')}`,
        '--dump-dom',
        `file://${page}`,
      ],
      { encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 26 },
    )
    const text = /<body>(\{.*?\})/.exec(stdout)?.[1]
    expect(text, stderr.slice(0, 500) + stdout.slice(0, 300)).toBeDefined()
    expect(JSON.parse(text as string)).toEqual({
      honest: 'holds at 2^-63',
      changed: 'worker worker-1: the trace does not have the digest of the receipt',
    })
  }, 90_000)
})
