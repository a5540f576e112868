// A rolling update, a node that is drained, nodes and a zone that are gone: what clients see of it. Here it
// enters a network of its own; nodes/drill.ts has the drill.

import { runInOwnNetwork } from './nodes/network.ts'

process.exitCode = await runInOwnNetwork(new URL('nodes/drill.ts', import.meta.url))
