/**
 * `lied`: what the worker signed is contradicted. `spoilt`: anybody between could have spoilt the answer. `unable`: it
 * could not be checked here, which is nobody's fault.
 */
export type Fault = { reason: string; kind: 'lied' | 'spoilt' | 'unable' }

/** A fault that convicts nobody. */
export const spoilt = (reason: string): Fault => ({ reason, kind: 'spoilt' })
