// One connection to one Postgres, through postgres.js, whose faults are fenced here and nowhere else. A
// connection is opened once: when it is lost it stays lost, and its owner opens another.
//
// What postgres.js 3.4.9 does that would end a process, or hang, and what keeps it from doing so here:
// - It asks for array types on each new connection and catches nothing: we name those that we use.
// - It writes to a reserved connection that has just closed, in a timer (porsager/postgres#1208): we
//   reserve nothing. A statement for a closed connection makes it connect again, which we refuse.
// - `target_session_attrs` asks for the server's role and catches nothing: it is not passed on, `check` asks.
// - `query.cancel()` drops the promise of a connection of its own: cancel.ts does it instead.
// - A connection that closes while it starts up is tried again at once, for ever: refused as well.
// - A statement sent between a socket's `error` and its `close` is never answered: `whileOpen` rejects.
// - `end()` leaves a silent socket open, and statements in its queue that are carried out later: the
//   socket is ours, and destroyed.
// - Its parser of URLs takes no IPv6 address, and its TLS reports no cause: postgres-url.ts and socket.ts do.

import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import postgres, { type Sql } from 'postgres'
import { addArrayTypes } from './arrays.ts'
import { cancelOnServer, type BackendKey } from './cancel.ts'
import { ConnectionLost, isUnreplicatedCommit } from './errors.ts'
import {
  driverTarget,
  endpointOf,
  explained,
  openSocket,
  type DriverEndpoint,
  type Endpoint,
} from './socket.ts'
import { parsePostgresUrl, type PostgresTarget } from '../../runtime/config/postgres-url.ts'
import { withTimeout } from '../../runtime/deadline.ts'

export type ConnectionSettings = {
  readonly url: string
  readonly applicationName?: string
  /** A pooler may hand each transaction to another session: nothing is kept in one. */
  readonly isPooled?: boolean
  /** Statements that set up the session, before anything else; not for one that is pooled. */
  readonly setUp?: string
  /** Waits so long before it connects. */
  readonly delayMs?: number
  /** Where the URL names several hosts: see primary.ts. Else the first. */
  readonly chooseEndpoint?: (target: PostgresTarget, found: DriverEndpoint) => Promise<Endpoint>
  readonly onNotify?: (payload: string) => void
  /** Called once, whatever ended it. */
  readonly onLost?: (error: ConnectionLost) => void
}

/** `read-only`: a standby, or a session that was made so. It answers, and takes no writes. */
export type Role = 'primary' | 'read-only'

export type Connection = {
  readonly sql: Sql
  /** Connected and set up. Rejects, and the connection is lost, when that does not succeed in time. */
  readonly opened: Promise<Role>
  /** Asks the server what it is now. */
  check(): Promise<Role>
  /** What `work` resolves with. Rejects as soon as the connection is lost. */
  whileOpen<T>(work: () => PromiseLike<T>): Promise<T>
  /** Bytes that came from the server so far. */
  received(): number
  /** Which one it is on the server; undefined before it is open, and where a pooler shares them out. */
  serverSession(): string | undefined
  /** Ends it now. What it was doing is cancelled on the server. */
  discard(error: ConnectionLost): void
  /** Ends it when it has answered all, or after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

export const firstEndpoint = ({ hosts: [first] }: PostgresTarget, found: DriverEndpoint) =>
  Promise.resolve(endpointOf(first ?? nowhere, found))
const nowhere = { host: undefined, port: undefined }

/** To connect takes milliseconds; Postgres that starts up or is stopped takes for ever. */
export const openTimeoutMs = 5_000

/** For every use of the driver. */
export const driverOptions = {
  connect_timeout: openTimeoutMs / 1_000,
  fetch_types: false,
  idle_timeout: 0,
  max_lifetime: null,
  // postgres.js prints notices ("relation exists") to stdout; stdout is for our log lines.
  onnotice: () => {},
} as const

export const openConnection = (settings: ConnectionSettings): Connection => {
  const { url, isPooled = false, setUp = '', delayMs = 0, onNotify } = settings
  const { chooseEndpoint = firstEndpoint } = settings
  let lost: ConnectionLost | undefined
  let endpoint: Endpoint | undefined
  /** The one that counts: around a plain one there may be another, with TLS. */
  let socket: Socket | undefined
  let socketError: Error | undefined
  let backend: BackendKey | undefined
  let session: string | undefined
  /** How to reject each use that waits for an answer. */
  const inFlight = new Set<(error: ConnectionLost) => void>()

  const lose = (error: ConnectionLost) => {
    if (lost) return
    lost = error
    for (const reject of inFlight) reject(error)
    inFlight.clear()
    settings.onLost?.(error)
  }
  const loseSocket = () => {
    const reason = socketError?.message ?? 'Postgres closed the connection'
    lose(new ConnectionLost(reason, { cause: socketError }))
  }

  /** Before what looks like success is read: its outcome is unknown, as a failover would undo it. */
  const loseUnreplicated = (notice: { readonly routine?: unknown }) => {
    if (!isUnreplicatedCommit(notice)) return
    lose(new ConnectionLost('Postgres gave up waiting for its synchronous standby'))
    socket?.destroy()
  }

  const target = parsePostgresUrl(url)
  const openMs = target.connectTimeoutMs ?? openTimeoutMs

  const assertNotLost = () => {
    if (lost) throw lost
  }
  const connect = async (found: DriverEndpoint): Promise<Socket> => {
    if (socket) loseSocket() // asked for a second one, the driver has lost the first
    if (delayMs > 0) await delay(delayMs)
    assertNotLost()
    endpoint = await chooseEndpoint(target, found)
    assertNotLost()
    return openSocket(endpoint, target.tls, (opened) => {
      socket = opened
      socket.on('error', (error) => (socketError = explained(error)))
      socket.on('close', loseSocket)
    })
  }

  const sql = postgres({
    ...driverOptions,
    ...driverTarget(target, connect),
    connect_timeout: openMs / 1_000,
    max: 1,
    prepare: !isPooled,
    connection: {
      application_name: target.applicationName ?? settings.applicationName ?? 'todos',
      ...(target.options !== undefined && { options: target.options }),
    },
    onclose: loseSocket,
    onnotice: loseUnreplicated,
    ...(onNotify && { onnotify: (_channel: string, payload: string) => onNotify(payload) }),
  })
  addArrayTypes(sql)

  const whileOpen = <T>(work: () => PromiseLike<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (lost) {
        reject(lost)
        return
      }
      inFlight.add(reject)
      const started = (async () => work())()
      void started.then(resolve, reject).finally(() => inFlight.delete(reject))
    })

  const ask = (text: string): Promise<Role> =>
    whileOpen(async () => {
      const query = sql.unsafe<RoleRow[]>(text).simple()
      const answers = (await query) as unknown as RoleRow[] | RoleRow[][]
      backend = (query as unknown as { readonly state: BackendKey }).state
      const row = [answers.at(-1)].flat()[0]
      session ??= row?.session
      return row?.is_read_only === true ? 'read-only' : 'primary'
    })
  const check = () => ask(`SELECT ${role}`)

  const discard = (error: ConnectionLost) => {
    if (lost) return
    const isBusy = inFlight.size > 0
    lose(error)
    if (!socket) return
    if (!isBusy || !backend) {
      socket.destroy()
      return
    }
    const cancelled = cancelOnServer(peerOf(socket, endpoint), backend)
    // A pooler drops the request of a client that has left.
    if (!isPooled) socket.destroy()
    else socket.pause() // whoever waits for an answer there must not go on with it
    if (isPooled) void cancelled.then(() => socket?.destroy())
  }

  // A server may refuse our certificate after the handshake, when the driver is told first.
  const findMs = settings.chooseEndpoint ? openMs : 0
  const opened = withTimeout(delayMs + findMs + openMs, () =>
    isPooled ? check() : ask(`${setUp}SELECT ${role}, ${ownSession}`),
  ).catch((error: Error) => {
    throw explained(error)
  })
  opened.catch((error: Error) => discard(new ConnectionLost(error.message, { cause: error })))

  return {
    sql,
    opened,
    check,
    whileOpen,
    received: () => socket?.bytesRead ?? 0,
    serverSession: () => session,
    discard,
    async close(timeoutMs) {
      if (lost) return
      await sql.end({ timeout: timeoutMs / 1_000 })
      lose(new ConnectionLost('this connection was closed'))
      socket?.destroy()
    },
  }
}

/**
 * Which session it is, of a row of pg_stat_activity. Its number alone may be another's: after a failover,
 * on another server. What a pooler gives a client to cancel by is no process's number at all.
 */
export const sessionInSql = "pid || ' ' || extract(epoch FROM backend_start)"
const ownSession = `(
  SELECT ${sessionInSql} FROM pg_stat_get_activity(pg_backend_pid())) AS session`

const role = "pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS is_read_only"
type RoleRow = { readonly is_read_only: boolean; readonly session?: string }

/** Whom it is connected to: a name may lead elsewhere by now. */
const peerOf = ({ remoteAddress, remotePort }: Socket, endpoint: Endpoint | undefined) =>
  remoteAddress !== undefined && remotePort !== undefined
    ? { host: remoteAddress, port: remotePort }
    : endpoint
