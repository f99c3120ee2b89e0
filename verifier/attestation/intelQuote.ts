import qvl from '@phala/dcap-qvl'
import { reasonOf } from '#verifier/evidence/error.ts'
import { ChainFault, certificate, checkChain, checkRevocations, fromPem } from './certificates.ts'
import type { Collateral } from './document.ts'
import type { Attested } from './openAttestations.ts'
import { tdxModuleStatus } from './tdxModule.ts'

/** Whom Intel lets speak of what: a platform's certificate says nothing of firmware, and the other way round. */
const [PCK, TCB] = ['Intel SGX PCK Certificate', 'Intel SGX TCB Signing']

/** The quoting enclave's maker, at its place in a quote's header: Intel. */
const VENDOR = '939a7233f79c4ca9940a0db3957f0607'
const VENDOR_AT = 12

/** Firmware states that are accepted without being named: the one that has every update. */
const CURRENT = 'UpToDate'

/**
 * An Intel SGX or TDX quote with its collateral, at a time. `@phala/dcap-qvl` checks the quote, its platform's state and that
 * debug mode is off; it reads the revocation lists without their signatures and dates, and lets any certificate issue, so
 * chains and lists are checked here first.
 *
 * @throws ChainFault what is wrong
 */
export function openIntelQuote(
  quote: Uint8Array,
  collateral: Collateral,
  { platform, root, tcb, atMs }: { platform: 'tdx' | 'sgx'; root: string; tcb: readonly string[]; atMs: number },
): Attested {
  const parsed = decoded(() => qvl.Quote.parse(quote))
  if (parsed.report.isSgx() !== (platform === 'sgx')) throw new ChainFault(`the quote is not of ${platform}`)
  const vendor = hexOf(quote.subarray(VENDOR_AT, VENDOR_AT + VENDOR.length / 2))
  if (vendor !== VENDOR) throw new ChainFault(`the quoting enclave is of the vendor ${vendor}, not of Intel`)
  const pck = fromPem(new TextDecoder().decode(decoded(() => parsed.rawCertChain())))
  const chains = [pck, fromPem(collateral.tcb_info_issuer_chain), fromPem(collateral.qe_identity_issuer_chain)]
  for (const chain of chains) checkChain(chain, root, atMs)
  for (const [i, [leaf]] of chains.entries()) {
    const expected = i === 0 ? PCK : TCB
    if (leaf?.subject.split('\n').includes(`CN=${expected}`) !== true)
      throw new ChainFault(`${leaf?.subject.replaceAll('\n', ', ')} speaks where ${expected} should`)
  }
  const authority = chains[0]?.at(-1) as (typeof pck)[number]
  const direct = chains.flatMap(chain => chain.slice(-2, -1))
  checkRevocations(hexBytes(collateral.root_ca_crl), authority, direct, atMs)
  checkRevocations(hexBytes(collateral.pck_crl), pck[1] as (typeof pck)[number], pck.slice(0, 1), atMs)
  const verified = decoded(() =>
    qvl.QuoteVerifier.newWithRootCa(certificate(authority.raw).raw).verify(
      Buffer.from(quote),
      collateral,
      Math.floor(atMs / 1_000),
    ),
  )
  if (verified.status !== CURRENT && !tcb.includes(verified.status))
    throw new ChainFault(
      `the platform's firmware is ${verified.status}, the policy accepts ${[CURRENT, ...tcb].join(', ')}`,
    )
  const { report } = parsed
  const sgx = report.asSgx()
  if (sgx !== null)
    return {
      data: sgx.reportData,
      measurements: { mrEnclave: hexOf(sgx.mrEnclave), mrSigner: hexOf(sgx.mrSigner) },
    }
  const td = report.asTd15()?.base ?? report.asTd10()
  if (td === null) throw new ChainFault('a quote of an unknown form')
  const state = tdxModuleStatus(collateral.tcb_info, td)
  if (state !== null && state !== CURRENT && (state === 'Revoked' || !tcb.includes(state)))
    throw new ChainFault(`the TDX module is ${state}, the policy accepts ${[CURRENT, ...tcb].join(', ')}`)
  return {
    data: td.reportData,
    measurements: {
      mrTd: hexOf(td.mrTd),
      rtMr0: hexOf(td.rtMr0),
      rtMr1: hexOf(td.rtMr1),
      rtMr2: hexOf(td.rtMr2),
      rtMr3: hexOf(td.rtMr3),
    },
  }
}

function decoded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new ChainFault(reasonOf(error))
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const hexBytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
