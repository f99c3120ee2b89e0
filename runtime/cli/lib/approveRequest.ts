import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { encodeAbiParameters, type LocalAccount } from 'viem'
import { readPolicy } from '#config/readPolicy.ts'
import { type ApprovalRequest, approvalRequest } from '#runtime/chain/approvalDesk.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { openSigner } from '#runtime/chain/signer.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { contractOf, contractSigned } from '#verifier/effects/contractSignature.ts'
import { askNode } from '#verifier/effects/reading.ts'
import { namesOf } from '#verifier/effects/show.ts'
import { approvalHash, approvalTypedData, recoverApprover } from '#verifier/evidence/approvalTypes.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { type Approval, approval } from '#verifier/evidence/records/approval.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { normaliseSignature } from '#verifier/evidence/secp256k1.ts'
import { showAddress } from '#verifier/evidence/text/showAddress.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import { type Policy, parsePolicy, policyDigest } from '#verifier/policy/policy.ts'
import { approvalScreen } from './approvalScreen.ts'
import { readOwnView } from './ownView.ts'

export type ApproveOptions = {
  /** Whose answer: a key file, keystore, env:NAME or remote signer; of a contract's owner where `contract` is given. */
  key: string | null
  /** A contract that approves (ERC-1271), such as a Safe. */
  contract: string | null
  /** Its signature, made elsewhere; without it the key signs as the single owner of a Safe. */
  signature: string | null
  reject: string | null
  isSure: boolean
  /** The approver's own copy of the policy, and node. */
  policy: string | null
  rpc: string | null
  print(line: string): void
}

export type ApproveReport = { answer: Approval['answer']; proposalDigest: string; signer: string; file: string }

/**
 * Shows a request as the verifier's own decoder reads it, and signs an answer beside it. What is signed is derived from
 * the proposal that is shown, never from a hash that the file claims; an answer that the module would not take is not
 * written. @throws BAD_INPUT, FILE_MISSING, REFUSED, UNREACHABLE
 */
export async function approveRequest(file: string, options: ApproveOptions): Promise<ApproveReport> {
  const { reject, isSure, print } = options
  const { request, policy } = readRequest(file)
  const { proposal } = request
  const digest = proposalDigest(proposal)
  const chain = options.rpc === null ? null : createChainPort(options.rpc)
  const own = chain === null ? null : await readOwnView(chain, proposal, policy)
  const isPolicyKnown = comparePolicies(file, proposal, policy, options.policy, own?.policyInForce ?? null)
  const { signer, account } = await whoAnswers(options)
  const nowSeconds = Math.floor(Date.now() / 1_000)
  for (const line of approvalScreen({ request, policy, isPolicyKnown, own, nowSeconds })) print(line)
  const isApprover = policy === null ? null : policy.approvals.approvers.includes(signer)
  print(
    `you         ${showAddress(signer, policy === null ? undefined : namesOf(policy))}${isApprover === false ? ', NO APPROVER of this policy' : ''}: ${reject === null ? 'APPROVE' : `reject, because: ${showText(reject)}`}`,
  )
  const out = join(dirname(file), `${digest}.${signer}.json`)
  if (await hasAnswered(out, proposal, signer))
    throw new WarrantError('BAD_INPUT', `${out}: this key has answered before`)
  if (!isSure) await confirm(print)

  const unsigned = {
    proposal: request.leafHash,
    proposalDigest: digest,
    answer: reject === null ? ('approve' as const) : ('reject' as const),
    reason: reject,
  }
  const signature =
    options.contract === null
      ? await signAs(account as LocalAccount, proposal, unsigned)
      : await contractSignature(signer, proposal, unsigned, options.signature, account)
  const answer: Approval = { ...unsigned, signer, signature }
  await checkAnswer(answer, proposal, chain)
  writeDurably(out, utf8(`${JSON.stringify(answer)}\n`))
  return { answer: answer.answer, proposalDigest: digest, signer, file: out }
}

/** What a wallet signs to approve: for `eth_signTypedData_v4`, or a Safe's message. */
export function typedDataOf(file: string): object {
  return approvalTypedData(readRequest(file).request.proposal)
}

function readRequest(file: string): { request: ApprovalRequest; policy: Policy | null } {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    throw new WarrantError('FILE_MISSING', `${file}: cannot be read as JSON`)
  }
  const parsed = approvalRequest.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new WarrantError('BAD_INPUT', `${file}: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`)
  }
  const request = parsed.data
  const digest = proposalDigest(request.proposal)
  if (basename(file) !== `${digest}.json`)
    throw new WarrantError('BAD_INPUT', `${file}: holds the proposal ${digest}: the file's name says otherwise`)
  const policy = request.policy === null ? null : parsePolicy(request.policy, `${file}: policy`)
  if (policy !== null && policyDigest(policy) !== request.proposal.policyDigest)
    throw new WarrantError('BAD_INPUT', `${file}: policy: is not the one that the proposal names`)
  return { request, policy }
}

/** @returns whether anybody but the sender says that this is the policy @throws BAD_INPUT where they say otherwise */
function comparePolicies(
  file: string,
  proposal: Proposal,
  policy: Policy | null,
  ownFile: string | null,
  inForce: string | null,
): boolean {
  if (ownFile !== null) {
    const digest = policyDigest(readPolicy(ownFile))
    if (digest !== proposal.policyDigest)
      throw new WarrantError('BAD_INPUT', `${file}: is under policy ${proposal.policyDigest}, ${ownFile} is ${digest}`)
  }
  if (inForce !== null && inForce !== `0x${proposal.policyDigest}`)
    throw new WarrantError(
      'BAD_INPUT',
      `${file}: is under policy 0x${proposal.policyDigest}, the module has ${inForce}`,
    )
  return policy !== null && (ownFile !== null || inForce !== null)
}

async function whoAnswers({ key, contract, signature }: ApproveOptions) {
  if (contract !== null && !/^0x[0-9a-fA-F]{40}$/.test(contract))
    throw new WarrantError('BAD_INPUT', `--contract must be an address, got ${showText(contract, 60)}`)
  if (key === null && (contract === null || signature === null))
    throw new WarrantError('BAD_INPUT', 'say who answers: --key, or --contract with --signature')
  const account = key === null ? null : await openSigner(key)
  return { account, signer: (contract ?? account?.address ?? '').toLowerCase() }
}

/** Whether an answer of this signer that counts is there already. A file that is none is replaced. */
async function hasAnswered(out: string, proposal: Proposal, signer: string): Promise<boolean> {
  if (!existsSync(out)) return false
  try {
    const before = approval.parse(JSON.parse(readFileSync(out, 'utf8')))
    return contractOf(before.signature)?.contract === signer || (await recoverApprover(proposal, before)) === signer
  } catch {
    return false
  }
}

type Unsigned = Omit<Approval, 'signer' | 'signature'>

const rejection = (unsigned: Unsigned) => ({ raw: domainBytes('approval', canonicalBytes(unsigned)) })

async function signAs(account: LocalAccount, proposal: Proposal, unsigned: Unsigned): Promise<string> {
  const made =
    unsigned.answer === 'approve'
      ? await account.signTypedData(approvalTypedData(proposal))
      : await account.signMessage({ message: rejection(unsigned) })
  return normaliseSignature(made)
}

/** The contract's address, and what it takes for its signature: given, or made by a key that owns a Safe alone. */
async function contractSignature(
  contract: string,
  proposal: Proposal,
  unsigned: Unsigned,
  given: string | null,
  account: LocalAccount | null,
): Promise<string> {
  const bytes = given ?? (await signAsSafe(contract, proposal, unsigned, account as LocalAccount))
  if (!/^0x([0-9a-f]{2}){46,2000}$/i.test(bytes))
    throw new WarrantError('BAD_INPUT', '--signature must be 0x and 46 to 2,000 bytes in hexadecimal')
  return `${contract}${bytes.slice(2).toLowerCase()}`
}

async function signAsSafe(
  safe: string,
  proposal: Proposal,
  unsigned: Unsigned,
  account: LocalAccount,
): Promise<string> {
  const domain = { chainId: BigInt(proposal.chainId), verifyingContract: safe as `0x${string}` }
  // Safe's handler wraps the hash that it is asked about (ERC-1271) as a message of its own.
  const message = { message: encodeAbiParameters([{ type: 'bytes32' }], [approvalHash(proposal, unsigned)]) }
  const typed = { domain, types: SAFE_MESSAGE, primaryType: 'SafeMessage' as const, message }
  return normaliseSignature(await account.signTypedData(typed))
}

const SAFE_MESSAGE = {
  EIP712Domain: [
    { name: 'chainId', type: 'uint256' },
    { name: 'verifyingContract', type: 'address' },
  ],
  SafeMessage: [{ name: 'message', type: 'bytes' }],
} as const

/** What the module would not take is not written. */
async function checkAnswer(answer: Approval, proposal: Proposal, chain: ChainPort | null): Promise<void> {
  if (contractOf(answer.signature) === null) {
    const by = await recoverApprover(proposal, answer).catch(reasonOf)
    if (by !== answer.signer)
      throw new WarrantError('REFUSED', `the signature is not that of ${answer.signer}: ${by}; nothing was written`)
    return
  }
  if (chain === null)
    throw new WarrantError('BAD_INPUT', 'only the chain can say whether a contract signed: give --rpc URL')
  const { number } = await chain.head()
  if (
    !(await askNode(contractSigned(answer.signature, approvalHash(proposal, answer)), call => chain.read(call, number)))
  )
    throw new WarrantError('REFUSED', `${answer.signer} does not take this signature (ERC-1271); nothing was written`)
}

async function confirm(print: (line: string) => void): Promise<void> {
  if (process.stdin.isTTY !== true)
    throw new WarrantError('BAD_INPUT', 'nobody is there to ask: read the contents above, then say --yes')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const said = await terminal.question('Sign this? Type yes: ')
  terminal.close()
  if (said.trim() !== 'yes') {
    print('nothing was signed')
    throw new WarrantError('REFUSED', 'the approver did not say yes')
  }
}
