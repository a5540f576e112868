// The port for those who watch: /metrics, and for a worker /health. A port of its own, so that it is
// neither public nor counted, and answers while the API's port is drained.

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { listenHost } from './listen-host.ts'

export type Page = { readonly status: number; readonly contentType: string; readonly body: string }
export type Pages = Readonly<Record<string, (headers: IncomingHttpHeaders) => Page | Promise<Page>>>

/** Where it listens: a port, 0 for a free one; `setting` is what to change when that can't be. */
export type ListenAddress = {
  readonly host: string
  readonly port: number
  readonly setting: string
}

/** Resolves with the port; rejects with one line that says what is in the way and what to set. */
export const servePages = async (address: ListenAddress, pages: Pages): Promise<number> => {
  const server = createServer((request, response) => {
    void answer(request, pages).then(({ status, contentType, body }) => {
      response
        .writeHead(status, {
          'Content-Type': contentType,
          'Content-Length': Buffer.byteLength(body),
          'Cache-Control': 'no-store',
        })
        .end(body)
    })
  })
  await listen(server, address)
  return (server.address() as AddressInfo).port
}

const answer = async (
  { method, headers, url = '' }: IncomingMessage,
  pages: Pages,
): Promise<Page> => {
  const page = pages[url.split('?', 1)[0] as string]
  if (!page) return { ...text, status: 404, body: `here are: ${Object.keys(pages).join(' ')}\n` }
  if (method !== 'GET' && method !== 'HEAD') return { ...text, status: 405, body: 'GET only\n' }
  try {
    return await page(headers)
  } catch (error) {
    return { ...text, status: 500, body: `${(error as Error).message}\n` }
  }
}

const text = { contentType: 'text/plain; charset=utf-8' }

const listen = (server: Server, { host, port, setting }: ListenAddress): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Error(
          error.code === 'EADDRINUSE'
            ? `port ${port} is in use: stop what listens there, or set ${setting} to another (0 takes a free one, off opens none)`
            : `can't listen on ${host}:${port} (${error.message}): set HTTP_HOST and ${setting}`,
        ),
      ),
    )
    server.listen({ ...listenHost(host), port, exclusive: true }, resolve)
  })
