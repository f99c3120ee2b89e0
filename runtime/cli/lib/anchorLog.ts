import { type LogAnchorWriter, openLogAnchorWriter, readLogAnchor } from '#runtime/chain/logAnchor.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { fromHex, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { formatVkey } from '#verifier/log/signedNote.ts'
import { failuresOf } from './reading/readingJson.ts'
import { readLog } from './reading/readLog.ts'

export type AnchorReport = {
  ok: boolean
  says: string
  contract: string
  publisher: string
  size: number
  root: string
  anchoredBefore: number
  transactionHash: string | null
  gasUsed: number | null
}

/** Anchors a published log, or compares it with what is anchored. @throws BAD_INPUT, FILE_MISSING, EVIDENCE_MALFORMED, UNREACHABLE, CHAIN_FAILED */
export async function anchorLog(
  dir: string,
  {
    rpc,
    contract: given,
    key: keyFile,
    deploy,
    check,
    publisher: whose,
    ...trust
  }: {
    rpc: string
    contract?: string
    key?: string
    deploy?: boolean
    check?: boolean
    publisher?: string
    vkey?: string
    vkeyFile?: string
    unpinned?: boolean
  },
): Promise<AnchorReport> {
  if ((given === undefined) === (deploy !== true))
    throw new WarrantError('BAD_INPUT', 'give either --contract ADDRESS or --deploy')
  if (given !== undefined && !/^0x[0-9a-fA-F]{40}$/.test(given))
    throw new WarrantError('BAD_INPUT', `--contract ${given} is no address`)
  if (check && deploy) throw new WarrantError('BAD_INPUT', '--check sends nothing: give --contract ADDRESS')
  if (whose !== undefined && !check) throw new WarrantError('BAD_INPUT', '--publisher goes with --check')
  if (whose !== undefined && !/^0x[0-9a-fA-F]{40}$/.test(whose))
    throw new WarrantError('BAD_INPUT', `--publisher ${whose} is no address`)
  const tree = createMerkleTree()
  // Whoever anchors vouches for what they send; whoever compares must know whose log it is.
  const reading = await readLog(dir, { unpinned: check !== true, ...trust }, leaf => tree.append(fromHex(leaf)), 'tree')
  const [failure] = failuresOf(reading)
  if (reading.trusted === null || failure !== undefined)
    throw new WarrantError('EVIDENCE_MALFORMED', `${dir} does not verify: ${failure}`)
  if (reading.kind === 'warrant' || reading.range !== null)
    throw new WarrantError('BAD_INPUT', `${dir}: holds a part of a log: an anchor is of the whole one`)
  const { key } = reading.trusted

  const writer = keyFile === undefined ? null : await openLogAnchorWriter(rpc, keyFile)
  const publisher = whose?.toLowerCase() ?? writer?.publisher
  if (publisher === undefined)
    throw new WarrantError(
      'BAD_INPUT',
      'give --key FILE, or with --check the account that anchors: --publisher ADDRESS',
    )
  const contract = given?.toLowerCase() ?? (await (writer as LogAnchorWriter).deploy())
  const log = nodeCrypto.sha256(utf8(formatVkey(key)))
  const head = await readLogAnchor(rpc, contract).headOf(publisher, log)
  const base = {
    contract,
    publisher,
    size: tree.size,
    root: toHex(tree.root()),
    anchoredBefore: head.size,
    transactionHash: null,
    gasUsed: null,
  }
  if (head.size > tree.size)
    return { ...base, ok: false, says: `rolled back: ${head.size} entries are anchored, the log has ${tree.size}` }
  if (head.size > 0 && toHex(tree.root(head.size)) !== head.root)
    return {
      ...base,
      ok: false,
      says: `forked: another tree of ${head.size} entries is anchored in block ${head.blockNumber}`,
    }
  // Nothing to compare with is no comparison: a stranger's own account has anchored nothing.
  if (check && head.size === 0)
    return {
      ...base,
      ok: false,
      says: `${publisher} has anchored nothing of this log at ${contract}: name the account that did with --publisher`,
    }
  if (writer === null || check || head.size === tree.size)
    return { ...base, ok: true, says: `${tree.size} entries; what is anchored (${head.size}) is a prefix of them` }
  const sent = await writer.anchor(contract, {
    log,
    size: tree.size,
    root: tree.root(),
    proof: tree.consistencyProof(head.size),
  })
  return {
    ...base,
    ...sent,
    ok: true,
    says: `${tree.size} entries anchored at ${contract} by ${publisher} (${sent.gasUsed} gas)`,
  }
}
