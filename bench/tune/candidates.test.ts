// Candidates from the command line: every combination once, and refused with the reason what no
// server would take or the scenario would not notice.

import t from 'tap'
import { settings } from '../../lib/runtime/config/config.ts'
import { readOneLoad } from '../rounds.ts'
import { parseCandidates } from './candidates.ts'
import { parseTuneOptions } from './options.ts'

const mixed = readOneLoad('mixed', 1)
const keepalive = readOneLoad('keepalive', 1)
const names = (sweeps: readonly string[], scenario = mixed) =>
  parseCandidates(sweeps, scenario).map(({ name }) => name)

t.test('one setting: a candidate for each value, and the default is known', async (t) => {
  t.match(parseCandidates(['DB_POOL_SIZE=50,10,1'], mixed), [
    { name: 'DB_POOL_SIZE=50', settings: { DB_POOL_SIZE: '50' }, isDefault: false, size: 2 },
    { name: 'DB_POOL_SIZE=10', isDefault: true, size: 1 },
    { name: 'DB_POOL_SIZE=1', isDefault: false, size: 0 },
  ])
})

t.test('several settings: every combination', async (t) => {
  t.strictSame(names(['DB_POOL_SIZE=1,10', 'KAFKA_PARTITIONS=2,6']), [
    'DB_POOL_SIZE=1 KAFKA_PARTITIONS=2',
    'DB_POOL_SIZE=1 KAFKA_PARTITIONS=6',
    'DB_POOL_SIZE=10 KAFKA_PARTITIONS=2',
    'DB_POOL_SIZE=10 KAFKA_PARTITIONS=6',
  ])
  const candidates = parseCandidates(['DB_POOL_SIZE=1,10', 'KAFKA_PARTITIONS=2,6'], mixed)
  t.strictSame(
    candidates.map(({ isDefault, size }) => [isDefault, size]),
    [
      [false, 0],
      [false, 1],
      [false, 1],
      [true, 2],
    ],
  )
})

t.test('sizes are numbers, not texts; what has no size keeps its order', async (t) => {
  const sizes = (sweep: string) => parseCandidates([sweep], mixed).map(({ size }) => size)
  t.strictSame(sizes('DB_POOL_SIZE=100,9'), [1, 0])
  t.strictSame(sizes('HTTP_ENGINE=uws,node'), [0, 1])
})

t.test('the same value written twice is one candidate', async (t) => {
  t.strictSame(names(['DB_POOL_SIZE=10,010, 10,5']), ['DB_POOL_SIZE=10', 'DB_POOL_SIZE=5'])
  t.throws(() => names(['DB_POOL_SIZE=10,010']), /DB_POOL_SIZE: two values at least/)
})

t.test('unknown names are refused with the nearest', async (t) => {
  t.throws(() => names(['DB_POOLSIZE=1,2']), /not a setting; the nearest are DB_POOL_SIZE, /)
  t.throws(() => names(['db_pool_size=1,2']), /the nearest are DB_POOL_SIZE, /)
  t.throws(() => names(['HTTP_PROCESES=1,2']), /the nearest are HTTP_PROCESSES, /)
  t.throws(() => names(['toString=1,2']), /toString is not a setting/)
})

t.test('values that the config refuses are refused with what it takes', async (t) => {
  t.throws(() => names(['DB_POOL_SIZE=1,x']), /DB_POOL_SIZE is "x": set it to a whole number/)
  t.throws(() => names(['DB_POOL_SIZE=0,1']), /whole number from 1 to 10000/)
  t.throws(() => names(['HTTP_ENGINE=node,bun']), /HTTP_ENGINE is "bun": set it to node or uws/)
  t.throws(() => names(['DB_POOL_SIZE=1,,2']), /DB_POOL_SIZE: an empty value/)
  t.throws(
    () => names(['HTTP_REQUEST_TIMEOUT_MS=5000,20000', 'HTTP_HEADERS_TIMEOUT_MS=5000,15000']),
    /HTTP_REQUEST_TIMEOUT_MS is 5000: set it to HTTP_HEADERS_TIMEOUT_MS \(15000\) or more/,
    'relations too, of every combination',
  )
})

t.test('what the benchmark sets itself can’t be swept', async (t) => {
  t.throws(() => names(['HTTP_PORT=1,2']), /HTTP_PORT: the benchmark sets it itself/)
  t.throws(() => names(['JWT_SECRET=a,b']), /JWT_SECRET: the benchmark sets it itself/)
})

t.test('what the scenario would not notice is refused with one that would', async (t) => {
  const redis = ['REDIS_POOL_SIZE=1,4']
  t.throws(() => names(redis, keepalive), /keepalive runs on Postgres alone; .* such as mixed/)
  t.throws(() => names(['WORKER_POOL_SIZE=1,4'], keepalive), /nobody writes in scenario keepalive/)
  t.equal(names(redis).length, 2)
  t.equal(names(['DB_POOL_SIZE=1,4'], keepalive).length, 2)
})

t.test('malformed sweeps, none, twice the same, too many', async (t) => {
  t.throws(() => names([]), /give a setting and its values/)
  t.throws(() => names(['DB_POOL_SIZE']), /"DB_POOL_SIZE": a setting and its values/)
  t.throws(() => names(['DB_POOL_SIZE=1,2', 'DB_POOL_SIZE=3']), /DB_POOL_SIZE is given twice/)
  const list = (from: number) => Array.from({ length: 11 }, (_, i) => i + from).join()
  t.throws(
    () => names([`DB_POOL_SIZE=${list(1)}`, `HTTP_PROCESSES=${list(1)}`]),
    /121 candidates; 100 at most/,
  )
})

t.test('every setting can be swept, or is refused for a reason', async (t) => {
  for (const name of Object.keys(settings)) {
    t.throws(() => names([`${name}=`]), /an empty value|the benchmark sets it itself/)
  }
})

t.test('options have their defaults, and wrong ones say what is right', async (t) => {
  const sweep = 'DB_POOL_SIZE=1,10'
  t.match(parseTuneOptions([sweep]), {
    rounds: 5,
    metric: 'auto',
    jsonFile: undefined,
    scenario: { name: 'mixed', loads: [{ seconds: 5 }] },
  })
  t.match(parseTuneOptions([sweep, '--seed', '7', '--seconds', '2', '--metric', 'p99']), {
    seed: 7,
    metric: 'p99',
    scenario: { loads: [{ seconds: 2 }] },
  })
  t.throws(() => parseTuneOptions([sweep, '--rounds', '2']), /--rounds takes whole numbers from 3/)
  t.throws(() => parseTuneOptions([sweep, '--metric', 'rps']), /--metric takes auto, goodput/)
  t.throws(() => parseTuneOptions([sweep, '--scenario', 'ladder']), /one is needed/)
  t.throws(() => parseTuneOptions([sweep, '--depth', '2']), /Unknown option '--depth'/)
})
