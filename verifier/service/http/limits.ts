const KIB = 1024
const MIB = 1024 * KIB

/** A bucket: so much at once, and so much more in each second. */
export type Rate = { burst: number; perSecond: number }

/**
 * What anybody may ask of a server of ours, in one place: verifier, gateway, witness and log hold the same.
 * Times in milliseconds, sizes in bytes.
 */
export const HTTP_LIMITS = {
  /** Connections at once; beyond it the oldest makes room of those that showed no token. */
  connections: 512,
  headersMs: 10_000,
  headerBytes: 16 * KIB,
  /** How long a body may take, and how little of it may come in any few seconds. */
  bodyMs: 30_000,
  stalledMs: 5_000,
  stalledBytes: 4 * KIB,
  keepAliveMs: 10_000,
  /** A request with everything: waiting for its turn, its body, the work, the answer. */
  requestMs: 10 * 60_000,
  /** A body up to this is read at once; a larger one waits, unread, for its client's turn. */
  smallBody: 256 * KIB,
  /** Requests of one kind of one client that wait while another is in progress. */
  waiting: 8,
  client: {
    requests: { burst: 400, perSecond: 100 },
    bytes: { burst: 512 * MIB, perSecond: 32 * MIB },
  },
  /** Of one address without a token; on loopback, where all have one address, of one connection. */
  stranger: {
    requests: { burst: 200, perSecond: 50 },
    bytes: { burst: 8 * MIB, perSecond: 1 * MIB },
  },
} as const satisfies Record<string, number | Record<string, Rate>>
