import { newSeed } from '#runtime/crypto/ed25519Key.ts'
import { newSecp256k1Key } from '#runtime/crypto/newSecp256k1Key.ts'
import { writeKeyFile } from '#runtime/crypto/writeKeyFile.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { openVerifierKey } from '#verifier/service/key.ts'
import { KEY_KINDS, keyKindOf } from './keyKinds.ts'
import { publicPartOf } from './showKey.ts'

/** A key that was made: its public part, and where that goes. */
export type MadeKey = { kind: string; file: string; address?: string; publicKey?: string; vkey?: string; use: string }

/** Makes a key of a kind in a file of its own. @throws BAD_INPUT */
export function makeKey(kind: string, { out, name }: { out: string; name?: string }): MadeKey {
  const known = keyKindOf(kind)
  const { curve, isNamed, use } = KEY_KINDS[known]
  if (isNamed && name === undefined)
    throw new WarrantError('BAD_INPUT', `a ${kind} key needs --name: its name is part of its verification key`)
  if (!isNamed && name !== undefined)
    throw new WarrantError('BAD_INPUT', `--name: a ${kind} key has none: it is a log's or a witness's`)
  const made = { kind: known, file: out }
  if (curve === 'secp256k1') {
    writeKeyFile(out, newSecp256k1Key(), { hides: false })
    return { ...made, address: openVerifierKey(out).address, use }
  }
  const secret = newSeed()
  const { publicKey, logVkey, witnessVkey, mlDsaWitnessVkey } = publicPartOf(secret, name)
  const vkey = { log: logVkey, witness: witnessVkey, 'witness-ml-dsa': mlDsaWitnessVkey }[known as string] ?? undefined
  writeKeyFile(out, secret, { hides: false })
  return {
    ...made,
    ...(known === 'witness-ml-dsa' ? {} : { publicKey }),
    ...(vkey === undefined ? {} : { vkey }),
    use,
  }
}
