// Watch and Sync as a test holds them: a stream of @grpc/grpc-js, what was received of it, and how it
// ended.

import { randomUUID } from 'node:crypto'
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { Test } from 'tap'
import { eventually } from './eventually.ts'
import { loopback, method, type Fields } from './grpc.ts'

export type GrpcStream = ReturnType<typeof openStream>
/** Who calls, as options of a call. */
export type Caller = { readonly as: { readonly metadata: { readonly authorization: string } } }

/** `request`: of Watch; Sync is written to. */
export const openStream = (
  t: Test,
  port: number,
  rpc: 'Watch' | 'Sync',
  caller?: Caller,
  request?: Fields,
) => {
  const client = new Client(`${loopback}:${port}`, credentials.createInsecure(), {
    // A connection of its own: what one does not read holds up no other.
    'grpc.use_local_subchannel_pool': 1,
  })
  const { path, requestSerialize, responseDeserialize } = method(`todos.v1.LiveService/${rpc}`)
  const metadata = new Metadata()
  if (caller) metadata.set('authorization', caller.as.metadata.authorization)
  const sync = () =>
    client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
  const call = request
    ? (client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
      ) as unknown as ReturnType<typeof sync>)
    : sync()
  const received: Fields[] = []
  const listeners: ((message: Fields) => void)[] = []
  let error: ServiceError | undefined
  call.on('error', (caught: ServiceError) => (error = caught))
  call.on('data', (message: Fields) => {
    received.push(message)
    for (const listener of listeners) listener(message)
  })
  const over = new Promise<number>((resolve) =>
    call.once('status', ({ code }: { readonly code: number }) => resolve(code)),
  )
  t.teardown(() => {
    call.cancel()
    client.close()
  })
  return {
    call,
    received,
    over,
    error: () => error,
    onMessage: (listener: (message: Fields) => void) => listeners.push(listener),
    async next<T>(of: (message: Fields) => T | undefined | null): Promise<T> {
      const found = await eventually(
        () => received.map(of).find((one) => one !== undefined && one !== null),
        (one) => one !== undefined,
      )
      return found as T
    },
    kinds: () =>
      received.flatMap((one) => {
        const event = one['event'] as Fields | null | undefined
        return event ? [String(event['event'])] : []
      }),
    write: (message: Fields) => call.write(message),
    /** The last outcome of a command. */
    async run(command: Fields, command_id = randomUUID() as string): Promise<Fields> {
      const from = received.length
      call.write({ command: { command_id, ...command } })
      return eventually(
        () =>
          received.slice(from).flatMap((one) => {
            const outcome = one['outcome'] as Fields | null | undefined
            const isLast = outcome && outcome['outcome'] !== 'accepted'
            return isLast && outcome['command_id'] === command_id ? [outcome] : []
          })[0] as Fields,
        (one) => (one as Fields | undefined) !== undefined,
      )
    },
  }
}
