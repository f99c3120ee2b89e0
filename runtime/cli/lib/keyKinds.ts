import { WarrantError } from '#verifier/evidence/error.ts'

/** Kinds of keys: what they sign with, whether a name is part of them, and where their public part goes. */
export const KEY_KINDS = {
  agent: {
    curve: 'Ed25519',
    isNamed: false,
    use: "the policy's identities.agents; the file is keys/agent.key of a run",
  },
  worker: {
    curve: 'Ed25519',
    isNamed: false,
    use: 'workers[].publicKey of gateway.yaml, inference.workers of a run, the policy’s identities.workers',
  },
  gateway: {
    curve: 'Ed25519',
    isNamed: false,
    use: 'signs what a gateway records; the file is worker.key of its keys',
  },
  log: {
    curve: 'Ed25519',
    isNamed: true,
    use: "logKey of verifier.yaml, the policy's identities.log, --vkey and warrant.pins of whoever reads the log",
  },
  witness: {
    curve: 'Ed25519',
    isNamed: true,
    use: "a line `witness NAME VKEY URL` of quorum files, the policy's witnesses, warrant.pins",
  },
  'witness-ml-dsa': { curve: 'ML-DSA-44', isNamed: true, use: 'as witness, with warrant witness --ml-dsa-key FILE' },
  verifier: { curve: 'secp256k1', isNamed: false, use: "verifiers of treasury.yaml: the module's owners list it" },
  executor: {
    curve: 'secp256k1',
    isNamed: false,
    use: "treasury.executorKey of a run, the policy's identities.executors; it pays for gas",
  },
  approver: { curve: 'secp256k1', isNamed: false, use: "the policy's approvals.approvers, warrant approve --key FILE" },
  guardian: {
    curve: 'secp256k1',
    isNamed: false,
    use: 'guardian of treasury.yaml, watch.guardianKey of verifier.yaml: it can only pause',
  },
} as const
export type KeyKind = keyof typeof KEY_KINDS

/** The kind with a name. @throws BAD_INPUT naming all of them */
export function keyKindOf(text: string): KeyKind {
  if (Object.hasOwn(KEY_KINDS, text)) return text as KeyKind
  throw new WarrantError('BAD_INPUT', `no key of kind ${text}: there are ${Object.keys(KEY_KINDS).join(', ')}`)
}
