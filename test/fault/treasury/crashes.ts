import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { auditLog } from '#runtime/cli/lib/auditLog.ts'
import { replayLog } from '#runtime/cli/lib/replayLog.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { DemoWorld } from '#runtime/demo/demoWorld.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import type { Bar } from '#runtime/market/bars.ts'
import { type Service, spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { seededRandom } from '../seededRandom.ts'
import type { Ask, Life } from './protocol.ts'
import { createTraderWorld } from './traderWorld.ts'

const at = (name: string) =>
  [`./${name}.js`, `../../../dist/test/fault/treasury/${name}.js`]
    .map(path => fileURLToPath(new URL(path, import.meta.url)))
    .find(existsSync) as string

/** Steps that one life may take before it is killed; one tick takes about seventy. */
const MOST_STEPS = 90
const TICKS_PER_LIFE = 2
/** Every so many lives the verifier is killed too, while the agent is at work. */
const VERIFIER_EVERY = 4

export type CrashReport = {
  lives: number
  killed: number
  verifierKilled: number
  decisions: number
  executed: number
  reverted: number
  denied: number
  abandoned: number
}

/**
 * One agent, one treasury, one log; the agent's process is killed again and again at a seeded step, and now and then the
 * verifier's. Each life recovers what the one before left. At the end: every decision has exactly one terminal state,
 * nothing was executed twice, the log verifies and replays, and the audit explains every transaction.
 *
 * @throws Error saying which of these does not hold
 */
export async function crashRun(
  dir: string,
  { lives, seed, onLife }: { lives: number; seed: number; onLife?(done: number): void },
): Promise<CrashReport> {
  const random = seededRandom(seed)
  const decisions = (lives + 1) * TICKS_PER_LIFE
  const { world, entry, marketSource, release } = await createTraderWorld(dir, String(seed), decisions)
  await release()
  const { vkey } = world.log
  let verifier: Service = world.verifier
  const address = verifier.ready.address as string
  const counts = { killed: 0, verifierKilled: 0 }
  let tick = 0
  try {
    for (let life = 0; life <= lives; life++) {
      const isLast = life === lives
      const killAt = isLast ? null : 1 + Math.floor(random() * MOST_STEPS)
      const doomed = !isLast && life % VERIFIER_EVERY === VERIFIER_EVERY - 1
      const child = fork(at('agentChild'), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
      const message: Life = {
        type: 'life',
        dir,
        entry,
        rpc: world.devnet.url,
        verifier: verifier.ready.url as string,
        verifierAddress: address,
        chain: world.devnet.chain,
        policy: world.policy,
        seed: String(seed),
        minutes: marketSource.simulated.minutes,
        decisions,
        fromTick: tick,
        lastTick: tick + TICKS_PER_LIFE - 1,
        killAt,
      }
      let alive = true
      const kill = () => {
        if (alive) process.kill(verifier.pid, 'SIGKILL')
        alive = false
      }
      const timer = doomed ? setTimeout(kill, 300 + random() * 1_500) : undefined
      const { code, signal, lastTick, stderr } = await lived(child, message, world)
      // The tick that was under way is not tried again: time went on.
      tick = Math.max(tick, lastTick + 1)
      if (signal === 'SIGKILL') counts.killed++
      else if (isLast && code !== 0) throw new Error(`life ${life} (seed ${seed}) ended with ${code}: ${stderr}`)
      else if (code !== 0 && !doomed) throw new Error(`life ${life} (seed ${seed}) ended with ${code}: ${stderr}`)
      clearTimeout(timer)
      if (doomed) {
        kill()
        await verifier.stop()
        counts.verifierKilled++
        verifier = await spawnWarrant(['verifier', '--config', join(dir, 'verifier', 'verifier.yaml')])
      }
      onLife?.(life)
    }
    return { lives, ...counts, ...(await judge(world, vkey)) }
  } finally {
    await verifier.stop()
    await world.close()
  }
}

/** One life, from its first message to its end. */
function lived(
  child: ChildProcess,
  life: Life,
  { moveMarketTo, clock, devnet, schedule }: DemoWorld,
): Promise<{ code: number | null; signal: NodeJS.Signals | null; lastTick: number; stderr: string }> {
  let lastTick = -1
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += chunk
  })
  const answer = async (question: Ask): Promise<void> => {
    if (question.type === 'tick') {
      lastTick = question.tick
      await moveMarketTo(question.tick)
    } else if (question.type === 'execution') {
      await devnet.market.moveTo((schedule.bars[question.tick + schedule.window] as Bar).open)
    }
    if (child.connected) child.send({ type: 'go', nowMs: clock.nowMs() }, () => {})
  }
  return new Promise((resolve, reject) => {
    child.on('message', question => void answer(question as Ask).catch(reject))
    child.once('exit', (code, signal) => resolve({ code, signal, lastTick, stderr }))
    child.send(life, () => {})
  })
}

/** What the log and the chain say at the end. */
async function judge(
  world: DemoWorld,
  vkey: string,
): Promise<Omit<CrashReport, 'lives' | 'killed' | 'verifierKilled'>> {
  const { logDir, devnet } = world
  writeFileSync(join(world.dir, 'vkey'), vkey)
  const demand = (holds: boolean, what: string) => {
    if (!holds) throw new Error(what)
  }
  const replayed = await replayLog(logDir, { vkey })
  demand(replayed.findings.length === 0, `log: ${replayed.findings[0]?.where}: ${replayed.findings[0]?.reason}`)
  demand(replayed.diverged === 0, `${replayed.diverged} decisions diverge`)
  const audit = await auditLog({ dir: logDir, rpc: devnet.url, vkey })
  demand(audit.findings.length === 0, `audit: ${audit.findings[0]?.reason}`)
  demand(audit.unexplained.length === 0, `audit: ${audit.unexplained[0]?.reason}`)

  const records: { leaf: string; record: ReturnType<typeof decodeRecord> }[] = []
  const tree = await verifyTree(
    { files: openLogFiles(logDir), crypto: nodeCrypto, key: parseVkey(nodeCrypto, vkey) },
    entry => {
      records.push({ leaf: toHex(hashLeaf(nodeCrypto, entry)), record: decodeRecord(entry) })
    },
  )
  demand(tree.findings.length === 0, `tree: ${tree.findings[0]?.reason}`)
  for (const { leaf, record } of records) {
    if (record.kind !== 'observation') continue
    const ends = records.filter(({ record: r }) => r.kind === 'decision' && r.body.observation === leaf).length
    demand(ends === 1, `what was seen in ${leaf} ended in ${ends} decisions`)
  }
  const outcomes = new Map<string, string>()
  for (const { record } of records) {
    if (record.kind !== 'outcome') continue
    demand(!outcomes.has(record.body.submission), `submission ${record.body.submission} has two outcomes`)
    outcomes.set(record.body.submission, record.body.status)
  }
  const ends = { executed: 0, reverted: 0, denied: 0, abandoned: 0 }
  let decisions = 0
  for (const { leaf, record } of records) {
    if (record.kind !== 'decision' || record.body.result.type !== 'intents') continue
    decisions++
    const named = (target: string) =>
      records.filter(({ record: r }) => r.kind === 'incident' && r.parents.includes(target)).length
    const proposals = records.filter(({ record: r }) => r.kind === 'proposal' && r.body.decision === leaf)
    demand(proposals.length <= 1, `decision ${leaf} was proposed ${proposals.length} times`)
    const [proposal] = proposals
    const submissions = records.filter(({ record: r }) => r.kind === 'submission' && r.body.proposal === proposal?.leaf)
    demand(submissions.length <= 1, `proposal ${proposal?.leaf} was submitted ${submissions.length} times`)
    const [submission] = submissions
    const denied =
      submission === undefined &&
      records.some(
        ({ record: r }) => r.kind === 'verdict' && r.body.answer === 'deny' && r.body.proposal === proposal?.leaf,
      )
    const outcome = submission === undefined ? undefined : outcomes.get(submission.leaf)
    const states = [
      named(leaf) +
        (proposal === undefined ? 0 : named(proposal.leaf)) +
        (submission === undefined ? 0 : named(submission.leaf)),
      denied ? 1 : 0,
      outcome === undefined ? 0 : 1,
    ]
    demand(
      states.reduce((a, b) => a + b, 0) === 1,
      `decision ${leaf} ends in ${states.join(' + ')} states (abandoned, denied, outcome)`,
    )
    if (outcome === 'success') ends.executed++
    else if (outcome === 'reverted') ends.reverted++
    else if (denied) ends.denied++
    else ends.abandoned++
  }
  // The chain's own count: what the module executed, each nonce once.
  demand(audit.matched === ends.executed, `the chain executed ${audit.matched}, the log says ${ends.executed}`)
  return { decisions, ...ends }
}
