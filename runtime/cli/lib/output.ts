/** Exactly one JSON document on stdout. */
export function printJson(document: unknown): void {
  process.stdout.write(
    `${JSON.stringify(document, (_key, value) => (typeof value === 'bigint' ? String(value) : value), 2)}\n`,
  )
}

/** Lines for people: on stdout, or on stderr where stdout belongs to a JSON document. */
export type Printer = (line: string) => void
export function createPrinter(json: boolean): Printer {
  const stream = json ? process.stderr : process.stdout
  return line => void stream.write(`${line}\n`)
}

/** A progress line on stderr that rewrites itself in a terminal, and speaks up seldom elsewhere. */
export function createProgress(label: string, total: number): { step(done: number, note?: string): void; end(): void } {
  const interactive = process.stderr.isTTY === true
  let lastTenth = 0
  return {
    step(done, note = '') {
      const line = `  ${label} ${done}/${total}${note === '' ? '' : `  ${note}`}`
      if (interactive) process.stderr.write(`\r\u001b[2K${line}`)
      else if (Math.floor((done * 4) / total) > lastTenth) {
        lastTenth = Math.floor((done * 4) / total)
        process.stderr.write(`${line}\n`)
      }
    },
    end() {
      if (interactive) process.stderr.write('\r\u001b[2K')
    },
  }
}
