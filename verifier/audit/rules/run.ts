import { digestJson } from '#verifier/evidence/digest.ts'
import { paramsDigest } from '#verifier/evidence/paramsText.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { type RuleContext, same } from './ruleContext.ts'

/** R9 to R14. */
export function checkRun({ body }: RecordOf<'run'>, context: RuleContext): void {
  const { crypto, fail, names, known, scope, where } = context
  const { strategy, policy, models, chain, keys } = body
  same(fail, 'R9', 'body.policy.digest', policy.digest, digestJson('policy', policy.document, crypto))
  if ((strategy === null) !== (body.mode === 'gateway'))
    fail('R10', 'body.strategy', "is missing, which only a gateway's own run allows")
  if (strategy !== null) {
    const params = paramsDigest(strategy.params, crypto)
    same(fail, 'R10', 'body.strategy.paramsDigest', strategy.paramsDigest, params)
    names(strategy.bundle, 'body.strategy.bundle')
  }
  for (const [i, model] of models.entries()) if (model.file) names(model.file, `body.models.${i}.file`)

  const once = (field: string, values: readonly string[]) => {
    const twice = values.find((value, i) => values.indexOf(value) !== i)
    if (twice !== undefined) fail('R11', field, `names ${twice} twice`)
  }
  once(
    'body.models',
    models.map(({ name }) => name),
  )
  once(
    'body.keys.workers',
    keys.workers.map(({ id }) => id),
  )
  // One key under two operators would be a quorum of one.
  const operators = new Set(keys.workers.map(({ operator, publicKey }) => `${publicKey} ${operator}`))
  const workers = [...operators].map(name => name.slice(0, 64))
  // A gateway may work itself, under its own key.
  once('body.keys', body.mode === 'gateway' ? workers : [keys.agent, ...workers])
  once('body.keys', [...keys.verifiers, ...(keys.executor === null ? [] : [keys.executor])])

  if (scope === 'log') same(fail, 'R12', 'body.previous', body.previous, known.lastRun)
  if (chain !== null) {
    const document = policy.document as { [field: string]: unknown } | null
    for (const field of ['chainId', 'safe', 'module'] as const)
      same(fail, 'R13', `body.chain.${field}`, chain[field], document?.[field])
  }
  const inForce = known.logKeys.at(-1)?.vkey
  if (inForce !== undefined) same(fail, 'R14', 'body.keys.log', keys.log, inForce)
  else known.logKeys.push({ vkey: keys.log, where: `${where} (run) body.keys.log`, rule: 'R14' })
}
