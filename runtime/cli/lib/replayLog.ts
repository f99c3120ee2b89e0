import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { openAttestations } from '#verifier/attestation/openAttestations.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type ReplayReport, replayLog as replay } from '#verifier/replay/replayLog.ts'
import { logKeyFor } from './logKey.ts'

/** Replays the log in a directory in this process's sandbox. */
export async function replayLog(
  dir: string,
  vkey: string | undefined,
  onDecision?: (done: number) => void,
  {
    isPublic = false,
    runModels = false,
    policy = null,
  }: { isPublic?: boolean; runModels?: boolean; policy?: Policy | null } = {},
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
    policy,
    ...(onDecision === undefined ? {} : { onDecision }),
  })
}
