// What the docs say to add to http.conf to limit lists: it limits them, and nothing else.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import t from 'tap'
import { repository } from '../scripts/paths.ts'
import { startNginx } from '../scripts/stack/nginx.ts'
import { freePort, loopback } from '../scripts/stack/ports.ts'
import { orSkip, testDirectory } from '../testing/services.ts'

const guide = readFileSync(new URL('docs/how-to/limit-clients.md', repository), 'utf8')
const [, inHttp = '', inLocation = ''] =
  /```nginx\n# In http:.*\n([^]*?)# In location \/:\n([^]*?)```/.exec(guide) ?? []

t.test('lists past the rate are a 429, whatever else is asked passes', async (t) => {
  t.match(inLocation, /limit_req /)
  const api = createServer((_, response) => response.end('ok'))
  const apiPort = await freePort()
  await new Promise<void>((resolve) => api.listen(apiPort, loopback, resolve))
  t.teardown(() => api.close())
  const directory = await testDirectory(t)
  const nginx = await orSkip(t, () =>
    startNginx({
      directory,
      mode: 'http',
      upstreams: [`${loopback}:${apiPort}`],
      edit: (template) =>
        template
          // So slow that no machine is too slow to go over it.
          .replace('http {\n', `http {\n${inHttp.replace('100r/s', '1r/m')}`)
          .replace('location / {\n', `location / {\n${inLocation.replace('burst=200', 'burst=9')}`),
    }),
  )
  if (!nginx) return
  t.teardown(() => nginx.stop())
  const statusesOf = async (method: string, target: string) => {
    const statuses: number[] = []
    for (let i = 0; i < 20; i++) {
      const response = await fetch(`${nginx.url}${target}`, { method })
      await response.arrayBuffer()
      statuses.push(response.status)
    }
    return statuses
  }
  const all = (status: number, count: number) => Array<number>(count).fill(status)
  t.same(await statusesOf('GET', '/todos?limit=10'), [...all(200, 10), ...all(429, 10)])
  t.same(await statusesOf('POST', '/todos'), all(200, 20))
  t.same(await statusesOf('GET', '/health'), all(200, 20))
})
