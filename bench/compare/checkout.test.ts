// Another commit in a directory of its own: its files, its packages, and nothing of it left behind.

import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkOut } from './checkout.ts'
import { fixtureRepository } from '../../testing/bench/fixture-repository.ts'

const placeOf = (repository: string, signal = new AbortController().signal) => {
  const said: string[] = []
  return { repository, signal, said, say: (line: string) => said.push(line) }
}

t.test('a checkout has the commit’s files and the packages of the current one', async (t) => {
  const { directory, git } = await fixtureRepository(t)
  git('checkout', '--quiet', 'v1')
  const place = placeOf(directory)
  const checkout = await checkOut(git('rev-parse', 'v1'), place)
  t.equal(readFileSync(join(checkout.directory, 'server/main.ts'), 'utf8'), '// a server')
  t.ok(lstatSync(join(checkout.directory, 'node_modules')).isSymbolicLink())
  t.strictSame(place.said, [])
  t.equal(git('worktree', 'list').split('\n').length, 2)
  await checkout.remove()
  t.equal(git('worktree', 'list').split('\n').length, 1)
  t.notOk(existsSync(checkout.directory))
  t.ok(existsSync(join(directory, 'node_modules')), 'what was linked is still there')
})

t.test('with another lockfile it installs packages of its own', async (t) => {
  const { directory, git } = await fixtureRepository(t)
  const place = placeOf(directory)
  const checkout = await checkOut(git('rev-parse', 'v1'), place)
  t.teardown(() => checkout.remove())
  t.match(place.said, [/^npm ci for [0-9a-f]{10}/])
  t.notOk(readdirSync(checkout.directory).includes('node_modules'), 'none are in its lockfile')
})

t.test('what can’t be checked out, or was interrupted, leaves nothing behind', async (t) => {
  const { directory, git } = await fixtureRepository(t)
  await t.rejects(checkOut('0'.repeat(40), placeOf(directory)), /worktree add/)
  const signal = AbortSignal.abort(new Error('interrupted'))
  await t.rejects(checkOut(git('rev-parse', 'v1'), placeOf(directory, signal)), /interrupted/)
  t.equal(git('worktree', 'list').split('\n').length, 1)
})
