import { closeSync, existsSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Takes the single-writer lock of a log. A lock left by a process that no longer runs is taken over. @throws LOG_LOCKED */
export function takeLock(path: string): () => void {
  if (existsSync(path)) {
    const holder = Number(readFileSync(path, 'utf8'))
    if (holder > 0 && isRunning(holder)) {
      throw new WarrantError('LOG_LOCKED', `${path}: process ${holder} is writing this log: a log has one writer`)
    }
    unlinkSync(path)
  }
  let fd: number
  try {
    fd = openSync(path, 'wx')
  } catch (cause) {
    throw new WarrantError('LOG_LOCKED', `${path}: another process has just taken this log`, { cause })
  }
  writeSync(fd, String(process.pid))
  closeSync(fd)
  return () => unlinkSync(path)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
