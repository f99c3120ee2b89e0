import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { count, digest } from '#verifier/evidence/primitives.ts'
import { writeDurably } from './disk.ts'

/** What a witness remembers of a log: the last tree that it cosigned, and the checkpoint with the lines that it verified and made. */
export type Seen = { size: bigint; root: string; note: string }

const size = z.union([count, z.string().regex(/^(0|[1-9][0-9]{0,18})$/)]).transform(BigInt)
const stateSchema = z.array(z.tuple([z.string(), z.strictObject({ size, root: digest, note: z.string() })]))

/** The state in a file; empty where there is none. @throws EVIDENCE_MALFORMED when it is damaged */
export function readWitnessState(file: string): Map<string, Seen> {
  if (!existsSync(file)) return new Map()
  try {
    return new Map(stateSchema.parse(JSON.parse(readFileSync(file, 'utf8'))))
  } catch (cause) {
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      `${file}: the witness's state is damaged: without it a witness must not sign`,
      { cause },
    )
  }
}

/** Writes it so that it survives a power loss. */
export function writeWitnessState(file: string, state: ReadonlyMap<string, Seen>): void {
  const plain = [...state].map(([origin, { size, root, note }]) => [origin, { size: String(size), root, note }])
  writeDurably(file, utf8(JSON.stringify(plain)))
}
