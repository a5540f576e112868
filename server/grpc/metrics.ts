// What is counted of the gRPC port. Its calls are counted as the HTTP requests that they are the same as.

import type { Registry } from '@prometheus-io/client'
import { addGauge } from '../../lib/runtime/metrics.ts'
import type { Grpc } from './open.ts'

export const addGrpcMetrics = (registry: Registry, grpc: Pick<Grpc, 'connections'>): void => {
  addGauge(
    registry,
    {
      name: 'todos_grpc_open_connections',
      help: 'Connections to the gRPC port. The bound is GRPC_CONNECTIONS_MAX.',
    },
    () => [[{}, grpc.connections()]],
  )
}
