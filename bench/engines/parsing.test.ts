// What the benchmark reads from others: wrk's result, /proc and ps, lists of cores, answers on a
// socket, its own command line.

import t from 'tap'
import { parsePs, parseStat, treeOf } from './cpu.ts'
import { parseAnswer } from './exchange.ts'
import { parseWrk } from './generator.ts'
import { parseOptions } from './options.ts'
import { parseCpuList } from './pinning.ts'

const wrkOutput = (errors: string) => `Running 6s test @ http://127.0.0.1:1/todos?limit=10
  1 threads and 32 connections
Requests/sec: 173530.00
Transfer/sec:    384.11MB
result requests=174007 bytes=403870247 durationUs=1002747 ${errors} p99Us=1912
`

t.test("wrk's result is exact; its percentiles count at depth 1 only", async (t) => {
  const clean = wrkOutput('status=0 connect=0 read=0 write=0 timeout=0')
  const counts = { requests: 174007, bytes: 403870247, durationUs: 1002747, errors: 0 }
  t.strictSame(parseWrk(clean, 1), { ...counts, p99Us: 1912 })
  t.strictSame(parseWrk(clean, 16), counts)
})

t.test('what is no 2xx is not counted, and socket errors are errors', async (t) => {
  const failing = wrkOutput('status=7 connect=1 read=2 write=3 timeout=4')
  t.match(parseWrk(failing, 1), { requests: 174000, errors: 17 })
})

t.test('a wrk that gave no result is quoted', async (t) => {
  t.throws(() => parseWrk('unable to connect', 1), { message: /unable to connect/ })
  t.throws(() => parseWrk('result requests=1', 1), { message: /no status/ })
})

t.test('a line of /proc, whatever the program calls itself', async (t) => {
  const line = (name: string) =>
    `4711 (${name}) S 42 4711 1 0 -1 4194304 100 0 0 0 150 50 7 3 20 0 11 0 9 1 2 3`
  for (const name of ['node', 'a) S 1 (b', ') ) )', 'two words']) {
    t.strictSame(parseStat(line(name)), { pid: 4711, parent: 42, seconds: 2.1 }, name)
  }
  t.throws(() => parseStat(''))
})

t.test('the output of ps, with minutes, hours and days', async (t) => {
  t.strictSame(parsePs('    1     0   0:01.25\n  300     1  12:03:04\n   4 1 2-00:00:01\n'), [
    { pid: 1, parent: 0, seconds: 1.25 },
    { pid: 300, parent: 1, seconds: 43_384 },
    { pid: 4, parent: 1, seconds: 172_801 },
  ])
})

t.test('a tree is a process and all below it, and nobody else', async (t) => {
  const one = (pid: number, parent: number) => ({ pid, parent, seconds: 1 })
  const all = [one(5, 3), one(1, 0), one(3, 2), one(2, 1), one(9, 1), one(4, 2)]
  const pids = treeOf(2, all).map(({ pid }) => pid)
  t.strictSame(pids.sort(), [2, 3, 4, 5])
  t.strictSame(treeOf(77, all), [])
})

t.test('lists of cores', async (t) => {
  t.strictSame(parseCpuList('0-2,5\n'), [0, 1, 2, 5])
  t.strictSame(parseCpuList('7'), [7])
})

t.test('an answer is taken when it is whole, and no byte further', async (t) => {
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nETag: "a:b"\r\nContent-Length: 2\r\n\r\nabHTTP')
  const answer = parseAnswer(bytes)
  t.match(answer, { status: 200, headers: [['ETag', '"a:b"']] })
  t.equal(answer?.body.toString(), 'ab')
  t.equal(answer?.whole.length, bytes.length - 4)
  for (let cut = 0; cut < bytes.length - 4; cut++) {
    t.equal(parseAnswer(bytes.subarray(0, cut)), undefined, `cut at ${cut}`)
  }
  t.throws(() => parseAnswer(Buffer.from('HTTP/1.1 200 OK\r\n\r\n')))
})

t.test('the command line', async (t) => {
  const all = parseOptions([])
  t.match(all, { rounds: 5, windowMs: 3_000, jsonFile: undefined })
  t.equal(all.cells.length, 6)
  t.ok(all.only.includes('floor'))
  const args = ['--quick', '--only', 'floor,node', '--depths', '80', '--limits', '10']
  t.match(parseOptions(args), {
    rounds: 2,
    only: ['floor', 'node'],
    cells: [{ depth: 80, limit: 10 }],
  })
  for (const wrong of [
    ['--only', 'nginx'],
    ['--only', ''],
    ['--rounds', '0'],
    ['--limits', '5'],
  ]) {
    t.throws(() => parseOptions(wrong), { message: new RegExp(`${wrong[0]} takes`) })
  }
  t.throws(() => parseOptions(['--fast']))
})
