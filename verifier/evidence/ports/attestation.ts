/** A platform whose attestations count, as the policy names it. */
export type AcceptedPlatform = {
  for: 'tee' | 'opengradient'
  platform: 'tdx' | 'sgx' | 'nitro'
  /** SHA-256 of the vendor's root certificate (DER). */
  root: string
  /** Measurements that must be equal, lower-case hexadecimal: mrTd, rtMr0…3; mrEnclave; pcr0… */
  measurements: Readonly<Record<string, string>>
  /** Intel: states of the platform's firmware that are accepted besides UpToDate. */
  tcb?: readonly string[] | undefined
  fromMs?: number | undefined
  untilMs?: number | undefined
}

export type AttestationQuery = {
  /** Canonical JSON of docs/evidence.md §4.2. */
  document: Uint8Array
  accepted: readonly AcceptedPlatform[]
  /** Whether the data that the platform signed binds the key in question. Intel: 64 bytes of report data; Nitro: `user_data`. */
  binds(data: Uint8Array): boolean
  atMs: number
}

/** Checks what the hardware's vendor signed. Node only: the check itself rests on libraries that a browser has not. */
export type AttestationPort = {
  /** Why the document does not attest an accepted platform at that time, or null when it does. Never throws. */
  fault(query: AttestationQuery): Promise<string | null>
  /** RSA-PSS with SHA-256, any salt length. `publicKey`: SPKI, DER. Never throws. */
  verifyRsaPss(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}
