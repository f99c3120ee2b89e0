import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant model compile`. */
export function registerCompile(model: Command): void {
  model
    .command('compile')
    .argument('<in>', 'a float32 ONNX model with its weights inside')
    .requiredOption('--calibrate <file>', 'inputs as they will come: NumPy float32 [n, …input shape]')
    .requiredOption('--out <file>', 'the exact-integer model')
    .option('--weight-bits <bits>', '7: fast on every processor; 8: more exact, slower where there is no VNNI', '7')
    .option('--max-loss <share>', 'refuse when the output is further away than this (root mean square)', '0.1')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Turn a float32 model into exact integers (int-exact-v1), so that its answers can be proven by freivalds. Says what is lost, layer by layer.',
    )
    .addHelpText('after', '\nExample:\n  warrant model compile net.onnx --calibrate inputs.npy --out net-int.onnx')
    .action(
      async (
        source: string,
        options: { calibrate: string; out: string; weightBits: string; maxLoss: string; json?: boolean },
      ) => {
        const { compileFile } = await import('../lib/compileFile.ts')
        const compiled = await compileFile(source, options)
        if (options.json) return printJson(compiled)
        const print = createPrinter(false)
        const percent = (share: number) => `${(100 * share).toFixed(2)} %`
        for (const { op, tensor, loss } of compiled.layers)
          print(`${op.padEnd(20)} ${tensor.padEnd(24)} ${percent(loss).padStart(10)}`)
        print(`${'output'.padEnd(45)} ${percent(compiled.loss).padStart(10)}  over ${compiled.samples} samples`)
        print(`wrote  ${compiled.out}  ${compiled.bytes} bytes (the float model has ${compiled.sourceBytes})`)
        print(`model  ${compiled.digest}  int-exact-v1`)
      },
    )
}
