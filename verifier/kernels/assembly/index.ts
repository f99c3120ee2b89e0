export { leafHashes, nodeHashes, sha256 } from './sha256'
