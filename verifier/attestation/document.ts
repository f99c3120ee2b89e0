import { z } from 'zod'
import { parseCanonical } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

const text = z.string().max(40_000)
const hex = z
  .string()
  .regex(/^([0-9a-f]{2})*$/)
  .max(200_000)

/** What Intel's provisioning service says of a platform, as `@phala/dcap-qvl` takes it. */
export const collateral = z.strictObject({
  pck_crl_issuer_chain: text,
  /** The platform's own chain, where a quote does not carry it; a quote's own counts. */
  pck_certificate_chain: text.optional(),
  root_ca_crl: hex,
  pck_crl: hex,
  tcb_info_issuer_chain: text,
  tcb_info: text,
  tcb_info_signature: hex,
  qe_identity_issuer_chain: text,
  qe_identity: text,
  qe_identity_signature: hex,
})
export type Collateral = z.infer<typeof collateral>

/** An attestation as it travels with an answer: canonical JSON (docs/evidence.md §4.2). */
const attestationDocument = z.discriminatedUnion('platform', [
  z.strictObject({
    v: z.literal(1),
    platform: z.enum(['tdx', 'sgx']),
    quote: z.base64().max(40_000),
    collateral,
  }),
  z.strictObject({ v: z.literal(1), platform: z.literal('nitro'), document: z.base64().max(40_000) }),
])
export type AttestationDocument = z.infer<typeof attestationDocument>

/** @throws EVIDENCE_MALFORMED naming the field */
export function parseDocument(bytes: Uint8Array): AttestationDocument {
  const parsed = attestationDocument.safeParse(parseCanonical(bytes))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new WarrantError('EVIDENCE_MALFORMED', `${issue?.path.join('.') || 'the document'}: ${issue?.message}`)
}
