// The answers that every subject gives: those of our own server, from a real Postgres with fixture
// todos. They are kept as files so that the peers send the same bytes.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loopback } from '../../scripts/stack/ports.ts'
import { startServer, startWorker, type Running } from '../../scripts/stack/processes.ts'
import type { Issued } from '../../scripts/stack/certificates.ts'
import type { Service } from '../../scripts/stack/service.ts'
import { startTodosDatabase } from '../../scripts/stack/todos-database.ts'
import { exchange } from './exchange.ts'

export const limits = [10, 1000] as const
export type Limit = (typeof limits)[number]
export type OurEngine = 'node' | 'uws'

export type Todos = {
  readonly body: (limit: Limit) => Buffer
  /** What the peers of bench/peers/ read: the headers and the file of each body. */
  readonly manifestFile: string
  /** Whole responses, in the order of `limits`. */
  readonly responseFiles: readonly string[]
}

/** More than the longest list. */
const todoCount = 1_200
/** Ours to choose; Date and Connection are each server's own business. */
const sharedHeaders = [
  'content-type',
  'x-content-type-options',
  'etag',
  'cache-control',
  'vary',
  'link',
]

export const startDatabase = (directory: string): Promise<Service> =>
  startTodosDatabase({ directory: join(directory, 'postgres'), todos: todoCount, durable: false })

/** Our server with one process, as it is deployed but for Kafka and Redis, which no hot read uses. */
export const startOurs = (
  engine: OurEngine,
  databaseUrl: string,
  certificate?: Issued,
): Promise<Running> =>
  startServer({
    HTTP_ENGINE: engine,
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    HTTP_PROCESSES: '1',
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: databaseUrl,
    JWT_SECRET: 'only reads are measured: nobody signs with this',
    LOG_LEVEL: 'error',
    ...(certificate && {
      HTTP_TLS_CERT_FILE: certificate.certFile,
      HTTP_TLS_KEY_FILE: certificate.keyFile,
    }),
  })

/**
 * What is deployed beside our server, and has nothing to do while reads are measured. It runs beside
 * the peers as well: on the generator's core it adds to everybody's latency, or to nobody's.
 */
export const startCompany = (databaseUrl: string): Promise<Running> =>
  startWorker({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: 'error',
  })

export const recordTodos = async (directory: string, databaseUrl: string): Promise<Todos> => {
  const server = await startOurs('node', databaseUrl)
  try {
    const bodies = new Map<Limit, Buffer>()
    const responseFiles: string[] = []
    const answers: object[] = []
    for (const limit of limits) {
      const [answer] = await exchange(
        `http://${loopback}:${server.port}`,
        `/todos?limit=${limit}`,
        1,
      )
      if (answer?.status !== 200) throw new Error(`limit=${limit} gave a ${answer?.status}`)
      const count = (JSON.parse(answer.body.toString()) as unknown[]).length
      if (count !== limit) throw new Error(`limit=${limit} gave ${count} todos`)
      bodies.set(limit, answer.body)
      const bodyFile = join(directory, `body-${limit}`)
      const responseFile = join(directory, `response-${limit}`)
      await writeFile(bodyFile, answer.body)
      await writeFile(responseFile, answer.whole)
      responseFiles.push(responseFile)
      const headers = answer.headers.filter(([name]) => sharedHeaders.includes(name.toLowerCase()))
      answers.push({ limit, headers, bodyFile })
    }
    const manifestFile = join(directory, 'manifest.json')
    await writeFile(manifestFile, JSON.stringify({ answers }))
    return { body: (limit) => bodies.get(limit) as Buffer, manifestFile, responseFiles }
  } finally {
    await server.stop()
  }
}
