// Passwords in turn: one at a time, first come first served, bounded; each question one comparison,
// whatever is asked. And the thread that does the work: at the lowest priority, keeping nobody alive.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { eventually } from '../../../../testing/eventually.ts'
import { createPasswords, type Hasher } from './passwords.ts'
import { createThreadHasher } from './thread-hasher.ts'

const password = 'correct horse'

/** Answers when it is told to; every password is right. */
const staged = () => {
  const asked: string[] = []
  const answers: (() => void)[] = []
  const answer = <T>(what: string, result: T) => {
    asked.push(what)
    return new Promise<T>((resolve) => answers.push(() => resolve(result)))
  }
  const hasher: Hasher = {
    hash: (text, cost) => answer(`hash ${text} ${cost}`, `hash of ${text}`),
    compare: (text, hash) => answer(`compare ${text} ${hash}`, true),
    close: () => Promise.resolve(),
  }
  return { asked, hasher, next: () => answers.shift()?.() }
}
const turn = () => delay(0)

t.test('one at a time, in order, and no more waiting than may', async (t) => {
  const { asked, hasher, next } = staged()
  const passwords = createPasswords({ cost: 7, queueMax: 2, waitMaxMs: 60_000 }, hasher)
  const done: string[] = []
  const hash = (text: string) =>
    passwords.hash(text, text).then((result) => done.push(`${text} ${result.kind}`))
  const all = ['a', 'b', 'c', 'd', 'e'].map(hash)
  await turn()
  t.same(asked, ['hash a 7'], 'the first has begun')
  t.same(done, ['d busy', 'e busy'], 'two wait, the others are told at once')
  next()
  await turn()
  t.same(asked, ['hash a 7', 'hash b 7'])
  const more = hash('f')
  for (let i = 0; i < 3; i++) {
    next()
    await turn()
  }
  await Promise.all([...all, more])
  t.same(done.slice(2), ['a hashed', 'b hashed', 'c hashed', 'f hashed'])
})

t.test('one client, however busy, leaves room for others', async (t) => {
  const { asked, hasher, next } = staged()
  const passwords = createPasswords({ cost: 7, queueMax: 8, waitMaxMs: 60_000 }, hasher)
  const flood = Array.from({ length: 100 }, (_, i) => passwords.hash(`flood ${i}`, 'eve'))
  const ann = passwords.hash('mine', 'ann')
  for (let i = 0; i < 3; i++) {
    await turn()
    next()
  }
  t.match(await ann, { kind: 'hashed' })
  const kinds = (await Promise.all(flood)).map(({ kind }) => kind)
  t.equal(kinds.filter((kind) => kind === 'hashed').length, 2, 'a quarter of the places')
  t.equal(kinds.filter((kind) => kind === 'busy').length, 98)
  t.same(asked, ['hash flood 0 7', 'hash flood 1 7', 'hash mine 7'])
  const later = passwords.hash('later', 'eve')
  await turn()
  next()
  t.match(await later, { kind: 'hashed' }, 'its places are free again')
})

t.test('who waits too long is told, and waits no more', async (t) => {
  const { asked, hasher, next } = staged()
  const passwords = createPasswords({ cost: 7, queueMax: 1, waitMaxMs: 1_000 }, hasher)
  const results = await Promise.all([passwords.hash('begun', 'a'), passwords.hash('waiting', 'b')])
  t.match(results, [{ kind: 'busy' }, { kind: 'busy' }])
  const later = passwords.hash('later', 'c') // the place is free
  t.same(asked, ['hash begun 7'], 'what has begun is not stopped')
  next()
  await turn()
  t.same(asked, ['hash begun 7', 'hash later 7'], 'the one given up is left out')
  next()
  t.match(await later, { kind: 'hashed' })
})

t.test('a hasher that fails fails one', async (t) => {
  const { hasher } = staged()
  const compare = () => Promise.reject(new Error('no'))
  const hash = () => Promise.resolve('hash')
  const settings = { cost: 7, queueMax: 9, waitMaxMs: 60_000 }
  const passwords = createPasswords(settings, { ...hasher, compare, hash })
  await t.rejects(passwords.check(password, undefined, 'a'), { message: 'no' })
  t.match(await passwords.hash(password, 'a'), { kind: 'hashed' })
})

t.test('each question is one comparison at the cost of today, whatever is asked', async (t) => {
  const { hasher } = staged()
  const costs: string[] = []
  const thread = createThreadHasher()
  const compare: Hasher['compare'] = (text, hash) => {
    costs.push(hash.slice(0, 7))
    return thread.compare(text, hash)
  }
  const settings = { cost: 5, queueMax: 99, waitMaxMs: 60_000 }
  const passwords = createPasswords(settings, { ...hasher, compare, hash: thread.hash })
  const hashed = await passwords.hash(password, 'a')
  const hash = hashed.kind === 'hashed' ? hashed.hash : ''
  const outdated = await thread.hash(password, 4)
  for (const [what, text, against, expected] of [
    ['the password', password, hash, { kind: 'right', isOutdated: false }],
    ['another', 'wrong horse', hash, { kind: 'wrong' }],
    ['without an account', password, undefined, { kind: 'wrong' }],
    ['too short', 'x', hash, { kind: 'wrong' }],
    ['too long', 'x'.repeat(73), hash, { kind: 'wrong' }],
    ['with a NUL behind', `${password}\0`, hash, { kind: 'wrong' }],
    ['with half a letter', `${password}\ud800`, hash, { kind: 'wrong' }],
    ['what stands in for an impossible one', 'x'.repeat(16), undefined, { kind: 'wrong' }],
    ['impossible, without an account', '', undefined, { kind: 'wrong' }],
  ] as const) {
    costs.length = 0
    t.same(await passwords.check(text, against, 'a'), expected, what)
    t.same(costs, ['$2b$05$'], what)
  }
  t.same(await passwords.check(password, outdated, 'a'), { kind: 'right', isOutdated: true })
  await thread.close()
})

t.test('a password in another spelling is the same, and older hashes stay good', async (t) => {
  const { hasher } = staged()
  const thread = createThreadHasher()
  t.teardown(() => thread.close())
  let compared = 0
  const compare: Hasher['compare'] = (text, hash) => {
    compared++
    return thread.compare(text, hash)
  }
  const settings = { cost: 4, queueMax: 99, waitMaxMs: 60_000 }
  const passwords = createPasswords(settings, { ...hasher, compare, hash: thread.hash })
  const composed = 'd\u00e9j\u00e0 vu vu'
  const decomposed = 'de\u0301ja\u0300\u00a0vu\u2003vu'
  const long = '\u0958'.repeat(24) // 72 bytes, and twice as many in its one spelling
  const ofOne = await thread.hash(composed, 4)
  const ofOther = await thread.hash(decomposed, 4)
  const ofLong = await thread.hash(long, 4)
  for (const [what, text, hash, comparisons, expected] of [
    ['as it is kept', composed, ofOne, 1, { kind: 'right', isOutdated: false }],
    ['as another keyboard writes it', decomposed, ofOne, 1, { kind: 'right', isOutdated: false }],
    ['an older hash', decomposed, ofOther, 2, { kind: 'right', isOutdated: true }],
    ['an older hash, composed', composed, ofOther, 1, { kind: 'wrong' }],
    ['an older hash, too long composed', long, ofLong, 2, { kind: 'right', isOutdated: false }],
    ['a wrong one', `${decomposed}!`, ofOne, 2, { kind: 'wrong' }],
    ['a wrong one of nobody', `${decomposed}!`, undefined, 2, { kind: 'wrong' }],
    ['an impossible one', 'e\u0301', ofOne, 2, { kind: 'wrong' }],
    ['an impossible one of nobody', 'e\u0301', undefined, 2, { kind: 'wrong' }],
  ] as const) {
    compared = 0
    t.same(await passwords.check(text, hash, 'a'), expected, what)
    t.equal(compared, comparisons, `${what}: by its spelling alone, not by whose it is`)
  }
})

t.test('the thread gives way to every other of its process', async (t) => {
  const thread = createThreadHasher()
  t.teardown(() => thread.close())
  const hash = await thread.hash(password, 4)
  t.equal(await thread.compare(password, hash), true)
  t.equal(await thread.compare('wrong horse', hash), false)
  if (process.platform !== 'linux') return
  const niceOf = (threadId: string) => {
    const stat = readFileSync(`/proc/self/task/${threadId}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  }
  const own = niceOf(String(process.pid))
  const nices = readdirSync('/proc/self/task').map(niceOf)
  t.same(
    nices.filter((nice) => nice !== own),
    own === 19 ? [] : [19],
    'one thread',
  )
})

t.test('a thread that died is replaced', async (t) => {
  const thread = createThreadHasher()
  t.teardown(() => thread.close())
  await thread.hash(password, 4)
  // bcrypt refuses this, and the thread ends.
  await t.rejects(thread.compare(undefined as unknown as string, 'x'))
  const hash = await eventually(
    () => thread.hash(password, 4).catch(() => undefined),
    (hashed) => hashed !== undefined,
  )
  t.match(hash, /^\$2b\$04\$/)
})

t.test('a process that has nothing else to do ends', async (t) => {
  const url = fileURLToPath(new URL('thread-hasher.ts', import.meta.url))
  const script = `
    const { createThreadHasher } = await import(${JSON.stringify(url)})
    const busy = setInterval(() => {}, 1_000)
    await createThreadHasher().hash('correct horse', 4)
    clearInterval(busy)
    console.log('done')`
  const args = ['--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  t.equal(stdout, 'done\n')
})
