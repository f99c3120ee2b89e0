import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFunctionData, type Hex, parseAbi, zeroAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, expect, test } from 'vitest'
import { ERC20_ABI, MODULE_ABI } from '#runtime/chain/abi.ts'
import { SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { runVerifier } from '#runtime/cli/lib/runVerifier.ts'
import { spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-watch-'))
afterAll(() => rmSync(dir, { recursive: true }))

const until = async (what: string, holds: () => Promise<boolean>) => {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return
    await new Promise(done => setTimeout(done, 100))
  }
  throw new Error(`never: ${what}`)
}

test('a watching verifier: what the owners do is explained, a theft is told, posted, and pauses the module', async () => {
  const out = join(dir, 'world')
  const { world, release } = await createTraderWorld(out, '9', 2)
  await release()
  const { devnet, policy } = world
  const guardianKey = generatePrivateKey()
  const [guardian, thief] = [privateKeyToAccount(guardianKey), privateKeyToAccount(generatePrivateKey())]
  const posted: { unexplained: { reason: string }[]; safe: string }[] = []
  let refuseOnce = true
  const hook = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      // It is tried again until it is taken.
      response.statusCode = refuseOnce ? 503 : 200
      if (!refuseOnce) posted.push(JSON.parse(body))
      refuseOnce = false
      response.end()
    })
  })
  await new Promise<void>(done => hook.listen(0, '127.0.0.1', done))
  const { chain, client, market } = devnet
  const safe = chain.safe as Hex
  const asSafe = (functionName: 'enableModule' | 'setModuleGuard', who: Hex) =>
    devnet.asOwners(safe, encodeFunctionData({ abi: SAFE_ABI, functionName, args: [who] }))
  await client.setBalance(guardian.address, 10n ** 18n)
  await client.setBalance(thief.address, 10n ** 18n)
  await client.setBalance(safe, 10n ** 18n)
  await devnet.asOwners(
    chain.module,
    encodeFunctionData({ abi: MODULE_ABI, functionName: 'setGuardian', args: [guardian.address] }),
  )
  writeFileSync(join(out, 'verifier/guardian.key'), guardianKey, { mode: 0o600 })
  writeFileSync(join(out, 'verifier/strict.yaml'), JSON.stringify({ ...policy, onUnexplained: 'pause' }))
  const watch = {
    everySeconds: 0.3,
    webhook: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    guardianKey: 'guardian.key',
  }
  const before = readFileSync(join(out, 'verifier/verifier.yaml'), 'utf8').replace('policy.yaml', 'strict.yaml')
  const config = (given: object) => {
    const file = join(out, 'verifier/watching.yaml')
    writeFileSync(file, `${before}\nwatch: ${JSON.stringify(given)}\n`)
    return file
  }
  await world.verifier.stop()
  await expect(runVerifier(config({ everySeconds: 1 }))).rejects.toThrow(/watch.guardianKey: strict.yaml says pause/)
  let verifier = await spawnWarrant(['verifier', '--config', config(watch)])
  const alarms = async () => (await (await fetch(`${verifier.ready.url}/v1/alarms`)).json()) as { reason: string }[]
  const paused = () =>
    client.public.readContract({ address: chain.module as Hex, abi: MODULE_ABI, functionName: 'paused' })
  try {
    // The owners open the door, and pay somebody: explained.
    await new Promise(done => setTimeout(done, 700))
    await asSafe('setModuleGuard', zeroAddress)
    await asSafe('enableModule', thief.address)
    const pay = encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args: [guardian.address, 5n] })
    await devnet.asOwners(market.dollar, pay)
    await new Promise(done => setTimeout(done, 1_500))
    expect([await alarms(), await paused()]).toEqual([[], false])

    // Native coins leave inside a call of another module: no event, no record.
    const abi = parseAbi([
      'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
    ])
    const take = (to: Hex, value: bigint, data: Hex) =>
      client.send(thief, {
        to: safe,
        data: encodeFunctionData({ abi, functionName: 'execTransactionFromModule', args: [to, value, data, 0] }),
        gas: 500_000n,
      })
    await take(thief.address, 10n ** 17n, '0x')
    await until('the module is paused', paused)
    expect((await alarms()).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^module 0x\w+, which no guard allows, executed through the Safe/),
    ])
    await until('the webhook has it', async () => posted.length === 1)
    expect(posted[0]).toMatchObject({
      safe: chain.safe,
      unexplained: [{ reason: expect.stringContaining('no guard allows') }],
    })

    // Started again, it remembers what it told, and goes on from there.
    await verifier.stop()
    verifier = await spawnWarrant(['verifier', '--config', config(watch)])
    expect(await alarms()).toHaveLength(1)
    await take(
      market.dollar,
      0n,
      encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args: [thief.address, 7n] }),
    )
    await until('the second theft is told', async () => (await alarms()).length === 2)
    expect((await alarms())[1]?.reason).toContain('and took 7 USDC')

    // Whoever steals at every round does not keep the earlier thefts from being told.
    let goesOn = true
    const steal = encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args: [thief.address, 1n] })
    const stealing = (async () => {
      while (goesOn) await take(market.dollar, 0n, steal)
    })()
    try {
      await until('it is told while it goes on', async () => (await alarms()).length > 4)
    } finally {
      goesOn = false
      await stealing
    }
  } finally {
    hook.close()
    await verifier.stop()
    await world.close()
  }
}, 120_000)
