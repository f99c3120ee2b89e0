import { redact } from '#verifier/evidence/text/redact.ts'
import { showJson, showLine } from '#verifier/evidence/text/showText.ts'

// The one file that writes to a terminal: whatever it is given, nothing hides in a line, and no URL is told whole.

/** Exactly one JSON document on stdout. What a record holds is printed as it is, but for what a terminal would obey. */
export function printJson(document: unknown): void {
  process.stdout.write(`${showJson(document, 2)}\n`)
}

/** One JSON document on a line of stdout. */
export function printJsonLine(document: unknown): void {
  process.stdout.write(`${showJson(document)}\n`)
}

/** Lines for people: on stdout, or on stderr where stdout belongs to a JSON document. A line is one line, whatever it holds. */
export type Printer = (line: string) => void
export function createPrinter(json: boolean): Printer {
  const stream = json ? process.stderr : process.stdout
  return line => void stream.write(`${terminalLine(line)}\n`)
}

/** A line for people on stderr. */
export const complain: Printer = createPrinter(true)

/** Text that consists of lines of its own, such as a program's output: each is shown as a line. */
export function complainLines(text: string): void {
  if (text !== '') for (const line of text.replace(/\n$/, '').split('\n')) complain(line)
}

/** The same on stdout. */
export function printLines(text: string): void {
  const print = createPrinter(false)
  if (text !== '') for (const line of text.replace(/\n$/, '').split('\n')) print(line)
}

/** Where a logger writes: stderr, a line of JSON at a time. */
export const logStream = {
  write(text: string) {
    for (const line of text.split('\n')) if (line !== '') process.stderr.write(`${showJson(redacted(line))}\n`)
  },
}

/** A progress line on stderr that rewrites itself in a terminal, and speaks up seldom elsewhere. */
export function createProgress(label: string, total: number): { step(done: number, note?: string): void; end(): void } {
  const interactive = process.stderr.isTTY === true
  let lastTenth = 0
  return {
    step(done, note = '') {
      const line = terminalLine(`  ${label} ${done}/${total}${note === '' ? '' : `  ${note}`}`)
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

const terminalLine = (line: string) => showLine(redact(line))

function redacted(line: string): unknown {
  try {
    return JSON.parse(line, (_key, value) => (typeof value === 'string' ? redact(value) : value))
  } catch {
    return redact(line)
  }
}
