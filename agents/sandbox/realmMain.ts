// A strategy in a realm of its own within the host's thread: its globals, its prototypes, its SES. For one's own strategy in
// a backtest. Host objects never reach the strategy: what crosses inwards are strings, what the host throws stays out here.
import './realmCodec.ts'
import { loadBundle, protect } from './compartment.ts'
import { type FromHost, serveChild } from './serveChild.ts'

/** Serves the host that hands in where its messages go; the result takes the messages from it. */
export function serveRealm(deliver: (message: object) => void): (message: FromHost) => void {
  let receive: (message: FromHost) => void = () => {}
  serveChild({
    channel: {
      send(message) {
        try {
          deliver(message)
        } catch {
          throw new Error('the host failed')
        }
      },
      // The host's process sees rejections that nobody handles.
      listen(taken) {
        receive = taken
      },
    },
    load: loadBundle,
    protect,
  })
  return message => receive(message)
}
