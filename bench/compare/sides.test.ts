// What A and B may name, in a fixture repository. It has a branch called node, and a name that is a
// branch and a tag.

import t from 'tap'
import { fixtureRepository } from '../../testing/bench/fixture-repository.ts'
import { parseCompareOptions } from './options.ts'
import { resolveSide } from './sides.ts'

t.test('engines, URLs, branches, tags and commits', async (t) => {
  const { directory, git } = await fixtureRepository(t)
  const of = (text: string) => resolveSide(text, directory)
  t.match(await of('node'), { kind: 'engine', engine: 'node', title: /node engine/ })
  t.match(await of('engine:uws'), { kind: 'engine', engine: 'uws' })
  t.match(await of('http://127.0.0.1:8080'), { kind: 'url', origin: 'http://127.0.0.1:8080' })
  t.match(await of('http://127.0.0.1:8080/'), { kind: 'url', origin: 'http://127.0.0.1:8080' })
  const head = git('rev-parse', 'HEAD')
  for (const name of ['main', 'HEAD', head, head.slice(0, 8), 'refs/heads/main']) {
    t.match(await of(name), { kind: 'commit', commit: head })
  }
  const commit = git('rev-parse', 'v1')
  t.match(await of('v1'), { kind: 'commit', commit, title: /^v1 \([0-9a-f]+ a server\)$/ })
})

t.test('what could mean two things is refused with how to say each', async (t) => {
  const { directory, git } = await fixtureRepository(t)
  git('branch', 'node')
  git('tag', 'uws')
  git('branch', 'v1')
  const refused = (text: string, message: RegExp) =>
    t.rejects(resolveSide(text, directory), { message })
  await refused(
    'node',
    /is an engine, and refs\/heads\/node too: say engine:node, or refs\/heads\/n/,
  )
  await refused('uws', /say engine:uws, or refs\/tags\/uws/)
  await refused('v1', /"v1" is refs\/heads\/v1 and refs\/tags\/v1: say which/)
  for (const [text, kind] of [
    ['engine:node', 'engine'],
    ['refs/heads/node', 'commit'],
    ['refs/tags/v1', 'commit'],
  ] as const) {
    t.match(await resolveSide(text, directory), { kind })
  }
})

t.test('what is nothing of these is refused', async (t) => {
  const { directory } = await fixtureRepository(t)
  const refused = (text: string, message: RegExp) =>
    t.rejects(resolveSide(text, directory), { message })
  await refused('nosuch', /neither an engine \(node, uws\), nor a URL \(http:\/\/…\), nor a commit/)
  await refused('127.0.0.1:8080', /neither an engine/)
  await refused('engine:bun', /takes node, uws, not "bun"/)
  await refused('http://a/todos?limit=10', /give http:\/\/a alone/)
  await refused('http://', /is not a URL/)
  await refused('empty', /"empty" has no server\/main.ts/)
  const options = (...args: string[]) => parseCompareOptions(args, directory)
  await t.rejects(options('node'), /two things to compare, not 1/)
  await t.rejects(options('node', 'uws', 'main'), /two things to compare, not 3/)
  await t.rejects(options('node', 'uws', '--scenario', 'ladder'), /one is needed/)
  await t.rejects(options('node', 'uws', '--rounds', '2'), /whole numbers from 3/)
  t.match(await options('node', 'main'), {
    a: { kind: 'engine' },
    b: { kind: 'commit' },
    rounds: 7,
    scenario: { name: 'keepalive', loads: [{ seconds: 5 }] },
  })
})
