import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { approvalRequest } from '#runtime/chain/approvalDesk.ts'
import { openSigner } from '#runtime/chain/signer.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { describeCalls } from '#verifier/effects/describeCalls.ts'
import { approvalTypedData } from '#verifier/evidence/approvalTypes.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'

export type ApproveReport = { answer: Approval['answer']; proposalDigest: string; signer: string; file: string }

/**
 * Shows a request as the verifier's own decoder reads it, and signs an answer beside it. What is signed is derived from
 * the proposal that is shown, never from a hash that the file claims. @throws BAD_INPUT, FILE_MISSING
 */
export async function approveRequest(
  file: string,
  { key, reject, isSure, print }: { key: string; reject: string | null; isSure: boolean; print(line: string): void },
): Promise<ApproveReport> {
  const request = readRequest(file)
  const { proposal, leafHash, valueUsd, reason } = request
  const digest = proposalDigest(proposal)
  if (basename(file) !== `${digest}.json`)
    throw new WarrantError('BAD_INPUT', `${file}: holds the proposal ${digest}: the file's name says otherwise`)
  const account = await openSigner(key)
  const signer = account.address.toLowerCase()
  print(`proposal    ${digest}`)
  print(`Safe        ${proposal.safe} on chain ${proposal.chainId}, by module ${proposal.module}`)
  print(`agent       ${proposal.agent}, because: ${reason}`)
  print(`at risk     ${valueUsd} USD by the agent's own prices`)
  for (const line of describeCalls(proposal.calls, null)) print(`call        ${line}`)
  for (const { kind, target, limit, id } of proposal.bounds)
    print(`bound       kind ${kind}: ${target}${id === '0' ? '' : ` ${id}`} changes by ${limit} at the least`)
  print(`executor    ${proposal.executor}`)
  print(`valid until ${new Date(proposal.validUntil * 1_000).toISOString()}`)
  print(`you         ${signer}: ${reject === null ? 'APPROVE' : `reject: ${reject}`}`)
  if (!isSure) await confirm(print)

  const unsigned = {
    proposal: leafHash,
    proposalDigest: digest,
    answer: reject === null ? ('approve' as const) : ('reject' as const),
    reason: reject,
  }
  const signature =
    reject === null
      ? await account.signTypedData(approvalTypedData(proposal))
      : await account.signMessage({ message: { raw: domainBytes('approval', canonicalBytes(unsigned)) } })
  const answer: Approval = { ...unsigned, signer, signature }
  const out = join(dirname(file), `${digest}.${signer}.json`)
  if (existsSync(out)) throw new WarrantError('BAD_INPUT', `${out}: this key has answered before`)
  writeDurably(out, utf8(`${JSON.stringify(answer)}\n`))
  return { answer: answer.answer, proposalDigest: digest, signer, file: out }
}

function readRequest(file: string) {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new WarrantError('FILE_MISSING', `${file}: cannot be read as JSON`, { cause })
  }
  const parsed = approvalRequest.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new WarrantError('BAD_INPUT', `${file}: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`)
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
