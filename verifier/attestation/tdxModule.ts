import { z } from 'zod'
import { ChainFault } from './certificates.ts'

const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-fA-F]{${2 * bytes}}$`))
const module = z.object({ mrsigner: hexOf(48), attributes: hexOf(8), attributesMask: hexOf(8) })
const tcbInfo = z.object({
  tdxModule: module.optional(),
  tdxModuleIdentities: z
    .array(
      module.extend({
        id: z.string(),
        tcbLevels: z.array(z.object({ tcb: z.object({ isvsvn: z.number() }), tcbStatus: z.string() })),
      }),
    )
    .optional(),
})

/** Of a TD's report: the module that started it, who signed that, and what it is allowed. */
export type TdxReport = { teeTcbSvn: Uint8Array; mrSignerSeam: Uint8Array; seamAttributes: Uint8Array }

/**
 * The state of the TDX module that a report names, by what Intel says of it in the (signed) TCB info: Intel's "Appendix D,
 * TDX module identity". Null: version 0, whose state is the platform's. Libraries do not look at it.
 *
 * @throws ChainFault for a module of another signer, other attributes, or one that Intel does not name
 */
export function tdxModuleStatus(info: string, { teeTcbSvn, mrSignerSeam, seamAttributes }: TdxReport): string | null {
  const parsed = tcbInfo.safeParse(JSON.parse(info))
  if (!parsed.success) throw new ChainFault(`TCB info: ${parsed.error.issues[0]?.path.join('.')} cannot be read`)
  const { tdxModule, tdxModuleIdentities = [] } = parsed.data
  // The second number of the module is its version, the first its security version.
  const [svn = 0, version = 0] = teeTcbSvn
  const id = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`
  const identity = tdxModuleIdentities.find(held => held.id.toUpperCase() === id)
  const expected = version === 0 ? tdxModule : identity
  if (expected === undefined) throw new ChainFault(`the TDX module ${id} is none that Intel names`)
  if (hex(mrSignerSeam) !== expected.mrsigner.toLowerCase())
    throw new ChainFault(`the TDX module was signed by ${hex(mrSignerSeam).slice(0, 16)}…, not by Intel`)
  const masked = (text: string) => BigInt(`0x${text}`) & BigInt(`0x${expected.attributesMask}`)
  if (masked(hex(seamAttributes)) !== masked(expected.attributes))
    throw new ChainFault(`the TDX module has the attributes ${hex(seamAttributes)}`)
  if (version === 0 || identity === undefined) return null
  const level = [...identity.tcbLevels].sort((a, b) => b.tcb.isvsvn - a.tcb.isvsvn).find(({ tcb }) => svn >= tcb.isvsvn)
  if (level === undefined)
    throw new ChainFault(`the TDX module ${id} has the security version ${svn}, below all that Intel names`)
  return level.tcbStatus
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
