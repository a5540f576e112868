// The server's processes and the workers: killed and frozen, and started again in their place.

import { eventually } from '../../eventually.ts'
import { aMoment, type Draw, type Fault } from './fault.ts'
import { send, type System } from './system.ts'

/** A worker that wakes up after its session is over comes back as a zombie. */
const pastSessionMs = 12_000

export const processFaults = (system: System): Fault[] => {
  const frozen = new Set<(signal: NodeJS.Signals) => void>()
  const freeze = (signal: (name: NodeJS.Signals) => void) => {
    frozen.add(signal)
    signal('SIGSTOP')
  }
  const thaw = () => {
    for (const signal of frozen) signal('SIGCONT')
    frozen.clear()
  }
  const aFork = async (draw: Draw): Promise<number> => {
    const forks = await eventually(system.forks, ({ length }) => length > 0)
    return forks[draw(forks.length)] as number
  }
  return [
    {
      name: 'a worker killed',
      begin: (draw) => system.killWorker(draw(system.workerCount)),
    },
    {
      name: 'a worker frozen',
      begin: (draw) => {
        const { process } = system.worker(draw(system.workerCount))
        freeze((name) => process.kill(name))
      },
      lastsMs: (draw) => (draw(2) === 0 ? pastSessionMs : aMoment(draw)),
      end: thaw,
    },
    {
      name: 'a server process killed',
      begin: async (draw) => system.killFork(await aFork(draw)),
    },
    {
      name: 'a server process frozen',
      begin: async (draw) => {
        const pid = await aFork(draw)
        freeze((name) => send(pid, name))
      },
      lastsMs: aMoment,
      end: thaw,
    },
    {
      name: 'the server killed',
      begin: () => system.killServer(),
    },
  ]
}
