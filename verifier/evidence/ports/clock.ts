/** Time as a port. The demo's clock runs on market time, a live agent's on the system's. */
export type Clock = {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number
}
