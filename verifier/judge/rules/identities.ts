import { validAt } from '#verifier/policy/policy.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** Every identity is on the policy's list and valid now; request numbers have no gap (checked as the log came in). */
export const identities: Rule = {
  id: 'identities',
  check: 'identity',
  judge({ policy, subject, facts }) {
    const { run, proposal, calls, policyDigest, logKey } = subject
    const { identities } = policy
    const listed = (what: string, found: { fromMs?: number | undefined; untilMs?: number | undefined } | undefined) => {
      if (found === undefined) return `${what} is not on the policy's list`
      return validAt(found, facts.raw.nowMs) ? null : `${what} is not valid at this time`
    }
    if (run.body.policy.digest !== policyDigest) return breaks("the run's policy is not this verifier's")
    if (proposal.body.policyDigest !== policyDigest) return breaks("the proposal's policy is not this verifier's")
    const { strategy, keys } = run.body
    if (strategy === null) return breaks('the run has no strategy')
    const refused =
      listed(
        `log key ${logKey.split('+').slice(0, 2).join('+')}`,
        identities.log.find(log => log.vkey === logKey),
      ) ??
      listed(
        `agent key ${keys.agent.slice(0, 16)}…`,
        identities.agents.find(agent => agent.publicKey === keys.agent),
      ) ??
      listed(
        `strategy ${strategy.name} ${strategy.digest.slice(0, 16)}… with its parameters`,
        identities.strategies.find(
          ({ digest, params }) => digest === strategy.digest && params === strategy.paramsDigest,
        ),
      ) ??
      listed(
        `executor ${proposal.body.executor}`,
        identities.executors.find(({ address }) => address === proposal.body.executor),
      )
    if (refused !== null) return breaks(refused)
    for (const { request, response } of calls) {
      const { model, numeric } = request.body
      const notModel = listed(
        `model ${model.slice(0, 16)}… on ${numeric}`,
        identities.models.find(one => one.digest === model && one.numeric === numeric),
      )
      if (notModel !== null) return breaks(notModel)
      if (response.body.result.status !== 'ok') continue
      const id = response.body.result.receipt.statement.worker
      const publicKey = keys.workers.find(worker => worker.id === id)?.publicKey
      const notWorker = listed(
        `worker ${id}`,
        identities.workers.find(worker => worker.publicKey === publicKey),
      )
      if (notWorker !== null) return breaks(notWorker)
    }
    return holds('strategy, models, workers, agent, executor and log key are listed and valid')
  },
}
