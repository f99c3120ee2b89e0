import type { Hex } from 'viem'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { APPROVER, type Arena, LATE, SWAP_IN } from '../arena.ts'
import { type ContractAttack, HASH, inModule, LOOSE, never } from './attack.ts'

const DAY = 86_400

/** Every outflow of dollars needs the approver. */
async function withApprover(arena: Arena): Promise<void> {
  await arena.configure('setApprovers', [[APPROVER.address], 1n])
  await arena.configure('setApprovalLimit', [arena.dollar, 0n, DAY])
}

type Message = Awaited<ReturnType<Arena['verdict']>>
/** What the approver signs for a message, as this module hashes it, whatever has become of the hash. */
async function approvalOf(arena: Arena, { calls, bounds, nonce }: Message): Promise<Hex> {
  const args = [calls, bounds, nonce, LATE] as const
  const read = { address: arena.module, abi: MODULE_ABI, functionName: 'hashApproval' } as const
  return APPROVER.sign({ hash: await arena.client.public.readContract({ ...read, args }) })
}

/** The approver saw `seen`; `executed` is what verifiers signed beside it. */
async function approvedOther(arena: Arena, seen: Message, executed: Message): Promise<string> {
  const approvals = [await approvalOf(arena, seen)]
  return arena.execute(executed, [await arena.sign(executed)], { approvals })
}

/** What people approved, and what is made of it. */
export const PEOPLE_ATTACKS: ContractAttack[] = [
  {
    name: 'above the approval limit without approvers',
    refusedBy: 'ApprovalNeeded',
    without: inModule('if (_approvalLimited != 0 && !isApproved)', 'if (1 == 2)'),
    async attempt(arena) {
      await withApprover(arena)
      return arena.signedByAll({})
    },
  },
  {
    name: 'a limit above which people must approve, where the owners name nobody',
    refusedBy: 'ApprovalNeeded',
    without: inModule('return approverThreshold != 0 && signatures.length >= approverThreshold;', 'return true;'),
    async attempt(arena) {
      await withApprover(arena)
      await arena.configure('setApprovers', [[APPROVER.address], 0n])
      const message = await arena.verdict()
      return approvedOther(arena, message, message)
    },
  },
  {
    name: 'an approval of other calls',
    refusedBy: 'NotAnApprover',
    without: [
      { file: HASH, from: 'abi.encode(APPROVAL, safe, callsHash,', to: 'abi.encode(APPROVAL, safe, bytes32(0),' },
    ],
    async attempt(arena) {
      await withApprover(arena)
      const message = await arena.verdict({ bounds: LOOSE(arena) })
      return approvedOther(arena, message, { ...message, calls: arena.swapCalls(9n * SWAP_IN) })
    },
  },
  {
    name: 'an approval of stricter bounds',
    refusedBy: 'NotAnApprover',
    without: [
      { file: HASH, from: 'callsHash, boundsHash, nonce, validUntil', to: 'callsHash, bytes32(0), nonce, validUntil' },
    ],
    async attempt(arena) {
      await withApprover(arena)
      const message = await arena.verdict()
      return approvedOther(arena, message, { ...message, bounds: LOOSE(arena) })
    },
  },
  {
    name: 'one approval serves three batches',
    refusedBy: 'NotAnApprover',
    without: [{ file: HASH, from: 'boundsHash, nonce, validUntil', to: 'boundsHash, uint256(0), validUntil' }],
    async attempt(arena) {
      await withApprover(arena)
      const seen = await arena.verdict()
      for (const message of [seen, await arena.verdict(), await arena.verdict()]) {
        const done = await approvedOther(arena, seen, message)
        if (done !== 'succeeded') return done
      }
      return 'succeeded'
    },
  },
  {
    name: 'an approval that is past its time',
    refusedBy: 'ApprovalExpired',
    without: never('if (block.timestamp > approvals.validUntil) revert'),
    async attempt(arena) {
      await withApprover(arena)
      const message = await arena.verdict()
      const approval = await arena.signApproval({ ...message, validUntil: 1n })
      const signatures = [await arena.sign(message)]
      return arena.execute(message, signatures, { approvals: [approval], approvedUntil: 1n })
    },
  },
  {
    name: 'one approver counted twice',
    refusedBy: 'SignersNotAscending',
    without: inModule('if (signer <= previous) revert', 'if (signer < previous) revert'),
    async attempt(arena) {
      await withApprover(arena)
      const second = `0x${'ff'.repeat(20)}` as Hex
      await arena.configure('setApprovers', [[APPROVER.address, second], 2n])
      const message = await arena.verdict()
      const approval = await approvalOf(arena, message)
      return arena.execute(message, [await arena.sign(message)], { approvals: [approval, approval] })
    },
  },
]
