// What happens to the pods and the nodes of the drill, as Kubernetes does it and as it happens to it.

import { setTimeout as delay } from 'node:timers/promises'
import { connect, cutOff, type Node } from './network.ts'
import { nodeGraceMs, type Pod, type Pods } from './pods.ts'

export type Fault = { readonly name: string; readonly carryOut: () => Promise<unknown> }

const lastsMs = 10_000
const reloadPauseMs = 2_000
/** Longer than a node is waited for. */
const goneLastsMs = nodeGraceMs + 15_000

export const faultsOf = (
  nodes: readonly [Node, Node, Node],
  pods: Pods,
  /** Nodes whose kubelets nobody hears. */
  isAway: Set<Node>,
): readonly Fault[] => {
  const [a, b, c] = nodes

  /** The next one is started when the one before is ready, whether the old one has left or not. */
  const update = async (kind: Pod['kind']) => {
    const leaving: Promise<void>[] = []
    for (const old of pods.of(kind, nodes)) {
      await pods.start(kind, old.node)
      leaving.push(pods.end(old))
    }
    await Promise.all(leaving)
  }

  /** The budgets let one pod of each kind go. Its replacement starts at once, on another node. */
  const drain = (node: Node, other: Node) =>
    Promise.all(
      pods
        .of('api', [node])
        .concat(pods.of('worker', [node]))
        .flatMap((one) => [pods.end(one), pods.start(one.kind, other)]),
    )

  const lose = async (node: Node) => {
    isAway.add(node)
    await cutOff(node)
    await delay(goneLastsMs)
    await connect(node)
    isAway.delete(node)
    await pods.areReady()
  }

  return [
    { name: 'nothing', carryOut: () => delay(lastsMs) },
    // As often as an update of the API does it.
    {
      name: 'proxies reloaded, no pod touched',
      carryOut: async () => {
        for (let i = 0; i < 2 * nodes.length; i++) {
          await pods.publishAgain()
          await delay(reloadPauseMs)
        }
      },
    },
    { name: 'the API updated', carryOut: () => update('api') },
    { name: 'the workers updated', carryOut: () => update('worker') },
    { name: 'a node drained', carryOut: () => drain(a, b) },
    {
      name: 'a pod killed (kill -9)',
      carryOut: async () => {
        const [one] = pods.of('api', [b])
        if (one) await pods.crash(one)
        await delay(lastsMs)
      },
    },
    { name: 'a zone of three cut off', carryOut: () => lose(c) },
  ]
}
