export { largestInt8, projectInput, projectTrace, projectWeights } from './freivalds'
export { leafHashes, nodeHashes, sha256 } from './sha256'
