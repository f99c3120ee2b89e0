import { seededRandom } from '../seededRandom.ts'

/** `count` of the items, each equally likely, in their own order; all where there are not more. The same seed draws the same. */
export function drawUniform<T>(items: readonly T[], { count, seed }: { count: number; seed: number }): T[] {
  const random = seededRandom(seed)
  const places = items.map((_, i) => i)
  for (let i = places.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [places[i] as number, places[j] as number]
    places[i] = b
    places[j] = a
  }
  return places
    .slice(0, count)
    .sort((a, b) => a - b)
    .map(i => items[i] as T)
}
