import { KNOWN_FAULTS } from './knownFaults.ts'
import type { Mutant } from './mutate/findMutants.ts'

/**
 * Faults with names, each in its place: they are run whatever the seed draws.
 *
 * @throws Error where a fault no longer finds its place
 */
export function knownMutants(sources: Readonly<Record<string, string>>): Mutant[] {
  return KNOWN_FAULTS.map(({ name, file, from, to }) => {
    const source = sources[file] ?? ''
    const start = source.indexOf(from)
    if (start < 0 || source.indexOf(from, start + 1) >= 0)
      throw new Error(`${name}: ${file} does not hold "${from}" exactly once: adapt the fault`)
    const line = source.slice(0, start).split('\n').length
    return {
      id: `${file}:${line} known: ${name}`,
      file,
      operator: 'known',
      line,
      start,
      end: start + from.length,
      text: to,
    }
  })
}
