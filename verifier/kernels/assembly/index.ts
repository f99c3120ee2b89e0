export {
  addF32, addF64, addI32, clampF32, divF32, f32ToI32, f32ToU8, f64ToF32, i32ToF32, i32ToF64, lookUp1, lookUp4, maxU8,
  mulF32, mulF64, mulI32, roundF32, subF64, subI32, sumF64, sumI32, u8ToF32, u8ToI32,
} from './elementwise'
export { largestInt8, projectInput, projectTrace, projectWeights, same, splitDigits } from './freivalds'
export { fromZero, quantise, requantise, scale } from './requantise'
export { leafHashes, nodeHashes, sha256 } from './sha256'
