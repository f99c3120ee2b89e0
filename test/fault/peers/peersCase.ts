import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVerifierClient } from '#runtime/api/verifierClient.ts'
import { createPanel } from '#runtime/chain/createPanel.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { parseQuorum } from '#verifier/log/quorum.ts'
import { noteKey } from '#verifier/log/signedNote.ts'
import { seededRandom } from '../seededRandom.ts'
import { openPeerRun, PEER_ORIGIN, PEER_SEED } from './peerRun.ts'
import { MANNERS, type Manners, startPeerVerifier, verifierAccount } from './peerVerifier.ts'
import { startPeerWitness, WITNESS_MANNERS } from './peerWitness.ts'

const [DEADLINE_MS, GRACE_MS] = [2_000, 300]
/** What a judgement may take beyond its deadline: the work itself, on a machine that is busy. */
const SLACK_MS = 20_000
const TICKS = 3

/**
 * One seeded case: a run with one verifier and one witness of drawn manners beside honest ones. Every tick is approved by
 * the honest ones, ends within its deadline, and the log verifies; no root that it showed is contradicted.
 *
 * @throws Error saying which of these does not hold
 */
export async function peersCase(seed: number): Promise<string> {
  const random = seededRandom(seed)
  const draw = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T
  const [manners, witnessing] = [draw(MANNERS), draw(WITNESS_MANNERS)]
  const where = `seed ${seed}: verifier ${manners}, witness ${witnessing}`
  const demand = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`${where}: ${what}`)
  }
  const dir = mkdtempSync(join(tmpdir(), 'warrant-peers-'))
  const key = noteKey(nodeCrypto, PEER_ORIGIN, ed25519Signer(PEER_SEED).publicKey)
  const order = random() < 0.5 ? [manners, 'honest', 'honest'] : ['honest', manners, 'honest']
  const verifiers = await Promise.all(order.map((how, n) => startPeerVerifier(n, how as Manners)))
  const witnesses = await Promise.all(
    [witnessing, 'honest' as const].map((how, n) =>
      startPeerWitness(n, how, { log: key, stateFile: join(dir, `w${n}`) }),
    ),
  )
  try {
    const lines = witnesses.map(({ name, vkey, url }) => `witness ${name} ${vkey} ${url}`)
    const quorum = parseQuorum(nodeCrypto, `${lines.join('\n')}\nquorum ${witnesses[1]?.name}\n`)
    const cosigner = createCosigner(quorum, { deadlineMs: DEADLINE_MS, graceMs: GRACE_MS })
    const addresses = order.map((_, n) => verifierAccount(n).address.toLowerCase())
    const run = await openPeerRun(dir, addresses, cosigner)
    const clients = verifiers.map(({ url }) =>
      createVerifierClient({ url, log: run.log, blobs: [], callMs: DEADLINE_MS }),
    )
    const panel = createPanel({
      ...{ verifiers: clients, threshold: 2, log: run.verifier, putBlob: run.log.putBlob },
      ...{ deadlineMs: 4 * DEADLINE_MS, graceMs: GRACE_MS },
    })
    const roots: { size: number; root: string }[] = []
    for (let tick = 0; tick < TICKS; tick++) {
      const since = performance.now()
      const verdicts = await panel.judge(run.propose(), 2)
      demand(performance.now() - since < 4 * DEADLINE_MS + SLACK_MS, `tick ${tick} was frozen`)
      const honest = verdicts.filter(({ body }) => body.answer === 'approve')
      demand(honest.length >= 2, `tick ${tick}: the honest verifiers were not heard`)
      await run.log.publish()
      roots.push({ size: run.log.size, root: run.log.root })
    }
    for (const { size, root } of roots) demand(toHex(run.log.rootAt(size)) === root, `forked at ${size}`)
    const [finding] = await run.verified()
    demand(finding === undefined, `the log does not verify: ${finding}`)
    return manners
  } finally {
    await Promise.all([...verifiers, ...witnesses].map(peer => peer.stop()))
    rmSync(dir, { recursive: true })
  }
}
