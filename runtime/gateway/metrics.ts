import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What a gateway counts, for Prometheus. */
export type GatewayMetrics = {
  answered(labels: { agent: string; model: string; status: string; proof: string }, seconds: number): void
  /** The gateway's own check of a proof. */
  checked(kind: string, seconds: number): void
  refused(code: string): void
  /** The exposition format, and its content type. */
  expose(): Promise<{ type: string; text: string }>
}

/** @param caught workers that were set aside, when asked */
export function createGatewayMetrics(caught: () => number): GatewayMetrics {
  const registry = new Registry()
  const registers = [registry]
  const requests = new Counter({
    name: 'warrant_requests_total',
    help: 'Requests that ended, by their terminal state.',
    labelNames: ['agent', 'model', 'status', 'proof'],
    registers,
  })
  const seconds = new Histogram({
    name: 'warrant_request_seconds',
    help: 'From the call to its logged answer.',
    labelNames: ['model'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    registers,
  })
  const checks = new Histogram({
    name: 'warrant_proof_check_seconds',
    help: "The gateway's own check of an answer's proof.",
    labelNames: ['proof'],
    buckets: [0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
    registers,
  })
  const refusals = new Counter({
    name: 'warrant_refused_total',
    help: 'Calls that were refused before they became requests.',
    labelNames: ['code'],
    registers,
  })
  new Gauge({
    name: 'warrant_workers_set_aside',
    help: 'Workers that get no more jobs.',
    registers,
    collect() {
      this.set(caught())
    },
  })
  return {
    answered(labels, took) {
      requests.inc(labels)
      seconds.observe({ model: labels.model }, took)
    },
    checked: (proof, took) => checks.observe({ proof }, took),
    refused: code => refusals.inc({ code }),
    expose: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  }
}
