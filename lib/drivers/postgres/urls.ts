// Where Postgres is, and what its sessions are good for. A pooler may give each transaction another
// session (PgBouncer's pool_mode = transaction): then what is set in one, and LISTEN, is gone. Seen at
// the start, by what sessions do and not by what they are called.

import type { Config } from '../../runtime/config/config.ts'
import { urlsIn } from '../../runtime/config/postgres-url.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import type { Connection } from './connection.ts'
import { openPrimary } from './primary.ts'
import { ConnectionLost } from './errors.ts'

export type PostgresUrls = {
  readonly url: string
  /** Postgres itself, where `url` is a pooler's. What needs a session of its own goes there. */
  readonly directUrl?: string | undefined
}

export const postgresUrls = (config: Config): PostgresUrls => ({
  url: config.DATABASE_URL,
  directUrl: config.DATABASE_DIRECT_URL || undefined,
})

export const replicaUrls = (config: Config): string[] => urlsIn(config.DATABASE_REPLICA_URLS)

/** For what needs a session of its own. */
export const sessionUrl = ({ url, directUrl = url }: PostgresUrls): string => directUrl

/** Sessions of `url` may change with each transaction. */
export const isPooled = (urls: PostgresUrls): boolean => sessionUrl(urls) !== urls.url

/**
 * What is wrong with the settings, and what to set; undefined when nothing is. Rejects when Postgres does
 * not answer.
 */
export const urlFault = async (urls: PostgresUrls): Promise<string | undefined> => {
  if (!(await takesTransactions(urls.url))) {
    return 'DATABASE_URL leads to a pooler that takes no transactions (PgBouncer with pool_mode = statement): set its pool_mode to transaction or session'
  }
  if (!isPooled(urls)) {
    return (await keepsSessions(urls.url))
      ? undefined
      : 'DATABASE_URL leads to a pooler that gives each transaction another session (PgBouncer with pool_mode = transaction): set DATABASE_DIRECT_URL to Postgres itself, for LISTEN and migrations'
  }
  if (!(await keepsSessions(sessionUrl(urls)))) {
    return 'DATABASE_DIRECT_URL leads to a pooler that gives each transaction another session: set it to Postgres itself'
  }
  const [one, other] = await Promise.all([databaseOf(urls.url), databaseOf(sessionUrl(urls))])
  return one === other
    ? undefined
    : 'DATABASE_DIRECT_URL leads to another database than DATABASE_URL: set both to the same one'
}

/**
 * For some forty answers, which take 20 ms. A start waited for ever on a connection that opened and then
 * fell silent: nothing else watches these connections.
 */
const answersTimeoutMs = 10_000

const withConnections = async <T>(
  count: number,
  url: string,
  work: (connections: readonly Connection[]) => Promise<T>,
): Promise<T> => {
  const connections = Array.from({ length: count }, () => openPrimary({ url, isPooled: true }))
  try {
    for (const { opened } of connections) await opened
    return await withTimeout(answersTimeoutMs, () => work(connections))
  } finally {
    for (const { discard } of connections) discard(new ConnectionLost('this connection was closed'))
  }
}

/** PgBouncer answers BEGIN by closing the connection. Once may be a coincidence. */
const begins = 3

const takesTransactions = async (url: string): Promise<boolean> => {
  const begin = ([connection]: readonly Connection[]) => {
    const { sql, whileOpen } = connection as Connection
    return whileOpen(() => sql.unsafe('BEGIN')).then(
      () => true,
      () => false,
    )
  }
  for (let i = 0; i < begins; i++) {
    if (await withConnections(1, url, begin)) return true
  }
  return false
}

/** Each of two clients, in random order, must always find its own session: 2^-40 by chance. */
const probes = 40

const keepsSessions = (url: string): Promise<boolean> =>
  withConnections(2, url, async (connections) => {
    const sessionOf = async ({ sql, whileOpen }: Connection) => {
      const [row] = await whileOpen(() => sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`)
      return row?.pid
    }
    const sessions = await Promise.all(connections.map(sessionOf))
    if (sessions[0] === sessions[1]) return false
    for (let i = 0; i < probes; i++) {
      const which = Math.random() < 0.5 ? 0 : 1
      const found = await sessionOf(connections[which] as Connection)
      if (found !== sessions[which]) return false
    }
    return true
  })

/** Which one it is, wherever it is reached. */
const databaseOf = (url: string): Promise<string> =>
  withConnections(1, url, async ([connection]) => {
    const { sql, whileOpen } = connection as Connection
    const [row] = await whileOpen(
      () => sql<{ name: string }[]>`
        SELECT system_identifier || ' ' || current_database() AS name FROM pg_control_system()`,
    )
    return row?.name ?? ''
  })
