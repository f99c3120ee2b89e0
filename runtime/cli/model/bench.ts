import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant model bench`. */
export function registerBench(model: Command): void {
  model
    .command('bench')
    .argument('<file>', 'an ONNX model')
    .option('--json', 'one JSON document on stdout')
    .description('Time running a model on this machine, and checking its answers. One thread.')
    .addHelpText('after', '\nExample:\n  warrant model bench strategies/trend-follower/model.onnx')
    .action(async (file: string, options: { json?: boolean }) => {
      const { benchModel } = await import('#runtime/model/benchModel.ts')
      const { numeric, prepareMs, batches } = await benchModel(file)
      if (options.json) return printJson({ numeric, prepareMs, batches })
      const print = createPrinter(false)
      print(`${numeric}${prepareMs === null ? '' : `; W·R ${prepareMs.toFixed(2)} ms, once`}`)
      const ms = (value: number | null) => (value === null ? '-' : value.toFixed(3)).padStart(10)
      print(
        `${'batch'.padStart(6)} ${['run', 'traced', 'digest', 'check'].map(name => `${name} ms`.padStart(10)).join(' ')}  digest and check ÷ run`,
      )
      for (const { batch, runMs, tracedMs, digestMs, checkMs } of batches) {
        const share =
          checkMs === null || digestMs === null ? '' : `  ${((100 * (checkMs + digestMs)) / runMs).toFixed(1)} %`
        print(`${String(batch).padStart(6)} ${[runMs, tracedMs, digestMs, checkMs].map(ms).join(' ')}${share}`)
      }
    })
}
