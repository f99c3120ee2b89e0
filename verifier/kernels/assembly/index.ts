export { largestInt8, projectInput, projectTrace, projectWeights, same, splitDigits } from './freivalds'
export { quantise, requantise, scale } from './requantise'
export { leafHashes, nodeHashes, sha256 } from './sha256'
