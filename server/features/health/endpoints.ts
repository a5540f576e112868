// Health: for load balancers and supervisors.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { getHealth } from './get-health.ts'
import { getPing } from './get-ping.ts'
import { getReady, type ReadinessParts } from './get-ready.ts'

export const healthEndpoints = (parts: ReadinessParts): Endpoint[] => [
  getHealth(),
  getReady(parts),
  getPing(),
]
