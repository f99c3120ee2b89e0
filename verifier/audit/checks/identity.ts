import { validAt } from '#verifier/policy/policy.ts'
import { type Check, deny, pass } from '../context.ts'

/** 2. Every identity is on the policy's list and valid now; request numbers have no gap (checked as the log came in). */
export const identityCheck: Check = {
  id: 'identity',
  async run({ policy, policyDigest, logKey, runState, proposal, calls }, { nowMs }) {
    const { run } = runState
    const { identities } = policy
    const now = nowMs()
    const listed = (what: string, found: { fromMs?: number | undefined; untilMs?: number | undefined } | undefined) => {
      if (found === undefined) return `${what} is not on the policy's list`
      return validAt(found, now) ? null : `${what} is not valid at this time`
    }
    if (run.body.policy.digest !== policyDigest) return deny("the run's policy is not this verifier's")
    if (proposal.body.policyDigest !== policyDigest) return deny("the proposal's policy is not this verifier's")
    const { strategy, keys } = run.body
    if (strategy === null) return deny('the run has no strategy')
    const refused =
      listed(
        `log key ${logKey.split('+').slice(0, 2).join('+')}`,
        identities.log.find(l => l.vkey === logKey),
      ) ??
      listed(
        `agent key ${keys.agent.slice(0, 16)}…`,
        identities.agents.find(a => a.publicKey === keys.agent),
      ) ??
      listed(
        `strategy ${strategy.name} ${strategy.digest.slice(0, 16)}… with its parameters`,
        identities.strategies.find(s => s.digest === strategy.digest && s.params === strategy.paramsDigest),
      ) ??
      listed(
        `executor ${proposal.body.executor}`,
        identities.executors.find(e => e.address === proposal.body.executor),
      )
    if (refused !== null) return deny(refused)
    for (const { request, response } of calls) {
      const { model, numeric } = request.body
      const notModel = listed(
        `model ${model.slice(0, 16)}… on ${numeric}`,
        identities.models.find(m => m.digest === model && m.numeric === numeric),
      )
      if (notModel !== null) return deny(notModel)
      if (response.body.result.status !== 'ok') continue
      const id = response.body.result.receipt.statement.worker
      const publicKey = keys.workers.find(w => w.id === id)?.publicKey
      const notWorker = listed(
        `worker ${id}`,
        identities.workers.find(w => w.publicKey === publicKey),
      )
      if (notWorker !== null) return deny(notWorker)
    }
    return pass('strategy, models, workers, agent, executor and log key are listed and valid')
  },
}
