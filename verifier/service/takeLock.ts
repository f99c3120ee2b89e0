import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Programs that take flock(2) on the file that they inherit as descriptor 3; the first that is there does it. */
const TAKERS: readonly [string, readonly string[]][] = [
  ['flock', ['-n', '3']],
  ['perl', ['-e', 'open(my $f, "<&=", 3) or exit 9; exit(flock($f, 6) ? 0 : 1)']],
]

/**
 * Takes a lock that the kernel holds for this process: it ends with the process, however that ends, and holds across
 * containers that share the volume, whatever their process numbers. The file says who has it; what it says decides nothing.
 *
 * @throws LOG_LOCKED when another process has it
 * @example const unlock = takeLock('/data/log/state/lock', 'this log')
 */
export function takeLock(path: string, what: string): () => void {
  for (;;) {
    const fd = openSync(path, 'a+')
    if (!tryFlock(fd)) {
      const holder = textOf(fd)
      closeSync(fd)
      throw new WarrantError('LOG_LOCKED', `${path}: ${holder} has ${what}: it has one writer`)
    }
    // Whoever had it before may have removed the file meanwhile: a lock on a file without a name keeps nobody out.
    if (!isAt(path, fd)) {
      closeSync(fd)
      continue
    }
    ftruncateSync(fd, 0)
    writeSync(fd, `process ${process.pid} on ${hostname()}`)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      if (isAt(path, fd)) unlinkSync(path)
      closeSync(fd)
    }
  }
}

/** Takes the same lock on a file that is open and stays: it ends when the descriptor is closed. @throws LOG_LOCKED */
export function lockDescriptor(fd: number, path: string, what: string): void {
  if (!tryFlock(fd)) throw new WarrantError('LOG_LOCKED', `${path}: another process has ${what}: it has one writer`)
}

/** Locks a file that need not be writable, such as a key, while this process lives. @throws LOG_LOCKED */
export function lockFile(path: string, what: string): () => void {
  const fd = openSync(path, 'r')
  try {
    lockDescriptor(fd, path, what)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return () => closeSync(fd)
}

/** Node has no flock: a child takes it on the open file that both share, and it stays with this process. */
function tryFlock(fd: number): boolean {
  for (const [program, args] of TAKERS) {
    const { error, status } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'ignore', fd] })
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue
    if (status === 0) return true
    if (status === 1) return false
    throw new WarrantError('LOG_LOCKED', `cannot take a lock: ${program} ended with ${status ?? error?.message}`)
  }
  throw new WarrantError('LOG_LOCKED', 'cannot take a lock: neither flock (util-linux) nor perl is installed')
}

function isAt(path: string, fd: number): boolean {
  const at = statSync(path, { throwIfNoEntry: false })
  const held = fstatSync(fd)
  return at !== undefined && at.ino === held.ino && at.dev === held.dev
}

function textOf(fd: number): string {
  const bytes = Buffer.alloc(200)
  const text = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)).toString('utf8')
  return /^process \d+ on [\w.-]+$/.test(text) ? text : 'another process'
}
