/** Median milliseconds of `work`, after one run that does not count. */
export async function median(rounds: number, work: () => Promise<unknown>): Promise<number> {
  await work()
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const since = performance.now()
    await work()
    times.push(performance.now() - since)
  }
  return times.sort((a, b) => a - b)[rounds >> 1] as number
}
