// Which of a URL's hosts takes writes. libpq tries them in order: there a frozen host costs each
// connection its time-out, and an old primary that lives on beside the new one is as good. Here all are
// asked at once, and of several that take writes the one on the highest timeline was promoted last.

import { parsePostgresUrl } from '../../runtime/config/postgres-url.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import {
  firstEndpoint,
  openConnection,
  openTimeoutMs,
  type Connection,
  type ConnectionSettings,
} from './connection.ts'
import { ConnectionLost, ReadOnlyServer } from './errors.ts'
import { endpointOf, placeOf, type DriverEndpoint, type Endpoint } from './socket.ts'

/** What a primary says of itself. Each promotion begins another timeline. */
export type Identity = { readonly cluster: string; readonly timeline: number }

export type HostReport =
  | ({ readonly kind: 'primary' } & Identity)
  | { readonly kind: 'read-only' }
  | { readonly kind: 'unavailable'; readonly reason: string }

/** How long a primary that has answered waits for others that say the same. */
const rivalsTimeoutMs = 200
const answerTimeoutMs = 2_000
/** Open connections find out this much later, at most, that another host was promoted. */
const searchIntervalMs = 3_000

/** A connection to the host that takes writes; of a URL with one host, to that one whatever it does. */
export const openPrimary = (settings: ConnectionSettings): Connection => {
  if (namesOneHost(settings.url)) return openConnection(settings)
  const search = searchOf(settings.url)
  let chosen: Endpoint | undefined
  const connection = openConnection({
    ...settings,
    chooseEndpoint: async (_target, found) => (chosen = await search.find(found)),
  })
  return {
    ...connection,
    // One that was cut off from the others does not know that it was replaced.
    check: async () =>
      (await connection.check()) === 'primary' && search.latest() === chosen
        ? 'primary'
        : 'read-only',
  }
}

/** Where such a connection leads. */
export const primaryEndpoint = (url: string, found: DriverEndpoint): Promise<Endpoint> =>
  namesOneHost(url) ? firstEndpoint(parsePostgresUrl(url), found) : searchOf(url).find(found)

const namesOneHost = (url: string) => parsePostgresUrl(url).hosts.length === 1

type Search = {
  /** One of the URL's endpoints, always the same object for the same one. */
  find(found: DriverEndpoint): Promise<Endpoint>
  /** What was found last, which a search in the background follows. */
  latest(): Endpoint | undefined
}

/** One for each URL of the process: of many connections that open at once, one asks. */
const searches = new Map<string, Search>()

const searchOf = (url: string): Search => {
  const known = searches.get(url)
  if (known) return known
  const { hosts, connectTimeoutMs = openTimeoutMs } = parsePostgresUrl(url)
  let endpoints: readonly Endpoint[] = []
  let latest: Endpoint | undefined
  let identity: Identity | undefined
  let running: Promise<Endpoint> | undefined
  let startedMs = -Infinity

  const run = async (): Promise<Endpoint> => {
    startedMs = performance.now()
    const reports = await askAll(url, endpoints, connectTimeoutMs)
    const { index, ...found } = choosePrimary(reports, endpoints.map(placeOf), identity)
    identity = found
    const endpoint = endpoints[index] as Endpoint
    latest = endpoint
    return endpoint
  }
  const start = () => {
    running ??= run().finally(() => (running = undefined))
    running.catch(() => {}) // whoever waits for it sees it
    return running
  }
  const search: Search = {
    find(found) {
      if (endpoints.length === 0) endpoints = hosts.map((host) => endpointOf(host, found))
      return start()
    },
    latest() {
      if (performance.now() - startedMs > searchIntervalMs) void start()
      return latest
    },
  }
  searches.set(url, search)
  return search
}

/** Resolves when all have answered, or soon after a primary has. */
const askAll = async (
  url: string,
  endpoints: readonly Endpoint[],
  timeoutMs: number,
): Promise<readonly HostReport[]> => {
  const reports = endpoints.map((): HostReport => ({ kind: 'unavailable', reason: noAnswer }))
  const connections = endpoints.map((endpoint) =>
    openConnection({
      url,
      isPooled: true,
      applicationName: 'todos-primary',
      chooseEndpoint: () => Promise.resolve(endpoint),
    }),
  )
  await new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, timeoutMs)
    const untilRivals = () => {
      clearTimeout(timer)
      timer = setTimeout(resolve, rivalsTimeoutMs)
    }
    const asking = connections.map(async (connection, i) => {
      reports[i] = await reportOf(connection)
      if (reports[i].kind === 'primary') untilRivals()
    })
    void Promise.all(asking).then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
  const answers = [...reports]
  for (const { discard } of connections) discard(new ConnectionLost('this connection was closed'))
  return answers
}

const reportOf = async ({ opened, whileOpen, sql }: Connection): Promise<HostReport> => {
  try {
    if ((await opened) === 'read-only') return { kind: 'read-only' }
    const [row] = await withTimeout(answerTimeoutMs, () =>
      whileOpen(() => sql.unsafe<Identity[]>(selectIdentity)),
    )
    return row ? { kind: 'primary', ...row } : { kind: 'unavailable', reason: noAnswer }
  } catch (error) {
    return { kind: 'unavailable', reason: (error as Error).message }
  }
}

/** By the WAL: the control file keeps the timeline of the last checkpoint. */
const selectIdentity = `
  SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
    ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int AS timeline`

/**
 * Which one it is. Throws what each of them says where there is none. What is on an older timeline than
 * `earlier` was replaced, also where its successor does not answer now. Pure.
 */
export const choosePrimary = (
  reports: readonly HostReport[],
  places: readonly string[],
  earlier?: Identity,
): Identity & { readonly index: number } => {
  let best: (Identity & { readonly index: number }) | undefined
  const words = reports.map((report, index) => {
    const said = (what: string) => `${places[index]}: ${what}`
    if (report.kind === 'unavailable') return said(report.reason)
    if (report.kind === 'read-only') return said('takes no writes')
    const { cluster, timeline } = report
    if (earlier?.cluster === cluster && timeline < earlier.timeline) {
      return said(`it is on timeline ${timeline}, the primary was on ${earlier.timeline}`)
    }
    if (best && best.cluster !== cluster) {
      throw new ConnectionLost(
        `${places[best.index]} and ${places[index]} are of different clusters: name the hosts of one`,
      )
    }
    if (!best || timeline > best.timeline) best = { index, cluster, timeline }
    return said('takes writes')
  })
  if (best) return best
  const isAnswered = reports.some(({ kind }) => kind !== 'unavailable')
  throw isAnswered
    ? new ReadOnlyServer(words.join('; '))
    : new ConnectionLost(`no host of it answers (${words.join('; ')})`)
}

const noAnswer = 'no answer'
