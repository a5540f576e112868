// What `npm run services` takes.

import t from 'tap'
import { parseServices } from './services-arguments.ts'

t.test('ports by name', async (t) => {
  t.same(parseServices([]), { profile: 'single', redis: 'sentinel', ports: {} })
  const { ports } = parseServices(['--ports', 'KAFKA=9192, REDIS=6380'])
  t.same(ports, { KAFKA: 9192, REDIS: 6380 })
})

t.test('a profile', async (t) => {
  const ha = ['--profile', 'ha']
  t.same(parseServices(ha), { profile: 'ha', redis: 'sentinel', ports: {} })
  t.match(parseServices([...ha, '--redis', 'cluster']), { redis: 'cluster' })
  for (const [args, message] of [
    [[...ha, '--redis', 'twice'], '--redis twice is not sentinel or cluster'],
    [['--redis', 'cluster'], '--redis needs --profile ha'],
  ] as const) {
    t.throws(() => parseServices(args), { name: 'UsageError', message })
  }
  const unknown = () => parseServices(['--profile', 'big'])
  t.throws(unknown, { name: 'UsageError', message: '--profile big is not single or ha' })
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
