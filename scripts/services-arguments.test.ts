// What `npm run services -- --ports` takes.

import t from 'tap'
import { parseServices } from './services-arguments.ts'

t.test('ports by name', async (t) => {
  t.same(parseServices([]), {})
  t.same(parseServices(['--ports', 'KAFKA=9192, REDIS=6380']), { KAFKA: 9192, REDIS: 6380 })
})

t.test('what is not understood is refused, before anything starts', async (t) => {
  for (const [ports, message] of [
    ['MYSQL=3306', /"MYSQL=3306" is not NAME=PORT with a name of POSTGRES, /],
    ['KAFKA', /"KAFKA" is not/],
    ['KAFKA=0', /"KAFKA=0" is not/],
    ['KAFKA=65536', /"KAFKA=65536" is not/],
    ['KAFKA=1,KAFKA=2', /KAFKA twice/],
    ['KAFKA=1,REDIS=1', /1 twice/],
  ] as const) {
    t.throws(() => parseServices(['--ports', ports]), { name: 'UsageError', message }, ports)
  }
})
