import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant model inspect`. */
export function registerInspect(model: Command): void {
  model
    .command('inspect')
    .argument('<file>', 'an ONNX model')
    .option('--json', 'one JSON document on stdout')
    .description('What a model holds, which proof kinds its answers can carry, and what they would cost.')
    .addHelpText('after', '\nExample:\n  warrant model inspect strategies/trend-follower/model.onnx')
    .action(async (file: string, options: { json?: boolean }) => {
      const { inspectModel } = await import('#runtime/model/inspectModel.ts')
      const seen = await inspectModel(file)
      if (options.json) return printJson(seen)
      const print = createPrinter(false)
      const { identity, costs } = seen
      print(`${identity.name}  ${identity.digest}`)
      print(`numeric     ${identity.numeric}`)
      for (const side of ['input', 'output'] as const)
        print(`${side.padEnd(11)} ${identity[side]?.name} ${identity[side]?.dtype}[${identity[side]?.shape}]`)
      print(`parameters  ${seen.parameters}`)
      print(
        `ops         ${Object.entries(seen.ops)
          .map(([op, times]) => `${op} ×${times}`)
          .join(', ')}`,
      )
      print(`processor   ${seen.processor.name}`)
      if (seen.saturating.length > 0)
        print(
          `8 bits      ${seen.saturating.length} linear ops saturate without VNNI: workers run them there with weights as uint8 (slower, the same bits)`,
        )
      print(`proofs      ${seen.kinds.join(', ')}`)
      if (costs !== null) {
        print(
          `one row     ${costs.multiplications} multiplications in ${costs.linearOps} linear ops (${(100 * costs.linearShare).toFixed(1)} % of the work)`,
        )
        print(
          `freivalds   ${costs.checkMultiplications} multiplications to check it (${(100 * costs.checkShare).toFixed(2)} %), a trace of ${costs.traceBytes} bytes`,
        )
        print(
          `estimated   ${costs.runMicros} µs to run one row again, ${costs.checkMicros} µs to check it (one core; warrant model bench measures)`,
        )
      } else if (seen.notCompiled.length > 0)
        print(`cannot be compiled to exact integers: ${seen.notCompiled.join(', ')}`)
      else print('can be compiled to exact integers: warrant model compile')
    })
}
