import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { openAttestations } from '#verifier/attestation/openAttestations.ts'
import { type ReplayReport, replayLog as replay } from '#verifier/replay/replayLog.ts'
import { logKeyFor } from './logKey.ts'

/** Replays the log in a directory in this process's sandbox. */
export async function replayLog(
  dir: string,
  vkey: string | undefined,
  onDecision?: (done: number) => void,
  { isPublic = false, runModels = false }: { isPublic?: boolean; runModels?: boolean } = {},
): Promise<ReplayReport> {
  const files = openLogFiles(dir)
  const { key } = logKeyFor(dir, vkey)
  return replay({
    files,
    crypto: nodeCrypto,
    key,
    sandbox: createSandbox(),
    kernels: nodeKernels(),
    attestations: openAttestations(),
    engine: runModels ? onnxEngine : null,
    randomWords,
    isPublic,
    ...(onDecision === undefined ? {} : { onDecision }),
  })
}
