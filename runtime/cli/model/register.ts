import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant model register`. */
export function registerRegister(model: Command): void {
  model
    .command('register')
    .argument('<file>', 'an ONNX model; its name is the one it is served under')
    .requiredOption('--models <dir>', 'the directory that gateways and workers serve from')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Load a model as a worker does, put it beside the others, and print its identity: what a policy lists.',
    )
    .addHelpText('after', '\nExample:\n  warrant model register net-int.onnx --models models')
    .action(async (file: string, options: { models: string; json?: boolean }) => {
      const { registerModel } = await import('#runtime/model/registerModel.ts')
      const { identity, path } = await registerModel(file, options.models)
      if (options.json) return printJson({ identity, path })
      const print = createPrinter(false)
      print(`wrote  ${path}`)
      print(
        `In a policy:\n  identities:\n    models:\n      - { digest: ${identity.digest}, numeric: ${identity.numeric} }`,
      )
    })
}
