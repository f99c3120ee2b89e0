import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { gatewayConfig } from '#config/gatewayConfig.ts'
import { loadConfig } from '#config/loadConfig.ts'
import { verifierConfig } from '#config/verifierConfig.ts'
import { warrant } from './support/warrant.ts'

const root = resolve(import.meta.dirname, '..')

test('docker-compose.yml names commands that exist, and each service its own secret alone', () => {
  const { services, secrets } = parse(readFileSync(resolve(root, 'docker-compose.yml'), 'utf8'), { merge: true })
  const help = warrant(['--help']).stdout
  const used: string[] = []
  for (const [name, service] of Object.entries<{ command: string[]; secrets?: string[] }>(services)) {
    if (name === 'redis') continue
    expect(help).toContain(`  ${service.command[1]} `)
    expect(service.secrets?.length).toBe(1)
    used.push(...(service.secrets ?? []))
  }
  expect(used.sort()).toEqual(Object.keys(secrets).sort())
})

test('the example configurations are valid', () => {
  expect(loadConfig(resolve(root, 'config/examples/gateway.yaml'), gatewayConfig).apiKeys.length).toBe(1)
  expect(loadConfig(resolve(root, 'config/examples/verifier.yaml'), verifierConfig).listen.port).toBe(8070)
})

test('every command has help with an example', { timeout: 300_000 }, () => {
  const names = [...warrant(['--help']).stdout.matchAll(/^ {2}([a-z]+) /gm)]
    .map(m => m[1] as string)
    .filter(name => name !== 'help')
  expect(names.length).toBeGreaterThanOrEqual(15)
  for (const name of names) {
    const help = warrant([name, '--help']).stdout
    const members = [...(help.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z]+) /gm)].map(m => m[1] as string)
    // A group's examples stand with its members.
    if (members.length === 0) expect(help, name).toContain('Example')
    for (const member of members.filter(other => other !== 'help'))
      expect(warrant([name, member, '--help']).stdout, `${name} ${member}`).toContain('Example')
  }
})
