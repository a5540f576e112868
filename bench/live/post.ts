// One POST over kept connections.

import { Agent, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** Rejects unless the status is `expected`. */
export const post = (
  port: number,
  path: string,
  options: { readonly headers: Record<string, string>; readonly expected: number },
  body: string,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...options.headers,
    }
    const to = { agent, host: '127.0.0.1', port, path, method: 'POST', headers }
    const sent = request(to, (response) => {
      response.resume()
      response.on('end', () => {
        if (response.statusCode === options.expected) resolve()
        else reject(new Error(`POST ${path} was answered ${response.statusCode}`))
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
