import fastify from 'fastify'
import { listen } from '#runtime/cli/lib/serve.ts'
import type { DemoReport } from '#runtime/demo/runDemo.ts'
import { statusPage } from './statusPage.ts'

/** Serves the demo's result on loopback until Ctrl-C or SIGTERM. `onUrl` is told where. */
export async function serveStatus(report: DemoReport, onUrl: (url: string) => void): Promise<void> {
  const app = fastify()
  app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(statusPage(report)))
  app.get('/report.json', async () => report)
  onUrl(await listen(app, { host: '127.0.0.1', port: 0 }))
  await new Promise<void>(resolve => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
  await app.close()
}
