import type { Command } from 'commander'
import { registerBench } from './bench.ts'
import { registerCompile } from './compile.ts'
import { registerInspect } from './inspect.ts'
import { registerRegister } from './register.ts'

/** `warrant model compile|inspect|bench|register`. */
export function modelCommand(program: Command): void {
  const model = program.command('model').description('Compile models to exact integers, and look at model files.')
  for (const register of [registerCompile, registerInspect, registerBench, registerRegister]) register(model)
}
