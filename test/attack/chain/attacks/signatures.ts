import { encodeFunctionData, zeroAddress } from 'viem'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { verdictDomain } from '#verifier/evidence/verdictTypes.ts'
import { ATTACKER, SWAP_IN, VERIFIERS } from '../arena.ts'
import { type ContractAttack, HASH, inModule, inSettings, LOOSE, never, UNBOUND_FALL } from './attack.ts'

const [V1, V2, V3, V4] = VERIFIERS
/** Attacks on who signed, and what. */
export const SIGNATURE_ATTACKS: ContractAttack[] = [
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
    name: 'two of three verifiers, where the owners want all three above an outflow',
    refusedBy: 'VerifiersNeeded',
    without: inModule('if (_verifierLimited != 0 &&', 'if (1 == 2 &&'),
    async attempt(arena) {
      await arena.configure('setVerifiers', [VERIFIERS.slice(0, 3).map(v => v.address), 2n])
      await arena.configure('setVerifierLimit', [arena.dollar, 1n, 86_400, 3])
      return arena.signedByAll({}, [V1, V2])
    },
  },
  {
    name: 'two disjoint quorums sign two contents',
    refusedBy: 'reverted',
    without: inSettings('|| 2 * threshold <= verifiers.length', '|| threshold == 0'),
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
    without: [{ file: HASH, from: 'let dataHash := keccak256(free, data.length)', to: 'let dataHash := 0' }],
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
        from: 'callsHash = keccak256(abi.encodePacked(hashes))',
        to: 'callsHash = keccak256(abi.encodePacked(hashes[0] ^ hashes[1] ^ hashes[2] ^ hashes[3]))',
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
    without: [{ file: HASH, from: 'hash := keccak256(free, 0xa0)', to: 'hash := keccak256(free, 0x80)' }],
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
    without: never('if (actual != verdict.refBlockHash) revert'),
    attempt: arena => arena.signedByAll({ refBlockHash: `0x${'11'.repeat(32)}` }),
  },
  {
    name: 'verdict for a reorged block, held back until its hash is gone',
    refusedBy: 'ReferenceBlockUnknown',
    without: [
      ...inModule('if (actual == bytes32(0)) revert', 'if (1 == 2) revert'),
      ...inModule('if (actual != verdict.refBlockHash)', 'if (actual != bytes32(0) && actual != verdict.refBlockHash)'),
    ],
    async attempt(arena) {
      const message = await arena.verdict({ refBlockHash: `0x${'11'.repeat(32)}` })
      const signatures = [await arena.sign(message)]
      // On a chain without EIP-2935.
      const history = '0x0000F90827F1C53a10cb7A02335B175320002935'
      await arena.client.public.request({ method: 'anvil_setCode', params: [history, '0x'] } as never)
      await arena.client.public.request({ method: 'anvil_mine', params: ['0x102'] } as never)
      return arena.execute(message, signatures)
    },
  },
  {
    name: 'verdict on a block that is not there yet',
    refusedBy: 'ReferenceBlockUnknown',
    without: [
      ...never('if (verdict.refBlock >= ReferenceBlock.current(onArbitrum)) revert'),
      ...inModule('if (actual == bytes32(0)) revert', 'if (1 == 2) revert'),
      ...inModule('if (actual != verdict.refBlockHash) revert', 'if (1 == 2) revert'),
    ],
    attempt: arena => arena.signedByAll({ refBlock: 9_000_000n, refBlockHash: `0x${'11'.repeat(32)}` }),
  },
  {
    name: 'verdict that binds nothing',
    refusedBy: 'NoBounds',
    without: [...never('if (verdict.bounds.length == 0) revert'), ...UNBOUND_FALL],
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
]
