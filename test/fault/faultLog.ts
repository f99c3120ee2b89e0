/** What the writer under fault and its judge have in common. */
export const FAULT_ORIGIN = 'fault.example/log'
export const FAULT_SEED = new Uint8Array(32).fill(21)

export const payloadOf = (step: number) => `payload of step ${step} `.repeat(20)

export const stepBody = (step: number, payload: string | null) => ({
  what: 'step',
  caughtBy: 'nobody',
  reason: `step ${step}`,
  evidence: { payload, padding: 'x'.repeat((step * 37) % 300) },
})
