import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Ed25519Signer, openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nextFile, retiredDir } from '#runtime/crypto/keyRing.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { syncDirectory } from '#runtime/log/disk.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { formatWitnessVkey, witnessKey } from '#verifier/log/cosignature.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'

/** Keys that a rotation replaces. Those on chain (verifier, executor, approver, guardian) are the owners' to replace. */
export const ROTATED = ['agent', 'worker', 'gateway', 'witness', 'log'] as const
export type RotatedKind = (typeof ROTATED)[number]

/** The key of a file, which must be there: a rotation makes the next one only. @throws FILE_MISSING, BAD_INPUT */
export function presentKey(file: string): Ed25519Signer {
  if (!existsSync(file)) throw new WarrantError('FILE_MISSING', `${file}: no such key file`)
  return openEd25519Key(file)
}

/** The key that waits to take its place. @throws FILE_MISSING */
export function waitingKey(file: string): Ed25519Signer {
  if (!existsSync(nextFile(file)))
    throw new WarrantError('FILE_MISSING', `${nextFile(file)} is missing: prepare the rotation first, without --now`)
  return openEd25519Key(nextFile(file))
}

/** How others name a key of a kind: as it stands in policies and quorum files. `name`: of a witness, or a log's origin. */
export function publicName(kind: RotatedKind, { publicKey, publicKeyHex }: Ed25519Signer, name: string | null): string {
  if (kind !== 'log' && kind !== 'witness') return publicKeyHex
  if (name === null)
    throw new WarrantError('BAD_INPUT', kind === 'log' ? '--origin: a log key has a name' : '--name: a witness has one')
  return kind === 'log'
    ? formatVkey(noteKey(nodeCrypto, name, publicKey))
    : formatWitnessVkey(witnessKey(nodeCrypto, name, publicKey))
}

/** Puts the waiting key in the present one's place, which is kept beside it first: a crash loses neither. */
export function swapKeys(file: string): { retired: string } {
  const before = presentKey(file)
  const dir = retiredDir(file)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const retired = join(dir, `${before.publicKeyHex.slice(0, 16)}.key`)
  copyFileSync(file, retired)
  syncDirectory(dir)
  renameSync(nextFile(file), file)
  syncDirectory(dirname(file))
  return { retired }
}
