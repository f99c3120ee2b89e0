import { encodeFunctionData, type Hex, hashTypedData, parseAbi } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeApprove, encodeTransfer } from '#agents/build/adapters/erc20.ts'
import { encodeSwap } from '#agents/build/adapters/uniswapV3.ts'
import { ERC20_ABI, MODULE_ABI } from '#runtime/chain/abi.ts'
import { packageArtifact } from '#runtime/chain/artifacts.ts'
import { createSafe, execAsOwners, SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { revertReason } from '#runtime/chain/revertReason.ts'
import { APPROVAL_TYPES } from '#verifier/evidence/approvalTypes.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictDomain } from '#verifier/evidence/verdictTypes.ts'

// Against anvil with the real Safe 1.5 and Uniswap v3: every refusal of the module, and every way out for the owners.
const verifier = privateKeyToAccount(generatePrivateKey())
const second = privateKeyToAccount(generatePrivateKey())
const executor = privateKeyToAccount(generatePrivateKey())
const stranger = privateKeyToAccount(generatePrivateKey())
const LATE = 2_000_000_000n
const POLICY = 'ab'.repeat(32)
const POLICY_HASH: Hex = `0x${POLICY}`
let net: Devnet
let nonce = 0n

beforeAll(async () => {
  net = await startDevnet({
    startSeconds: 1_700_000_000,
    startTick: 200_000,
    verifiers: [verifier.address.toLowerCase()],
    threshold: 1,
    executor: executor.address,
    treasury: { dollars: 100_000n * 10n ** 6n, weth: 10n * 10n ** 18n },
  })
  await net.setPolicy(POLICY)
  await net.client.setBalance(stranger.address, 10n ** 18n)
})
afterAll(() => net?.stop())

const swap = (amountIn = 1_000_000_000n) =>
  encodeSwap(
    { type: 'swap', sell: 'USDC', buy: 'WETH', amountIn: String(amountIn), minBuy: '1' },
    net.chain,
    2_000_000_000,
  )
const asCalls = (calls: { to: string; value: string; data: string }[]) =>
  calls.map(c => ({ to: c.to as Hex, value: BigInt(c.value), data: c.data as Hex }))

async function verdict(changes: Partial<VerdictMessage> = {}): Promise<VerdictMessage> {
  const block = await net.client.public.getBlock()
  return {
    safe: net.chain.safe as Hex,
    nonce: nonce++,
    calls: asCalls(swap()),
    bounds: [
      { kind: 0, target: net.market.dollar, id: 0n, limit: -1_000_000_000n },
      { kind: 0, target: net.market.weth, id: 0n, limit: 1n },
    ],
    proposalDigest: `0x${'cd'.repeat(32)}`,
    policyDigest: `0x${POLICY}`,
    executor: executor.address,
    refBlock: block.number - 1n,
    refBlockHash: block.parentHash,
    validUntil: 2_000_000_000n,
    ...changes,
  }
}
const sign = (message: VerdictMessage, account = verifier, module = net.chain.module, chainId = net.chain.chainId) =>
  account.signTypedData({
    domain: verdictDomain(chainId, module),
    types: VERDICT_TYPES,
    primaryType: 'Verdict',
    message,
  })

async function execute(
  message: VerdictMessage,
  signatures: Hex[],
  { from = executor, approvals = [] as Hex[] } = {},
): Promise<string> {
  const args = [message, signatures, { validUntil: approvals.length === 0 ? 0n : LATE, signatures: approvals }] as const
  const data = encodeFunctionData({ abi: MODULE_ABI, functionName: 'execute', args })
  try {
    await net.client.public.call({ account: from, to: net.chain.module as Hex, data })
    await net.client.send(from, { to: net.chain.module as Hex, data, gas: 2_000_000n })
    return 'executed'
  } catch (error) {
    return revertReason(error, MODULE_ABI)
  }
}
const tryOne = async (changes: Partial<VerdictMessage>) => {
  const message = await verdict(changes)
  return execute(message, [await sign(message)])
}
const balance = (token: Hex, of: Hex = net.chain.safe as Hex) =>
  net.client.public.readContract({ address: token, abi: ERC20_ABI, functionName: 'balanceOf', args: [of] })
const asOwners = (functionName: Extract<(typeof MODULE_ABI)[number], { type: 'function' }>['name'], args: unknown[]) =>
  net.asOwners(net.chain.module, encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never))

describe('WarrantModule', () => {
  test('the digest that viem signs is the one that the module hashes', async () => {
    const message = await verdict()
    const onChain = await net.client.public.readContract({
      address: net.chain.module as Hex,
      abi: MODULE_ABI,
      functionName: 'hashVerdict',
      args: [message],
    })
    expect(onChain).toBe(
      hashTypedData({
        domain: verdictDomain(net.chain.chainId, net.chain.module),
        types: VERDICT_TYPES,
        primaryType: 'Verdict',
        message,
      }),
    )
  })

  test('a verdict executes once', async () => {
    const message = await verdict()
    const [dollars, weth] = [await balance(net.market.dollar), await balance(net.market.weth)]
    expect(await execute(message, [await sign(message)])).toBe('executed')
    expect(await balance(net.market.dollar)).toBe(dollars - 1_000_000_000n)
    expect(await balance(net.market.weth)).toBeGreaterThan(weth)
    expect(await execute(message, [await sign(message)])).toBe(`NonceUsed(${message.nonce})`)
  })

  test.each<[string, () => Promise<string>, string]>([
    ['no verdict', async () => execute(await verdict(), []), 'NotEnoughSignatures(0, 1)'],
    [
      'a verdict of a stranger',
      async () => {
        const m = await verdict()
        return execute(m, [await sign(m, stranger)])
      },
      'NotAVerifier',
    ],
    [
      'one verifier twice',
      async () => {
        const m = await verdict()
        const s = await sign(m)
        return execute(m, [s, s])
      },
      'SignersNotAscending',
    ],
    [
      'a verdict for another chain',
      async () => {
        const m = await verdict()
        return execute(m, [await sign(m, verifier, net.chain.module, 1)])
      },
      'NotAVerifier',
    ],
    [
      'a verdict for another module',
      async () => {
        const m = await verdict()
        return execute(m, [await sign(m, verifier, net.chain.safe)])
      },
      'NotAVerifier',
    ],
    ['a verdict for another Safe', () => tryOne({ safe: stranger.address }), 'WrongSafe'],
    [
      'another sender than the executor',
      async () => {
        const m = await verdict()
        return execute(m, [await sign(m)], { from: stranger })
      },
      'WrongExecutor',
    ],
    ['an expired verdict', () => tryOne({ validUntil: 1n }), 'Expired'],
    ['another policy', () => tryOne({ policyDigest: `0x${'00'.repeat(32)}` }), 'PolicyChanged'],
    ['a reorged block', () => tryOne({ refBlockHash: `0x${'11'.repeat(32)}` }), 'ReferenceBlockReorged'],
    ['a block of the future', () => tryOne({ refBlock: 1_000_000n }), 'ReferenceBlockUnknown'],
    ['no bounds', () => tryOne({ bounds: [] }), 'NoBounds'],
    [
      'an unknown bound kind',
      () => tryOne({ bounds: [{ kind: 4, target: net.market.dollar, id: 0n, limit: 0n }] }),
      'UnknownBoundKind(0, 4)',
    ],
    ['a malformed signature', async () => execute(await verdict(), ['0x1234']), 'BadSignature(0)'],
    [
      'too little bought',
      () =>
        tryOne({
          bounds: [
            { kind: 0, target: net.market.weth, id: 0n, limit: 10n ** 20n },
            { kind: 0, target: net.market.dollar, id: 0n, limit: -(10n ** 12n) },
          ],
        }),
      'BoundViolated(0',
    ],
    [
      'an asset that falls without a bound',
      () => tryOne({ bounds: [{ kind: 0, target: net.market.weth, id: 0n, limit: 1n }] }),
      'UnboundAssetFell',
    ],
    [
      'a call that no rule allows',
      () =>
        tryOne({
          calls: asCalls([
            encodeTransfer(
              { type: 'transfer', token: 'USDC', to: stranger.address.toLowerCase(), amount: '1' },
              net.chain,
            ),
          ]),
        }),
      'CallNotAllowed(0',
    ],
    [
      'a swap that pays another',
      () =>
        tryOne({
          calls: asCalls(swap()).map(c => ({
            ...c,
            data: c.data.replaceAll(net.chain.safe.slice(2), stranger.address.slice(2).toLowerCase()) as Hex,
          })),
        }),
      'RecipientNotSafe(1',
    ],
    [
      'an approval that outlives the batch',
      () =>
        tryOne({
          calls: asCalls([encodeApprove(net.market.dollar, net.chain.router, 5n)]),
          bounds: [{ kind: 0, target: net.market.dollar, id: 0n, limit: 0n }],
        }),
      'ApprovalOutlivesBatch',
    ],
    [
      'a call to the Safe itself',
      () =>
        tryOne({
          calls: [
            {
              to: net.chain.safe as Hex,
              value: 0n,
              data: encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [stranger.address] }),
            },
          ],
        }),
      'CallNotAllowed(0',
    ],
    [
      'a call to the module itself',
      () =>
        tryOne({
          calls: [
            {
              to: net.chain.module as Hex,
              value: 0n,
              data: encodeFunctionData({ abi: MODULE_ABI, functionName: 'resume' }),
            },
          ],
        }),
      'CallNotAllowed(0',
    ],
    [
      'data without a selector',
      () => tryOne({ calls: [{ to: net.chain.router as Hex, value: 0n, data: '0x41' }] }),
      'CallNotAllowed(0',
    ],
  ])('%s is refused', async (_what, attempt, reason) => {
    const before = [await balance(net.market.dollar), await balance(net.market.weth)]
    expect(await attempt()).toContain(reason)
    expect([await balance(net.market.dollar), await balance(net.market.weth)]).toEqual(before)
  })

  test('changed contents after signing are refused: amount, order, bounds', async () => {
    const message = await verdict()
    const signature = await sign(message)
    for (const changed of [
      { ...message, calls: asCalls(swap(2_000_000_000n)) },
      { ...message, calls: [...message.calls].reverse() },
      { ...message, bounds: message.bounds.slice(0, 1) },
      { ...message, validUntil: message.validUntil + 1n },
    ])
      expect(await execute(changed, [signature])).toContain('NotAVerifier')
  })

  test('two of two: both must sign, in ascending order', async () => {
    const both = [verifier, second].sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1))
    await asOwners('setVerifiers', [both.map(v => v.address), 2n])
    const message = await verdict()
    const [a, b] = await Promise.all(both.map(account => sign(message, account)))
    expect(await execute(message, [a as Hex])).toBe('NotEnoughSignatures(1, 2)')
    expect(await execute(message, [b as Hex, a as Hex])).toContain('SignersNotAscending')
    expect(await execute(message, [a as Hex, b as Hex])).toBe('executed')
    await expect(asOwners('setVerifiers', [both.map(v => v.address), 1n])).rejects.toThrow()
    await asOwners('setVerifiers', [[verifier.address], 1n])
  })

  test('above an outflow of the owners’ choice more verifiers must sign than the threshold', async () => {
    const three = [verifier, second, stranger].sort((a, b) =>
      a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
    )
    await asOwners('setVerifiers', [three.map(v => v.address), 2n])
    const sold = 1_000_000_000n
    await asOwners('setVerifierLimit', [net.market.dollar, sold, 86_400, 3])
    const two = async () => {
      const message = await verdict()
      return execute(message, await Promise.all(three.slice(0, 2).map(account => sign(message, account))))
    }
    expect(await two()).toBe('executed')
    await asOwners('setVerifierLimit', [net.market.dollar, sold - 1n, 86_400, 3])
    expect(await two()).toContain('VerifiersNeeded')
    const message = await verdict()
    expect(await execute(message, await Promise.all(three.map(account => sign(message, account))))).toBe('executed')
    await expect(asOwners('setVerifierLimit', [net.market.dollar, 1n, 86_400, 4])).rejects.toThrow()
    await asOwners('setVerifierLimit', [net.market.dollar, 0n, 0, 0])
    expect(await two()).toBe('executed')
    await asOwners('setVerifiers', [[verifier.address], 1n])
  })

  test('above the approval limit an approver must sign as well', async () => {
    await asOwners('setApprovers', [[second.address], 1n])
    await asOwners('setApprovalLimit', [net.market.dollar, 500_000_000n, 86_400])
    const message = await verdict()
    const signature = await sign(message)
    expect(await execute(message, [signature])).toContain('ApprovalNeeded')
    const approve = (account: typeof second) =>
      account.signTypedData({
        domain: verdictDomain(net.chain.chainId, net.chain.module),
        types: APPROVAL_TYPES,
        primaryType: 'Approval',
        message: { ...message, validUntil: LATE },
      })
    expect(await execute(message, [signature], { approvals: [await approve(stranger)] })).toContain('NotAnApprover')
    expect(await execute(message, [signature], { approvals: [await approve(second)] })).toBe('executed')
    await asOwners('setApprovalLimit', [net.market.dollar, 0n, 0])
  })

  test('the backstop: an outflow cap that no signature lifts, and that leaks back with time', async () => {
    const seconds = 1_000
    await asOwners('setCap', [net.market.dollar, 1_500_000_000n, seconds])
    expect(await tryOne({})).toBe('executed')
    expect(await tryOne({})).toMatch(/^CapExceeded\(.*, 1000000000, 5\d{8}\)$/i)
    const { timestamp } = await net.client.public.getBlock()
    // Half of the window later half of the cap has leaked away.
    await net.client.setNextTimestamp(Number(timestamp) + seconds / 2)
    await net.client.setBalance(stranger.address, 10n ** 18n)
    await asOwners('setSpender', [net.market.dollar, stranger.address, 0])
    expect(await tryOne({})).toBe('executed')
    expect(await tryOne({})).toContain('CapExceeded')
    await asOwners('setCap', [net.market.dollar, 0n, seconds])
    expect(await tryOne({})).toContain('CapExceeded')
    // Only what is measured can be capped, and what is capped stays measured.
    await expect(asOwners('setCap', [stranger.address, 1n, seconds])).rejects.toThrow()
    await expect(asOwners('setAssets', [[net.market.weth]])).rejects.toThrow()
    await asOwners('setCap', [net.market.dollar, 0n, 0])
    expect(await tryOne({})).toBe('executed')
    const setCap = encodeFunctionData({ abi: MODULE_ABI, functionName: 'setCap', args: [net.market.dollar, 1n, 0] })
    await expect(net.client.send(executor, { to: net.chain.module as Hex, data: setCap })).rejects.toThrow()
  })

  test('a contract signs: a Safe as verifier (ERC-1271), and no other bytes in its name', async () => {
    const handler = await net.client.deploy(
      net.deployer,
      packageArtifact(
        '@safe-global/safe-smart-account/build/artifacts/contracts/handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json',
      ),
      [],
    )
    const council = await createSafe(net.client, net.deployer, net.safeContracts, {
      owners: [second.address],
      threshold: 1,
      salt: 77n,
      fallbackHandler: handler,
    })
    await asOwners('setVerifiers', [[council], 1n])
    const message = await verdict()
    const digest = hashTypedData({
      domain: verdictDomain(net.chain.chainId, net.chain.module),
      types: VERDICT_TYPES,
      primaryType: 'Verdict',
      message,
    })
    const signedBy = async (account: typeof second, content: Hex = digest) => {
      const signature = await account.signTypedData({
        domain: { chainId: net.chain.chainId, verifyingContract: council },
        types: { SafeMessage: [{ name: 'message', type: 'bytes' }] },
        primaryType: 'SafeMessage',
        message: { message: content },
      })
      return `${council}${signature.slice(2)}` as Hex
    }
    expect(await execute(message, [await signedBy(stranger)])).toBe('BadSignature(0)')
    expect(await execute(message, [await signedBy(second, POLICY_HASH)])).toBe('BadSignature(0)')
    // An account that is no contract answers nothing.
    expect(await execute(message, [`${stranger.address}${'00'.repeat(65)}` as Hex])).toBe('BadSignature(0)')
    // The verifier of before is none any more.
    expect(await execute(message, [await sign(message)])).toContain('NotAVerifier')
    expect(await execute(message, [await signedBy(second)])).toBe('executed')
    await asOwners('setVerifiers', [[verifier.address], 1n])
  })

  test('the guardian stops, only the owners resume; a stranger configures nothing', async () => {
    const send = (from: typeof net.guardian | typeof stranger, functionName: 'pause' | 'resume') =>
      net.client.send(from, {
        to: net.chain.module as Hex,
        data: encodeFunctionData({ abi: MODULE_ABI, functionName }),
      })
    await expect(send(stranger, 'pause')).rejects.toThrow()
    await send(net.guardian, 'pause')
    expect(await tryOne({})).toBe('Paused()')
    await expect(send(net.guardian, 'resume')).rejects.toThrow()
    await asOwners('resume', [])
    expect(await tryOne({})).toBe('executed')
    const setPolicy = encodeFunctionData({ abi: MODULE_ABI, functionName: 'setPolicy', args: [`0x${'00'.repeat(32)}`] })
    await expect(net.client.send(executor, { to: net.chain.module as Hex, data: setPolicy })).rejects.toThrow()
  })
})

describe('WarrantGuard, and the way out for the owners', () => {
  const moduleAbi = parseAbi([
    'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
    'function disableModule(address prevModule, address module)',
  ])
  const take = () => encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args: [stranger.address, 1n] })

  test('another enabled module is denied by the guard', async () => {
    await net.asOwners(
      net.chain.safe,
      encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [stranger.address] }),
    )
    const data = encodeFunctionData({
      abi: moduleAbi,
      functionName: 'execTransactionFromModule',
      args: [net.market.dollar, 0n, take(), 0],
    })
    const reason = await net.client.public.call({ account: stranger, to: net.chain.safe as Hex, data }).then(
      () => 'moved',
      e => revertReason(e, parseAbi(['error ModuleDenied(address module)'])),
    )
    expect(reason).toBe(`ModuleDenied(${stranger.address})`)
    await expect(net.client.send(stranger, { to: net.chain.safe as Hex, data, gas: 500_000n })).rejects.toThrow(
      'reverted',
    )
  })

  test('the guarded module itself is not on the list: refused, and it stays allowed', async () => {
    const guardAbi = parseAbi([
      'function allowModule(address module, bool allowed)',
      'function isAllowed(address module) view returns (bool)',
      'error ModuleIsFixed(address module)',
    ])
    const module = net.chain.module as Hex
    const data = encodeFunctionData({ abi: guardAbi, functionName: 'allowModule', args: [module, false] })
    const refused = await net.client.public
      .call({ account: net.chain.safe as Hex, to: net.chain.guard as Hex, data })
      .then(
        () => 'taken',
        e => revertReason(e, guardAbi),
      )
    expect(refused.toLowerCase()).toBe(`moduleisfixed(${module})`)
    const read = { address: net.chain.guard as Hex, abi: guardAbi, functionName: 'isAllowed' } as const
    expect(await net.client.public.readContract({ ...read, args: [module] })).toBe(true)
    expect(await net.client.public.readContract({ ...read, args: [stranger.address] })).toBe(false)
  })

  test('owners move their money past guard and module, with every verifier lost and the module paused', async () => {
    await net.client.send(net.guardian, {
      to: net.chain.module as Hex,
      data: encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' }),
    })
    const before = await balance(net.market.dollar)
    await execAsOwners(
      net.client,
      net.owners.slice(0, 2),
      net.chain.safe as Hex,
      net.market.dollar,
      encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args: [net.owners[0]?.address as Hex, 77n] }),
    )
    expect(await balance(net.market.dollar)).toBe(before - 77n)
    await asOwners('resume', [])
  })

  test('owners remove a misconfigured guard and the module itself', async () => {
    const zero = `0x${'00'.repeat(20)}` as Hex
    await net.asOwners(
      net.chain.safe,
      encodeFunctionData({ abi: SAFE_ABI, functionName: 'setModuleGuard', args: [zero] }),
    )
    await net.asOwners(
      net.chain.safe,
      encodeFunctionData({
        abi: moduleAbi,
        functionName: 'disableModule',
        args: [stranger.address, net.chain.module as Hex],
      }),
    )
    // GS104: the Safe no longer knows the module.
    expect(await tryOne({})).toContain('GS104')
  })
})
