/** A defence that is taken out of a scratch copy of the source: the text of one place, and what stands there instead. */
export type Mutation = { file: string; from: string; to: string }

/** The text with its mutations. @throws Error where a mutation no longer finds its place */
export function mutate(file: string, text: string, mutations: readonly Mutation[]): string {
  let mutated = text
  for (const { from, to } of mutations.filter(mutation => mutation.file === file)) {
    if (!mutated.includes(from)) throw new Error(`${file} no longer holds "${from}": adapt the mutation`)
    mutated = mutated.replace(from, to)
  }
  return mutated
}
