import type { QueuePort } from '#verifier/evidence/ports/queue.ts'

/** One queue for models that workers hold, another for hosted ones behind a relay. */
export function routeByModel({ held, hosted }: { held: QueuePort; hosted: QueuePort }): QueuePort {
  return {
    dispatch: (job, avoid) => (job.model.file === null ? hosted : held).dispatch(job, avoid),
    async setAside(worker, untilMs) {
      await held.setAside(worker, untilMs)
      await hosted.setAside(worker, untilMs)
    },
    async readmit(worker) {
      await held.readmit(worker)
      await hosted.readmit(worker)
    },
    aside: () => held.aside(),
    async close() {
      await held.close()
      await hosted.close()
    },
  }
}
