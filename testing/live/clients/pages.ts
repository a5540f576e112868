// The pages that browsers open in tests: one that is told what to do, and one on which a person watches a
// team's list. One server has two origins, by the name that it is called by.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createForeignClient, type ForeignClient, type Report } from './bridge.ts'
import type { Page } from './browser.ts'
import type { EventStreamReader, StreamEvent } from './programs.ts'
import { speak } from './speak.ts'

const driven = `<!doctype html><title>driven</title><script>
const command = (${speak.toString()})(
  (url, protocols) => new WebSocket(url, protocols),
  (one) => report(JSON.stringify(one)),
)
</script>`

/** Shows each change of the team's list as a line. */
const teamList = `<!doctype html><title>A team's list</title><ol id="seen"></ol><script>
const see = (line) => {
  const item = document.createElement('li')
  item.textContent = line
  document.getElementById('seen').append(item)
  report(line)
}
const watch = (url, token, channel) => {
  const socket = new WebSocket(url.replace('http', 'ws') + '/v1/live', ['todos.v1', 'bearer.' + token])
  socket.onmessage = ({ data }) => {
    const { type, reason, data: event } = JSON.parse(data)
    if (type === 'welcome') socket.send(JSON.stringify({ type: 'subscribe', channel }))
    if (type === 'event' && event.todo) see(event.kind + ': ' + event.todo.title)
    if (type === 'subscribed') see('watching')
    if (type === 'unsubscribed') see('watching no more: ' + reason)
  }
}
const write = async (url, token, path, title) => {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' },
    body: JSON.stringify({ title }),
  })
  return answer.status
}
</script>`

export type PageServer = {
  /** Of pages that may call the API. */
  readonly origin: string
  /** Of the same pages, by another name. */
  readonly foreignOrigin: string
}

export const servePages = async (t: Test): Promise<PageServer> => {
  const server = createServer(({ url }, response) =>
    response
      .setHeader('content-type', 'text/html; charset=utf-8')
      .end(url === '/team' ? teamList : driven),
  )
  server.listen(0)
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, foreignOrigin: `http://localhost:${port}` }
}

export const browserClient = (page: Page): ForeignClient =>
  createForeignClient('a browser', false, (report) => {
    page.onReport((text) => report(JSON.parse(text) as Report))
    return (command) => void page.evaluate(`command(${JSON.stringify(command)})`)
  })

/** The browser's own EventSource, which comes back by itself. */
export const browserEvents = async (page: Page, url: string): Promise<EventStreamReader> => {
  const queue: StreamEvent[] = []
  let wake = () => {}
  page.onReport((text) => {
    queue.push(JSON.parse(text) as StreamEvent)
    wake()
  })
  await page.evaluate(`
    const source = new EventSource(${JSON.stringify(url)})
    for (const name of ['message', 'subscribed', 'gap', 'reconnect', 'unsubscribed'])
      source.addEventListener(name, ({ type, lastEventId, data }) =>
        report(JSON.stringify({ id: lastEventId, event: type, data })))
    0`)
  return {
    async next() {
      while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return queue.shift()
    },
    stop: () => void page.evaluate('source.close()'),
  }
}
