// What is done to the nodes of Patroni, and how each of them is mended. Gates stand between
// a node and all that reach it, and between it and etcd.

import type { Gate } from '../../gate.ts'
import type { PatroniNode } from '../../../scripts/stack/patroni.ts'
import type { GatedPatroni } from './gated-patroni.ts'

export type NodeFault = {
  readonly name: string
  /** Whom it is done to. */
  readonly to: 'leader' | 'synchronous standby'
  /** Another node leads afterwards. */
  readonly movesLeader: boolean
  begin(node: PatroniNode): unknown
  /** Undefined where it mends itself. */
  readonly end?: (node: PatroniNode) => unknown
}

export const nodeFaults = ({ patroni, gatesOf }: GatedPatroni): readonly NodeFault[] => [
  {
    name: 'switchover, planned',
    to: 'leader',
    movesLeader: true,
    begin: () => patroni.switchover(),
  },
  {
    name: 'Postgres of the primary killed',
    to: 'leader',
    movesLeader: false, // its Patroni starts it again, in less than a failover takes
    begin: (node) => node.signal('postgres', 'SIGKILL'),
  },
  {
    name: 'node of the primary killed',
    to: 'leader',
    movesLeader: true,
    begin: (node) => node.signal('node', 'SIGKILL'),
    end: (node) => node.start(),
  },
  {
    name: 'node of the primary frozen',
    to: 'leader',
    movesLeader: true,
    begin: (node) => node.signal('node', 'SIGSTOP'),
    end: (node) => node.signal('node', 'SIGCONT'),
  },
  {
    // Without a watchdog, its Postgres goes on as if it were the primary.
    name: 'Patroni of the primary killed',
    to: 'leader',
    movesLeader: true,
    begin: (node) => node.signal('patroni', 'SIGKILL'),
    end: (node) => node.start(),
  },
  {
    name: 'node of the primary cut off',
    to: 'leader',
    movesLeader: true,
    begin: (node) => gatesOf(node).forEach(swallowAll),
    end: (node) => gatesOf(node).forEach(passAgain),
  },
  {
    name: 'node of the synchronous standby killed',
    to: 'synchronous standby',
    movesLeader: false,
    begin: (node) => node.signal('node', 'SIGKILL'),
    end: (node) => node.start(),
  },
]

/** As a network that is gone: nothing is refused, and nothing arrives. */
const swallowAll = (gate: Gate): void => {
  gate.inspect('to-service', () => 'drop')
  gate.inspect('to-client', () => 'drop')
}

const passAgain = (gate: Gate): void => {
  gate.cut()
  gate.passAll()
}
