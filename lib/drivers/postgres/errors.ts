// What an error says about the connection it came on: whether that connection may be used again, and
// whether it leads to a server that takes writes. Matched by code only: texts differ by language.

/** read_only_sql_transaction */
const readOnlyCode = '25006'

/** The connection ended, or was given up. Whether the statement was carried out is unknown. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly code = 'CONNECTION_LOST'
}

/**
 * COMMIT was not answered in time, and may be carried out yet: it waits for a synchronous standby. The
 * connection stays in use until `settled`, for a COMMIT that is cancelled while it waits is kept here only.
 */
export class CommitPending extends ConnectionLost {
  readonly settled: Promise<unknown>
  constructor(reason: Error, settled: Promise<unknown>) {
    super(`the outcome of COMMIT is not known: ${reason.message}`, { cause: reason })
    this.settled = settled
  }
}

/** More statements wait for a connection than the pool may hold. This one was not sent. */
export class PoolFull extends Error {
  override readonly name = 'PoolFull'
  readonly code = 'POOL_FULL'
}

/** The server answers and refuses writes: a standby, or a session that was made read-only. */
export class ReadOnlyServer extends Error {
  override readonly name = 'ReadOnlyServer'
  readonly code = readOnlyCode
  constructor(details?: string) {
    super(`Postgres takes no writes: ${details ?? 'a standby, or made read-only'}`)
  }
}

const lostCodes = new Set([
  'CONNECTION_LOST',
  'NO_ANSWER',
  // postgres.js's own.
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'UNSAFE_TRANSACTION',
  // Sockets and names.
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  '57P01', // the server shuts down, or an operator ended the session
  '57P02', // it crashed
  '57P03', // it is starting up
  '57P05', // the session was idle for too long
  '25P02', // an earlier statement's failed transaction is still open: not ours
  '25P03', // the transaction was idle for too long, the session has ended
  '25P04', // the transaction took too long, the session has ended
  '26000', // a prepared statement is gone: the session is another than the one that made it
  '42P05', // a prepared statement is there already: somebody else's session
  '53300', // too many connections
  '0A000', // "cached plan must not change result type": the tables changed under a prepared statement
])

/** True when the connection must not be used again. */
export const isConnectionLost = (error: unknown): boolean => {
  const code = codeOf(error)
  return lostCodes.has(code) || code.startsWith('08')
}

/** True when another connection may lead to a server that takes writes. */
export const isReadOnly = (error: unknown): boolean => codeOf(error) === readOnlyCode

/** True when an earlier statement of the transaction failed. */
export const isFailedTransaction = (error: unknown): boolean => codeOf(error) === '25P02'

/**
 * True for what Postgres warns of when it stops waiting for a synchronous standby: what it answers next
 * looks like success, and the commit is on this server only. The routine is in no language.
 */
export const isUnreplicatedCommit = ({ routine }: { readonly routine?: unknown }): boolean =>
  routine === 'SyncRepWaitForLSN'

const codeOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}
