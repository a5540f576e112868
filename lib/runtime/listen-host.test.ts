// `HTTP_HOST=::` is left to Node, which listens on IPv4 where there is no IPv6; every other host is kept.

import t from 'tap'
import { listenHost } from './listen-host.ts'

t.test('only :: is left to Node', (t) => {
  t.same(listenHost('::'), {})
  for (const host of ['0.0.0.0', '127.0.0.1', '::1', 'fd00::1', 'localhost']) {
    t.same(listenHost(host), { host })
  }
  t.end()
})
