import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createWitness } from '#runtime/log/createWitness.ts'
import { ed25519Witness } from '#runtime/log/witnessKeys.ts'
import { toBase64, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { formatWitnessVkey, witnessKey } from '#verifier/log/cosignature.ts'
import type { NoteKey } from '#verifier/log/signedNote.ts'

/** How a witness behaves towards a log. */
export const WITNESS_MANNERS = [
  'honest',
  'silent',
  'trickles',
  'closes',
  'endless',
  'conflict of a larger size',
  'conflict of 2^53',
  'conflict without a size',
  'bare 422',
  'junk under the key of the log',
  'fifty lines',
  'forged line',
  'no line',
  'redirects',
] as const
export type WitnessManners = (typeof WITNESS_MANNERS)[number]
export type PeerWitness = { name: string; vkey: string; url: string; stop(): Promise<void> }

/** A real witness behind a real socket, whose answers are spoilt in its manner. */
export async function startPeerWitness(
  n: number,
  manners: WitnessManners,
  { log, stateFile }: { log: NoteKey; stateFile: string },
): Promise<PeerWitness> {
  const name = `witness-${n}`
  const signer = ed25519Signer(new Uint8Array(32).fill(60 + n))
  const witness = createWitness({
    signers: [ed25519Witness(name, signer)],
    logs: new Map([[log.name, [log]]]),
    stateFile,
    clock: { nowMs: () => Date.now() },
  })
  const own = witnessKey(nodeCrypto, name, signer.publicKey)
  const line = (key: NoteKey, byte: number) =>
    `— ${key.name} ${toBase64(new Uint8Array([...key.id, ...new Uint8Array(72).fill(byte)]))}\n`
  const open = new Set<ServerResponse>()

  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    let body = ''
    request.on('data', part => {
      body += part
    })
    request.on('end', () => {
      const say = (status: number, text: string) => void response.writeHead(status).end(text)
      if (request.url?.endsWith('/checkpoint')) {
        const latest = manners === 'honest' ? witness.latest(toHex(nodeCrypto.sha256(utf8(log.name)))) : null
        return say(latest === null ? 404 : 200, latest ?? 'not found\n')
      }
      switch (manners) {
        case 'silent':
          return
        case 'closes':
          return void request.socket.destroy()
        case 'redirects':
          return void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
        case 'trickles':
        case 'endless': {
          response.writeHead(200)
          const piece = manners === 'endless' ? 'x'.repeat(1 << 16) : '— '
          const timer = setInterval(() => response.write(piece), 10)
          return void response.on('close', () => clearInterval(timer))
        }
        case 'conflict of a larger size':
          return say(409, '1000000\n')
        case 'conflict of 2^53':
          return say(409, '9007199254740993\n')
        case 'conflict without a size':
          return say(409, '')
        case 'bare 422':
          return say(422, '')
        case 'junk under the key of the log': {
          const answer = witness.addCheckpoint(utf8(body))
          const junk = answer.status === 200 ? [line(log, 1), line(log, 2)] : ['', '']
          return say(answer.status, junk.join(answer.body))
        }
        case 'fifty lines':
          return say(200, Array.from({ length: 50 }, (_, i) => line(own, i)).join(''))
        case 'forged line':
          return say(200, line(own, 9))
        case 'no line':
          return say(200, '')
        default: {
          const answer = witness.addCheckpoint(utf8(body))
          return say(answer.status, answer.body)
        }
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    name,
    vkey: formatWitnessVkey(own),
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const response of open) response.destroy()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
