import { existsSync, readFileSync } from 'node:fs'
import { isNode, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { WarrantError } from '#verifier/evidence/error.ts'
import { keepSecretsOf, maskKeys } from '#verifier/evidence/text/redact.ts'

/** Reads YAML or JSON. @throws FILE_MISSING, BAD_CONFIG naming file and line */
export function readYaml(file: string): unknown {
  if (!existsSync(file)) throw new WarrantError('FILE_MISSING', `${maskKeys(file)}: no such file`)
  const document = parseDocument(readFileSync(file, 'utf8'), { prettyErrors: true, uniqueKeys: true })
  const [error] = document.errors
  if (error !== undefined)
    throw new WarrantError('BAD_CONFIG', `${file}:${error.linePos?.[0].line ?? 1}: ${maskKeys(firstLine(error))}`)
  let value: unknown
  try {
    value = document.toJS()
  } catch (thrown) {
    throw new WarrantError('BAD_CONFIG', `${file}: ${maskKeys(firstLine(thrown as Error))}`)
  }
  keepSecretsOf(value)
  return value
}

/** What stands behind it quotes the file. */
const firstLine = ({ message }: Error) => message.split('\n')[0] ?? ''

/** Reads a configuration against its schema. @throws FILE_MISSING, BAD_CONFIG naming file and field */
export function loadConfig<T>(file: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(readYaml(file))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new WarrantError(
    'BAD_CONFIG',
    `${file}: ${maskKeys(`${issue?.path.join('.') || '(root)'}: ${issue?.message}`)}`,
  )
}

/**
 * Where a field stands in a file: `policy.yaml:12`, the line of the field or of the closest one around it.
 *
 * @param shown what the file is called there
 * @example placeIn('policy.yaml')(['limits', 'perTradeUsd']) // 'policy.yaml:31'
 */
export function placeIn(file: string, shown = file): (path: readonly (string | number)[]) => string {
  const lines = new LineCounter()
  const document = parseDocument(readFileSync(file, 'utf8'), { lineCounter: lines })
  return path => {
    for (let length = path.length; length > 0; length--) {
      const steps = path.slice(0, length).map(step => (/^\d+$/.test(String(step)) ? Number(step) : step))
      const node: unknown = document.getIn(steps, true)
      if (isNode(node) && node.range != null) return `${shown}:${lines.linePos(node.range[0]).line}`
    }
    return shown
  }
}
