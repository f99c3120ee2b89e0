import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { keccak_256 } from '@noble/hashes/sha3'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { concat, utf8 } from '#verifier/evidence/bytes.ts'
import { openGradientMessage, openGradientOutput } from '#verifier/proof/opengradient.ts'
import { type NitroCloud, nitroDocument } from './nitro.ts'

type Message = { content?: string; tool_calls?: unknown }

/** An OpenGradient gateway in an enclave that is made up: chat completions that it signs, its key, its attestation. */
export async function openGradientGateway(cloud: NitroCloud) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
  const asked: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      const path = request.url ?? ''
      asked.push(path.replace(/\?.*$/, ''))
      if (path.startsWith('/enclave/attestation')) {
        const held = JSON.parse(new TextDecoder().decode(attestationOf(cloud, spki))) as { document: string }
        return void response.end(held.document)
      }
      response.setHeader('content-type', 'application/json')
      if (path === '/signing-key')
        return void response.end(JSON.stringify({ public_key: publicKey.export({ format: 'pem', type: 'spki' }) }))
      const { tools } = JSON.parse(body) as { tools?: unknown }
      const message = tools === undefined ? { content: 'Hold.' } : { tool_calls: [{ id: 'c1', type: 'function' }] }
      response.end(signedChat(privateKey, body, message, cloud.at / 1_000))
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', () => done()))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, asked, spki, privateKey, close: () => server.close() }
}

/** The attestation of a gateway's enclave, whose `user_data` is nitriding's. */
export function attestationOf(cloud: NitroCloud, spki: Uint8Array): Uint8Array {
  const data = concat(utf8('sha256:'), new Uint8Array(32).fill(1), utf8(';sha256:'), nodeCrypto.sha256(spki))
  return nitroDocument(cloud, data)
}

/** An answer as such a gateway gives it. */
export function signedChat(key: KeyObject, request: string, message: Message, timestamp: number): string {
  const [sent, output] = [utf8(request), utf8(openGradientOutput(message))]
  const padding = 6 // RSA_PKCS1_PSS_PADDING
  const signature = sign('sha256', openGradientMessage(sent, output, timestamp), { key, padding, saltLength: 32 })
  const hex = (bytes: Uint8Array) => `0x${Buffer.from(keccak_256(bytes)).toString('hex')}`
  return JSON.stringify({
    id: 'og-1',
    object: 'chat.completion',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', ...message } }],
    tee_signature: signature.toString('base64'),
    tee_request_hash: hex(sent),
    tee_output_hash: hex(output),
    tee_timestamp: timestamp,
  })
}
