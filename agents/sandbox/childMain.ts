// The keyless child process in which a strategy runs. Nothing is inherited: no environment, no arguments, no files, no
// standard streams; the only way out is the channel to the host, which serveChild holds and the strategy never sees.
import { framesOf, loadBundle, protect } from './compartment.ts'
import { endWithParent } from './endWithParent.ts'
import { processChannel } from './processChannel.ts'
import { serveChild } from './serveChild.ts'

endWithParent()
serveChild({ channel: processChannel, load: loadBundle, protect, framesOf })
