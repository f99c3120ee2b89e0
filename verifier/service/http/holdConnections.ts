import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_LIMITS } from './limits.ts'

/** A server's connections, held to their number. */
export type Connections = {
  /** Says that a client's token was seen on a connection: strangers do not drive it out. */
  know(socket: Socket): void
}

/** Beyond the limit the oldest connection ends on which no token was seen; where all are clients', the new one. */
export function holdConnections(server: Server, most: number = HTTP_LIMITS.connections): Connections {
  const strangers = new Set<Socket>()
  const known = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    const isFull = strangers.size + known.size >= most
    const oldest = isFull ? (strangers.values().next().value ?? socket) : null
    if (oldest !== null) {
      strangers.delete(oldest)
      oldest.destroy()
    }
    if (oldest === socket) return
    strangers.add(socket)
    socket.once('close', () => {
      strangers.delete(socket)
      known.delete(socket)
    })
  })
  return {
    know(socket) {
      if (strangers.delete(socket)) known.add(socket)
    },
  }
}
