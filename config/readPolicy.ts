import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'
import { placeIn, readYaml } from './loadConfig.ts'

/**
 * Reads a policy (YAML or JSON). `shown`: what the file is called in an error.
 *
 * @throws FILE_MISSING, BAD_CONFIG naming file, line and field
 * @example readPolicy('policy.yaml') // BAD_CONFIG policy.yaml:40: approvals.threshold: is 5, and 3 people may approve
 */
export const readPolicy = (file: string, shown = file): Policy => parsePolicy(readYaml(file), placeIn(file, shown))
