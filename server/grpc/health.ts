// grpc.health.v1: what `/ready` says, for load balancers and clients that ask in gRPC's own way. The
// empty service is the whole server; each service of ours is as healthy as that.

import { setTimeout as delay } from 'node:timers/promises'
import type { DescService } from '@bufbuild/protobuf'
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect'
import type { App, Request } from '../http/engines/engine.ts'

const serving = 1
const notServing = 2
const serviceUnknown = 3

/** As often as a watched server is asked: a change is seen in about a second. */
const pollIntervalMs = 1_000

type HealthRequest = { readonly service: string }
type HealthResponse = { readonly status: number }

export const createHealth = (services: readonly DescService[], handle: App['handle']) => {
  const names = new Set(['', ...services.map(({ typeName }) => typeName)])
  const statusOf = async (): Promise<number> => {
    const { status } = await handle(readiness)
    return status === 200 ? serving : notServing
  }
  return {
    async check(request: unknown): Promise<HealthResponse> {
      const { service } = request as HealthRequest
      if (!names.has(service)) throw new ConnectError('no such service', Code.NotFound)
      return { status: await statusOf() }
    },
    async *watch(request: unknown, { signal }: HandlerContext): AsyncGenerator<HealthResponse> {
      const { service } = request as HealthRequest
      let last = 0
      while (!signal.aborted) {
        const status = names.has(service) ? await statusOf() : serviceUnknown
        if (status !== last) yield { status }
        last = status
        await delay(pollIntervalMs, undefined, { signal, ref: false }).catch(() => {})
      }
      throw signal.reason
    },
  }
}

const readiness: Request = {
  method: 'GET',
  path: '/ready',
  query: '',
  header: () => undefined,
  body: () => Promise.resolve({ kind: 'read', bytes: Buffer.alloc(0) }),
  remoteAddress: () => '',
}
