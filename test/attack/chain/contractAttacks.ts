import { encodeFunctionData, type Hex, parseAbi, toFunctionSelector, zeroAddress } from 'viem'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { revertReason } from '#runtime/chain/revertReason.ts'
import { APPROVAL_TYPES } from '#verifier/evidence/approvalTypes.ts'
import { verdictDomain } from '#verifier/evidence/verdictTypes.ts'
import { APPROVER, type Arena, ATTACKER, type Call, SWAP_IN, VERIFIERS } from './arena.ts'
import type { Mutation } from './mutation.ts'

/** An attack on the chain's own defences. It answers 'succeeded', or why it did not. */
export type ContractAttack = {
  name: string
  /** Who refuses it: the error's name. */
  refusedBy: string
  /** The defence, mutated away. */
  without: Mutation[]
  attempt(arena: Arena): Promise<string>
}

const MODULE = 'verifier/contracts/WarrantModule.sol'
const HASH = 'verifier/contracts/VerdictHash.sol'
const GUARD = 'verifier/contracts/WarrantGuard.sol'
const EFFECTS = 'verifier/contracts/ApprovalEffects.sol'
const never = (from: string, file = MODULE): Mutation[] => [
  { file, from, to: from.replace('if (', 'if (1 == 2 && (').replace(/\) revert/, ')) revert') },
]
const inModule = (from: string, to: string): Mutation[] => [{ file: MODULE, from, to }]

/** Every measured bound holds, whatever happened. */
const UNBOUND = inModule('if (!holds) revert', 'if (1 == 2) revert')
const [V1, V2, V3, V4] = VERIFIERS
const LOOSE = (arena: Arena) => [arena.bound(arena.dollar, -(10n ** 12n)), arena.bound(arena.weth, -(10n ** 19n))]
const EVIL_FOR_DOLLARS = (arena: Arena, out: bigint) => ({
  calls: [arena.approve(arena.dollar, arena.exchange, SWAP_IN), arena.trade(arena.dollar, arena.evil, SWAP_IN, out)],
  bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.evil, 10n ** 18n)],
})
const approvalFor = (arena: Arena, proposalDigest: Hex) =>
  APPROVER.signTypedData({
    domain: verdictDomain(arena.net.chain.chainId, arena.module),
    types: APPROVAL_TYPES,
    primaryType: 'Approval',
    message: { safe: arena.safe, proposalDigest },
  })

/** Calls that the module does not look into. */
const OPAQUE = [
  'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)',
  'permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)',
  'permit(address,uint256,uint256,uint8,bytes32,bytes32)',
  'permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)',
  'permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)',
  'multicall(bytes[])',
  'multicall(uint256,bytes[])',
  'multicall(bytes32,bytes[])',
  'aggregate((address,bytes)[])',
  'aggregate3((address,bool,bytes)[])',
  'aggregate3Value((address,bool,uint256,bytes)[])',
  'execute(bytes,bytes[],uint256)',
  'execute(bytes,bytes[])',
  'execute(address,uint256,bytes)',
  'multiSend(bytes)',
]

export const CONTRACT_ATTACKS: ContractAttack[] = [
  // ------------------------------------------------------------------------------------------- who signed, and what
  {
    name: 'stolen executor key sends calls of its own without any verdict',
    refusedBy: 'NotEnoughSignatures',
    without: never('if (signatures.length < verifierThreshold) revert'),
    attempt: async arena => arena.execute(await arena.verdict(), []),
  },
  {
    name: 'verdict forged by a stranger',
    refusedBy: 'NotAVerifier',
    without: inModule(
      'if (next == verifiers.length || verifiers[next] != signer) revert',
      'if (signer == address(1)) revert',
    ),
    attempt: arena => arena.signedByAll({}, [ATTACKER]),
  },
  {
    name: 'one verifier signs twice where two must',
    refusedBy: 'SignersNotAscending',
    without: inModule('if (signer <= previous) revert', 'if (signer < previous) revert'),
    async attempt(arena) {
      await arena.configure('setVerifiers', [[V1.address, V2.address], 2n])
      return arena.signedByAll({}, [V1, V1])
    },
  },
  {
    name: 'one of two verifiers, where both must',
    refusedBy: 'NotEnoughSignatures',
    without: never('if (signatures.length < verifierThreshold) revert'),
    async attempt(arena) {
      await arena.configure('setVerifiers', [[V1.address, V2.address], 2n])
      return arena.signedByAll({}, [V1])
    },
  },
  {
    name: 'two disjoint quorums sign two contents',
    refusedBy: 'reverted',
    without: inModule('|| 2 * threshold <= verifiers.length', '|| threshold == 0'),
    async attempt(arena) {
      const set = await arena.owners(() => arena.configure('setVerifiers', [VERIFIERS.map(v => v.address), 2n]))
      if (set !== 'succeeded') return set
      const one = await arena.signedByAll({}, [V1, V2])
      return one === 'succeeded' ? arena.signedByAll({}, [V3, V4]) : one
    },
  },
  {
    name: 'signature in its other form (high s)',
    refusedBy: 'BadSignature',
    without: [{ file: HASH, from: 'if (uint256(s) > HALF_ORDER)', to: 'if (1 == 2)' }],
    async attempt(arena) {
      const message = await arena.verdict()
      const signature = await arena.sign(message)
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
      const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0')
      const v = signature.endsWith('1b') ? '1c' : '1b'
      return arena.execute(message, [`0x${signature.slice(2, 66)}${s}${v}`])
    },
  },
  {
    name: 'contract verifier that answers something else than yes',
    refusedBy: 'BadSignature',
    without: inModule(
      '&& abi.decode(result, (bytes32)) == bytes32(IERC1271.isValidSignature.selector)',
      '&& signer != address(0)',
    ),
    async attempt(arena) {
      const signer = await arena.deploy('YesSigner')
      await arena.configure('setVerifiers', [[signer], 1n])
      return arena.execute(await arena.verdict(), [`${signer}${'00'.repeat(65)}`])
    },
  },
  {
    name: 'verdict for another chain',
    refusedBy: 'NotAVerifier',
    without: inModule('VerdictHash.domain(block.chainid, address(this))', 'VerdictHash.domain(1, address(this))'),
    async attempt(arena) {
      const message = await arena.verdict()
      return arena.execute(message, [await arena.sign(message, V1, verdictDomain(1, arena.module))])
    },
  },
  {
    name: 'verdict for another module',
    refusedBy: 'NotAVerifier',
    without: inModule(
      'VerdictHash.domain(block.chainid, address(this))',
      'VerdictHash.domain(block.chainid, address(0))',
    ),
    async attempt(arena) {
      const message = await arena.verdict()
      // Where the module's address is not in the domain, every module of the chain takes the same signature.
      const domain = verdictDomain(arena.net.chain.chainId, zeroAddress)
      return arena.execute(message, [await arena.sign(message, V1, domain)])
    },
  },
  {
    name: 'verdict for another Safe',
    refusedBy: 'WrongSafe',
    without: never('if (verdict.safe != address(safe)) revert'),
    attempt: arena => arena.signedByAll({ safe: ATTACKER.address }),
  },
  {
    name: 'expired verdict',
    refusedBy: 'Expired',
    without: never('if (block.timestamp > verdict.validUntil) revert'),
    attempt: arena => arena.signedByAll({ validUntil: 1n }),
  },
  {
    name: 'replayed verdict',
    refusedBy: 'NonceUsed',
    without: never('if (isNonceUsed(verdict.nonce)) revert'),
    async attempt(arena) {
      const message = await arena.verdict()
      const signatures = [await arena.sign(message)]
      const first = await arena.execute(message, signatures)
      return first === 'succeeded' ? arena.execute(message, signatures) : first
    },
  },
  {
    name: 'verifier equivocates: two contents under one nonce',
    refusedBy: 'NonceUsed',
    without: inModule('_usedNonces[verdict.nonce >> 8] |=', '_usedNonces[verdict.nonce >> 8] &='),
    async attempt(arena) {
      const first = await arena.signedByAll({ nonce: 7_777n })
      return first === 'succeeded' ? arena.signedByAll({ nonce: 7_777n, calls: arena.swapCalls(5n) }) : first
    },
  },
  {
    name: 'another executor sends it',
    refusedBy: 'WrongExecutor',
    without: never('if (verdict.executor != msg.sender) revert'),
    async attempt(arena) {
      const message = await arena.verdict()
      return arena.execute(message, [await arena.sign(message)], { from: ATTACKER })
    },
  },
  {
    name: 'executor changed after signing',
    refusedBy: 'NotAVerifier',
    without: [{ file: HASH, from: '                v.executor,', to: '                address(0),' }],
    async attempt(arena) {
      const message = await arena.verdict()
      const signed = await arena.sign({ ...message, executor: zeroAddress })
      return arena.execute({ ...message, executor: ATTACKER.address }, [signed], { from: ATTACKER })
    },
  },
  {
    name: 'amount changed after signing',
    refusedBy: 'NotAVerifier',
    without: [{ file: HASH, from: 'keccak256(v.calls[i].data)', to: 'bytes32(0)' }],
    async attempt(arena) {
      const message = await arena.verdict({ bounds: LOOSE(arena) })
      const digest = await arena.client.public.readContract({
        ...{ address: arena.module, abi: MODULE_ABI, functionName: 'hashVerdict', args: [message] },
      })
      return arena.execute({ ...message, calls: arena.swapCalls(9n * SWAP_IN) }, [await V1.sign({ hash: digest })])
    },
  },
  {
    name: 'order of calls changed after signing',
    refusedBy: 'NotAVerifier',
    without: [
      {
        file: HASH,
        from: 'keccak256(abi.encodePacked(calls))',
        to: 'keccak256(abi.encodePacked(calls[0] ^ calls[1] ^ calls[2] ^ calls[3]))',
      },
    ],
    async attempt(arena) {
      const calls = [...arena.swapCalls(), ...arena.swapCalls(10n ** 17n, 'WETH')]
      const message = await arena.verdict({ calls, bounds: LOOSE(arena) })
      const digest = await arena.client.public.readContract({
        ...{ address: arena.module, abi: MODULE_ABI, functionName: 'hashVerdict', args: [message] },
      })
      const reordered = [...calls.slice(2), ...calls.slice(0, 2)]
      return arena.execute({ ...message, calls: reordered }, [await V1.sign({ hash: digest })])
    },
  },
  {
    name: 'bounds weakened after signing',
    refusedBy: 'NotAVerifier',
    without: [{ file: HASH, from: 'b.id, b.limit)', to: 'b.id, int256(0))' }],
    async attempt(arena) {
      const message = await arena.verdict()
      const digest = await arena.client.public.readContract({
        ...{ address: arena.module, abi: MODULE_ABI, functionName: 'hashVerdict', args: [message] },
      })
      return arena.execute({ ...message, bounds: LOOSE(arena) }, [await V1.sign({ hash: digest })])
    },
  },
  {
    name: 'policy swapped under the verifier',
    refusedBy: 'PolicyChanged',
    without: never('if (verdict.policyDigest != policy) revert'),
    attempt: arena => arena.signedByAll({ policyDigest: `0x${'ee'.repeat(32)}` }),
  },
  {
    name: 'verdict for a reorged block',
    refusedBy: 'ReferenceBlockReorged',
    without: inModule('actual != bytes32(0) && actual != verdict.refBlockHash', 'actual == bytes32(uint256(1))'),
    attempt: arena => arena.signedByAll({ refBlockHash: `0x${'11'.repeat(32)}` }),
  },
  {
    name: 'verdict on a block that is not there yet',
    refusedBy: 'ReferenceBlockUnknown',
    without: never('if (verdict.refBlock >= block.number) revert'),
    attempt: arena => arena.signedByAll({ refBlock: 9_000_000n, refBlockHash: `0x${'11'.repeat(32)}` }),
  },
  {
    name: 'verdict that binds nothing',
    refusedBy: 'NoBounds',
    without: [...never('if (verdict.bounds.length == 0) revert'), ...never('if (bound == 0) revert')],
    attempt: arena => arena.signedByAll({ bounds: [] }),
  },
  {
    name: 'executed while paused',
    refusedBy: 'Paused',
    without: inModule('if (paused) revert', 'if (1 == 2) revert'),
    async attempt(arena) {
      const data = encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' })
      await arena.client.send(arena.guardian, { to: arena.module, data })
      return arena.signedByAll({})
    },
  },
  {
    name: 'above the approval limit without approvers',
    refusedBy: 'NotEnoughSignatures',
    without: inModule('if (approverThreshold != 0 && _needsApproval(verdict.bounds))', 'if (1 == 2)'),
    async attempt(arena) {
      await arena.configure('setApprovers', [[APPROVER.address], 1n])
      await arena.configure('setApprovalLimit', [arena.dollar, 1n])
      return arena.signedByAll({})
    },
  },
  {
    name: "another proposal's approval",
    refusedBy: 'NotAnApprover',
    without: [
      { file: HASH, from: 'abi.encode(APPROVAL, safe, proposalDigest)', to: 'abi.encode(APPROVAL, safe, bytes32(0))' },
    ],
    async attempt(arena) {
      await arena.configure('setApprovers', [[APPROVER.address], 1n])
      await arena.configure('setApprovalLimit', [arena.dollar, 1n])
      const message = await arena.verdict()
      const other = await approvalFor(arena, `0x${'00'.repeat(32)}`)
      return arena.execute(message, [await arena.sign(message)], { approvals: [other] })
    },
  },

  // ------------------------------------------------------------- what k colluding verifiers may sign, and not move
  {
    name: 'k colluding verifiers pay another recipient',
    refusedBy: 'RecipientNotSafe',
    without: inModule(
      'if (recipient != address(safe) && !isPayee[recipient]) revert',
      'if (recipient == address(0)) revert',
    ),
    async attempt(arena) {
      const stolen = arena.swapCalls().map(call => ({
        ...call,
        data: call.data.replaceAll(arena.safe.slice(2), ATTACKER.address.slice(2).toLowerCase()) as Hex,
      }))
      const done = await arena.signedByAll({ calls: stolen, bounds: [arena.bound(arena.dollar, -SWAP_IN)] })
      return done === 'succeeded' && (await arena.balance(arena.weth, ATTACKER.address)) === 0n ? 'no gain' : done
    },
  },
  {
    name: 'k colluding verifiers call a target that no rule names',
    refusedBy: 'CallNotAllowed',
    without: inModule('!rule.allowed || call.data.length', 'call.data.length'),
    attempt: arena =>
      arena.signedByAll({
        calls: [
          {
            to: arena.dollar,
            value: 0n,
            data: arena.encode('HostileToken', 'transfer', [ATTACKER.address, 10n ** 10n]),
          },
        ],
        bounds: [arena.bound(arena.dollar, -(10n ** 10n))],
      }),
  },
  {
    name: 'k colluding verifiers call the Safe itself, to enable a module of theirs',
    refusedBy: 'CallNotAllowed',
    without: [
      ...inModule('if (target == address(safe) || target == address(this)) revert', 'if (1 == 2) revert'),
      ...inModule('|| call.to == address(safe) || call.to == address(this)', ''),
    ],
    async attempt(arena) {
      const enable = encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [ATTACKER.address] })
      await arena.owners(() => arena.allow(arena.safe, enable.slice(0, 10) as Hex))
      const bounds = [arena.bound(arena.dollar, 0n)]
      return arena.signedByAll({ calls: [{ to: arena.safe, value: 0n, data: enable }], bounds })
    },
  },
  {
    name: 'k colluding verifiers against the backstop',
    refusedBy: 'CapExceeded',
    without: never('if (level + outflow > cap.amount) revert'),
    async attempt(arena) {
      await arena.configure('setCap', [arena.dollar, SWAP_IN + SWAP_IN / 2n, 86_400])
      const first = await arena.signedByAll({})
      return first === 'succeeded' ? arena.signedByAll({}) : first
    },
  },
  {
    name: 'an asset leaves that no bound names',
    refusedBy: 'UnboundAssetFell',
    without: never('if (bound == 0) revert'),
    attempt: arena => arena.signedByAll({ bounds: [arena.bound(arena.weth, 1n)] }),
  },
  {
    name: 'native coins leave inside a call',
    refusedBy: 'UnboundAssetFell',
    without: never('if (bound == 0) revert'),
    async attempt(arena) {
      await arena.allow(arena.weth, '0xd0e30db0')
      const calls = [{ to: arena.weth, value: 10n ** 18n, data: '0xd0e30db0' as Hex }]
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.weth, 1n)] })
    },
  },
  {
    name: 'bounds on the same token twice: the strict one second',
    refusedBy: 'BoundViolated',
    without: inModule('if (!holds) revert', 'if (!holds && index == 0) revert'),
    attempt: arena =>
      arena.signedByAll({
        bounds: [arena.bound(arena.dollar, -(10n ** 12n)), arena.bound(arena.dollar, -1n), arena.bound(arena.weth, 1n)],
      }),
  },
  {
    name: 'bound of a kind that nobody knows',
    refusedBy: 'UnknownBoundKind',
    without: inModule('bound.kind > HEALTH_FACTOR_AT_LEAST ||', ''),
    async attempt(arena) {
      const pool = await arena.deploy('LendingPool', [arena.dollar, 1n])
      return arena.signedByAll({
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.weth, 1n), arena.bound(pool, 1n, 9)],
      })
    },
  },
  {
    name: 'debt beyond its bound',
    refusedBy: 'BoundViolated',
    without: inModule('holds = actual <= bound.limit;', 'holds = true;'),
    async attempt(arena) {
      const pool = await arena.deploy('LendingPool', [arena.dollar, 10n ** 12n])
      await arena.net.market.mintDollars(pool, 10n ** 10n)
      const data = arena.encode('LendingPool', 'borrow', [10n ** 9n, arena.safe])
      await arena.allow(pool, data.slice(0, 10) as Hex, 2)
      return arena.signedByAll({ calls: [{ to: pool, value: 0n, data }], bounds: [arena.bound(pool, 10n ** 8n, 1)] })
    },
  },
  {
    name: 'health factor pushed below its bound',
    refusedBy: 'BoundViolated',
    without: [
      {
        file: MODULE,
        from: 'actual = health > uint256(type(int256).max) ? type(int256).max : int256(health);\n            holds = actual >= bound.limit;',
        to: 'actual = int256(health >> 1);\n            holds = true;',
      },
    ],
    async attempt(arena) {
      const pool = await arena.deploy('LendingPool', [arena.dollar, 10n ** 9n])
      await arena.net.market.mintDollars(pool, 10n ** 10n)
      const data = arena.encode('LendingPool', 'borrow', [10n ** 9n, arena.safe])
      await arena.allow(pool, data.slice(0, 10) as Hex, 2)
      const bounds = [arena.bound(pool, 15n * 10n ** 17n, 3)]
      return arena.signedByAll({ calls: [{ to: pool, value: 0n, data }], bounds })
    },
  },
  {
    name: 'position token given away',
    refusedBy: 'BoundViolated',
    without: inModule('holds = actual == 1;', 'holds = true;'),
    async attempt(arena) {
      const manager = await positions(arena)
      const id = await mintPosition(arena, manager)
      const abi = parseAbi(['function transferFrom(address from, address to, uint256 id)'])
      const data = encodeFunctionData({ abi, functionName: 'transferFrom', args: [arena.safe, ATTACKER.address, id] })
      await arena.allow(manager, data.slice(0, 10) as Hex)
      return arena.signedByAll({ calls: [{ to: manager, value: 0n, data }], bounds: [arena.bound(manager, 0n, 2, id)] })
    },
  },

  // -------------------------------------------------------------------------------------------- powers left behind
  ...(
    [
      ['approve', 'selector == APPROVE ||', 'approve'],
      ['increaseAllowance', '|| selector == INCREASE_ALLOWANCE', 'increaseAllowance'],
    ] as const
  ).map(
    ([name, from, functionName]): ContractAttack => ({
      name: `approval left behind by ${name}`,
      refusedBy: 'ApprovalOutlivesBatch',
      without: [{ file: EFFECTS, from, to: '' }],
      async attempt(arena) {
        const data = arena.encode('HostileToken', functionName, [ATTACKER.address, 10n ** 18n])
        await arena.allow(arena.evil, data.slice(0, 10) as Hex)
        const done = await arena.signedByAll({
          calls: [{ to: arena.evil, value: 0n, data }],
          bounds: [arena.bound(arena.evil, 0n)],
        })
        if (done !== 'succeeded') return done
        const take = arena.encode('HostileToken', 'transferFrom', [arena.safe, ATTACKER.address, 10n ** 18n])
        return arena.attempt(ATTACKER, arena.evil, take)
      },
    }),
  ),
  {
    name: 'approval left behind by setApprovalForAll',
    refusedBy: 'ApprovalOutlivesBatch',
    without: [{ file: EFFECTS, from: 'if (selector == SET_APPROVAL_FOR_ALL)', to: 'if (1 == 2)' }],
    async attempt(arena) {
      const manager = await positions(arena)
      const id = await mintPosition(arena, manager)
      const abi = parseAbi([
        'function setApprovalForAll(address operator, bool approved)',
        'function transferFrom(address from, address to, uint256 id)',
      ])
      const data = encodeFunctionData({ abi, functionName: 'setApprovalForAll', args: [ATTACKER.address, true] })
      await arena.allow(manager, data.slice(0, 10) as Hex)
      const done = await arena.signedByAll({
        calls: [{ to: manager, value: 0n, data }],
        bounds: [arena.bound(manager, 0n, 2, id)],
      })
      if (done !== 'succeeded') return done
      const args = [arena.safe, ATTACKER.address, id] as const
      return arena.attempt(ATTACKER, manager, encodeFunctionData({ abi, functionName: 'transferFrom', args }))
    },
  },
  {
    name: 'approval left behind in Permit2',
    refusedBy: 'ApprovalOutlivesBatch',
    without: [{ file: EFFECTS, from: 'if (selector == PERMIT2_APPROVE)', to: 'if (1 == 2)' }],
    async attempt(arena) {
      const permit2 = await arena.deploy('Permit2')
      // The Safe trusts Permit2 itself, as many do.
      await arena.asOwners(arena.evil, arena.encode('HostileToken', 'approve', [permit2, 10n ** 30n]))
      const data = arena.encode('Permit2', 'approve', [arena.evil, ATTACKER.address, 10n ** 18n, 2_000_000_000])
      await arena.allow(permit2, data.slice(0, 10) as Hex)
      const done = await arena.signedByAll({
        calls: [{ to: permit2, value: 0n, data }],
        bounds: [arena.bound(arena.evil, 0n)],
      })
      if (done !== 'succeeded') return done
      const take = [arena.safe, ATTACKER.address, 10n ** 18n, arena.evil]
      return arena.attempt(ATTACKER, permit2, arena.encode('Permit2', 'transferFrom', take))
    },
  },
  {
    name: 'owners talked into a rule for calls that carry calls or approvals',
    refusedBy: 'reverted',
    without: inModule('if (rule.allowed && ApprovalEffects.isOpaque(selector)) revert', 'if (1 == 2) revert'),
    async attempt(arena) {
      const rules = await Promise.all(
        OPAQUE.map(signature => arena.setRuleFault(arena.router, toFunctionSelector(signature))),
      )
      const faults = rules.filter(fault => fault !== null)
      if (faults.length === 0) return 'succeeded'
      return faults.length === OPAQUE.length ? `reverted: ${faults[0]}` : `only ${faults.length} are refused`
    },
  },
  {
    name: 'approval smuggled in by permit',
    refusedBy: 'CallNotAllowed',
    without: [{ file: EFFECTS, from: 'selector == 0xd505accf', to: 'selector == 0x00000000' }],
    async attempt(arena) {
      const zero = `0x${'00'.repeat(32)}`
      const args = [arena.safe, ATTACKER.address, 10n ** 18n, 2n ** 40n, 27, zero, zero]
      const data = arena.encode('HostileToken', 'permit', args)
      await arena.owners(() => arena.allow(arena.evil, data.slice(0, 10) as Hex))
      const bounds = [arena.bound(arena.evil, 0n)]
      const done = await arena.signedByAll({ calls: [{ to: arena.evil, value: 0n, data }], bounds })
      if (done !== 'succeeded') return done
      const take = [arena.safe, ATTACKER.address, 10n ** 18n]
      return arena.attempt(ATTACKER, arena.evil, arena.encode('HostileToken', 'transferFrom', take))
    },
  },
  {
    name: "a swap to the attacker smuggled in by the router's multicall",
    refusedBy: 'CallNotAllowed',
    without: [{ file: EFFECTS, from: 'selector == 0xac9650d8', to: 'selector == 0x00000000' }],
    async attempt(arena) {
      const abi = parseAbi(['function multicall(bytes[] data)'])
      await arena.owners(() => arena.allow(arena.router, '0xac9650d8'))
      const [approve, swap] = arena.swapCalls() as [Call, Call]
      const inner = swap.data.replaceAll(arena.safe.slice(2), ATTACKER.address.slice(2).toLowerCase()) as Hex
      const data = encodeFunctionData({ abi, functionName: 'multicall', args: [[inner]] })
      const done = await arena.signedByAll({
        calls: [approve, { ...swap, data }],
        bounds: [arena.bound(arena.dollar, -SWAP_IN)],
      })
      return done === 'succeeded' && (await arena.balance(arena.weth, ATTACKER.address)) === 0n ? 'no gain' : done
    },
  },

  // ---------------------------------------------------------------------------------------------- other ways in
  {
    name: 'another enabled module moves tokens',
    refusedBy: 'ModuleDenied',
    without: never('if (!isAllowed(module)) revert', GUARD),
    attempt: arena => byOtherModule(arena, 0),
  },
  {
    name: 'an allowed module uses delegatecall',
    refusedBy: 'DelegatecallDenied',
    without: never('if (operation != 0) revert', GUARD),
    async attempt(arena) {
      const abi = parseAbi(['function allowModule(address module, bool allowed)'])
      const args = [ATTACKER.address, true] as const
      await arena.asOwners(arena.guard, encodeFunctionData({ abi, functionName: 'allowModule', args }))
      return byOtherModule(arena, 1)
    },
  },
  {
    name: 'a stranger configures the guard',
    refusedBy: 'NotTheSafe',
    without: [{ file: GUARD, from: 'if (msg.sender != safe) revert', to: 'if (msg.sender == address(1)) revert' }],
    attempt(arena) {
      const abi = parseAbi(['function allowModule(address module, bool allowed)'])
      const args = [ATTACKER.address, true] as const
      return arena.attempt(ATTACKER, arena.guard, encodeFunctionData({ abi, functionName: 'allowModule', args }))
    },
  },
  {
    name: 'a stranger configures the module',
    refusedBy: 'NotTheSafe',
    without: inModule(
      'if (msg.sender != address(safe)) revert NotTheSafe',
      'if (msg.sender == address(1)) revert NotTheSafe',
    ),
    attempt: arena =>
      arena.attempt(
        ATTACKER,
        arena.module,
        encodeFunctionData({ abi: MODULE_ABI, functionName: 'setVerifiers', args: [[ATTACKER.address], 1n] }),
      ),
  },
  {
    name: 'the guardian tries to resume',
    refusedBy: 'NotTheSafe',
    without: inModule('function resume() external onlySafe', 'function resume() external'),
    async attempt(arena) {
      const pause = encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' })
      await arena.client.send(arena.guardian, { to: arena.module, data: pause })
      return arena.attempt(
        arena.guardian,
        arena.module,
        encodeFunctionData({ abi: MODULE_ABI, functionName: 'resume' }),
      )
    },
  },
  {
    name: 'a stranger pauses',
    refusedBy: 'NotTheGuardian',
    without: inModule(
      'if (msg.sender != guardian && msg.sender != address(safe)) revert',
      'if (msg.sender == address(1)) revert',
    ),
    attempt: arena =>
      arena.attempt(ATTACKER, arena.module, encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' })),
  },
  {
    name: 'a hostile token re-enters with a second verdict',
    refusedBy: 'Reentered',
    without: inModule('if (_entered) revert', 'if (1 == 2) revert'),
    async attempt(arena) {
      const inner = await arena.verdict({ executor: arena.evil })
      const data = arena.encodeExecute(inner, [await arena.sign(inner)])
      await arena.tell(arena.evil, 'HostileToken', 'setHook', [arena.module, data])
      const done = await arena.signedByAll({
        ...EVIL_FOR_DOLLARS(arena, 10n ** 18n),
        bounds: [arena.bound(arena.dollar, -2n * SWAP_IN), arena.bound(arena.evil, 1n), arena.bound(arena.weth, 0n)],
      })
      // The module's own error comes wrapped in the failed call's.
      return done.includes(toFunctionSelector('Reentered()')) ? `Reentered(): ${done}` : done
    },
  },

  // ------------------------------------------------------------------------------------------ the world changes
  {
    name: 'sandwich beyond the bound',
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      const fair = await arena.client.public.call({ account: arena.safe, to: arena.router, data: '0x' }).then(
        () => 0n,
        () => 0n,
      )
      // 1,000 dollars buy about 0.487 WETH at the start's price; the attacker doubles it first.
      const message = await arena.verdict({
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.weth, 4n * 10n ** 17n + fair)],
      })
      const signatures = [await arena.sign(message)]
      await arena.net.market.moveTo(190_000)
      try {
        return await arena.execute(message, signatures)
      } finally {
        await arena.net.market.moveTo(200_000)
      }
    },
  },
  {
    name: 'a token takes a fee on transfer',
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      await arena.tell(arena.evil, 'HostileToken', 'setFee', [500n])
      return arena.signedByAll(EVIL_FOR_DOLLARS(arena, 10n ** 18n))
    },
  },
  {
    name: 'a token shrinks every balance while it trades',
    refusedBy: 'UnboundAssetFell',
    without: never('if (bound == 0) revert'),
    async attempt(arena) {
      const shrink = arena.encode('HostileToken', 'rebase', [5_000n])
      await arena.allow(arena.evil, shrink.slice(0, 10) as Hex)
      return arena.signedByAll({
        calls: [{ to: arena.evil, value: 0n, data: shrink }, ...arena.swapCalls()],
      })
    },
  },
  {
    name: "a token's hook moves the pool in the middle of the batch (ERC-777)",
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      // The hook takes back what the exchange just paid, before the balances are measured.
      await arena.tell(arena.evil, 'HostileToken', 'setHook', [
        arena.evil,
        arena.encode('HostileToken', 'rebase', [1_000n]),
      ])
      return arena.signedByAll({
        ...EVIL_FOR_DOLLARS(arena, 10n ** 18n),
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.evil, 1n)],
      })
    },
  },
  {
    name: 'the target is gone when the verdict executes (self-destruct)',
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      const mirage = await arena.deploy('Mirage')
      const { data } = await arena.client.public.call({ to: mirage, data: arena.encode('Mirage', 'appear', []) })
      const gone = `0x${(data ?? '').slice(-40)}` as Hex
      await arena.tell(mirage, 'Mirage', 'appear', [])
      const trade = arena.trade(arena.dollar, arena.weth, 0n, 1n)
      await arena.allow(gone, trade.data.slice(0, 10) as Hex, 5)
      // A call to an empty account succeeds, and does nothing.
      return arena.signedByAll({ calls: [{ ...trade, to: gone }], bounds: [arena.bound(arena.weth, 1n)] })
    },
  },
  {
    name: 'the executor starves one call of gas and lets the others run',
    refusedBy: 'CallFailed',
    without: never('if (!success) revert'),
    async attempt(arena) {
      await arena.tell(arena.exchange, 'Exchange', 'setHunger', [2_000_000n])
      const message = await arena.verdict({
        calls: [arena.trade(arena.dollar, arena.evil, 0n, 10n ** 18n), ...arena.swapCalls()],
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.weth, 1n)],
      })
      // Enough for the swap, not for the first call.
      return arena.execute(message, [await arena.sign(message)], { gas: 1_500_000n })
    },
  },
]

/** The real position manager of Uniswap v3, on the arena's pool. */
async function positions(arena: Arena): Promise<Hex> {
  return arena.deployPublished(
    '@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json',
    [arena.net.market.factory, arena.weth, zeroAddress],
  )
}

/** A position of the Safe, made by its owners. */
async function mintPosition(arena: Arena, manager: Hex): Promise<bigint> {
  const abi = parseAbi([
    'struct Mint { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }',
    'function mint(Mint params) payable returns (uint256, uint128, uint256, uint256)',
  ])
  for (const token of [arena.dollar, arena.weth])
    await arena.asOwners(token, arena.approve(token, manager, 10n ** 30n).data)
  const params = {
    ...{ token0: arena.dollar, token1: arena.weth, fee: 500, tickLower: 190_000, tickUpper: 210_000 },
    ...{ amount0Desired: 10n ** 9n, amount1Desired: 10n ** 18n, amount0Min: 0n, amount1Min: 0n },
    ...{ recipient: arena.safe, deadline: 2_000_000_000n },
  }
  await arena.asOwners(manager, encodeFunctionData({ abi, functionName: 'mint', args: [params] }))
  return 1n
}

/** The attacker's own module tries to take dollars from the Safe. */
async function byOtherModule(arena: Arena, operation: 0 | 1): Promise<string> {
  await arena.asOwners(
    arena.safe,
    encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [ATTACKER.address] }),
  )
  const abi = parseAbi([
    'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
    'error ModuleDenied(address module)',
    'error DelegatecallDenied(address module)',
  ])
  const take = arena.encode('HostileToken', 'transfer', [ATTACKER.address, 1n])
  const args = [arena.dollar, 0n, take, operation] as const
  const data = encodeFunctionData({ abi, functionName: 'execTransactionFromModule', args })
  return arena.client.public.call({ account: ATTACKER.address, to: arena.safe, data }).then(
    () => arena.attempt(ATTACKER, arena.safe, data),
    error => revertReason(error, abi),
  )
}
