// Tokens of every kind against both engines (J1), each sent twice so that the second meets the
// verifier's cache; and what the cache must not keep alive (J2). Hostile tokens are signed by hand.

import { createHmac } from 'node:crypto'
import t, { type Test } from 'tap'
import { createTokenVerifier, type Verified } from '../../lib/jwt.ts'
import { freePort } from '../../scripts/services/ports.ts'
import { quiet, testSecret } from '../../scripts/testing.ts'
import { createRouter } from '../router.ts'
import { createReply, type App, type EngineSettings } from './engine.ts'
import { authenticate } from '../authenticate.ts'
import { createNodeEngine } from './node-http.ts'
import { createUwsEngine } from './uws.ts'

const nowSec = Math.floor(Date.now() / 1000)
const base64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

const sign = (
  header: object,
  payload: unknown,
  hash: 'sha256' | 'sha384' | 'sha512' = 'sha256',
  secret = testSecret,
): string => {
  const input = `${base64(header)}.${base64(payload)}`
  return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`
}
const hs256 = { alg: 'HS256', typ: 'JWT' }
const claims = { sub: 'ann', iat: nowSec, exp: nowSec + 600 }
const good = sign(hs256, claims)
const unsigned = (alg: string) => `${base64({ alg })}.${base64(claims)}.`
const payload = (over: object) => sign(hs256, { ...claims, ...over })

/** The last character carries two bits that mean nothing: another spelling of the same signature. */
const respelled = (token: string): string => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(token.at(-1) ?? '') ^ 1)
}

const accepted: Record<string, string> = {
  'a good one': good,
  'no exp': sign(hs256, { sub: 'ann', iat: nowSec }),
  'no iat': sign(hs256, { sub: 'ann', exp: nowSec + 600 }),
  'exp with a fraction': payload({ exp: nowSec + 600.5 }),
  'exp far away': payload({ exp: 1e308 }),
  'issued in the future': payload({ iat: nowSec + 600 }),
  'nbf in the past': payload({ nbf: nowSec - 10 }),
  'a kid with a path, a jku and a jwk': sign(
    { ...hs256, kid: '../../etc/passwd', jku: 'http://evil', jwk: { kty: 'oct', k: 'eA' } },
    claims,
  ),
  'the last of two subs': sign(hs256, `{"sub":1,"sub":"ann","exp":${nowSec + 600}}`),
  'claims named as prototypes': sign(hs256, `{"sub":"ann","__proto__":{"sub":"eve"}}`),
  'another spelling of the signature': respelled(good),
}
const refused: Record<string, string> = {
  'alg none': unsigned('none'),
  'alg None': unsigned('None'),
  'alg none, signed': sign({ alg: 'none' }, claims),
  'no alg': sign({ typ: 'JWT' }, claims),
  'alg hs256': sign({ alg: 'hs256' }, claims),
  HS384: sign({ alg: 'HS384' }, claims, 'sha384'),
  HS512: sign({ alg: 'HS512' }, claims, 'sha512'),
  'RS256 with the secret': sign({ alg: 'RS256' }, claims),
  'another secret': sign(hs256, claims, 'sha256', 'b'.repeat(40)),
  'no signature': `${good.split('.').slice(0, 2).join('.')}.`,
  'another payload under the signature': good.replace(
    /\.[^.]+\./,
    `.${base64({ ...claims, sub: 'eve' })}.`,
  ),
  'no sub': sign(hs256, { iat: nowSec, exp: nowSec + 600 }),
  'a number for sub': payload({ sub: 1 }),
  'an empty sub': payload({ sub: '' }),
  'null for sub': payload({ sub: null }),
  'an array for sub': payload({ sub: ['ann'] }),
  'an object for sub': payload({ sub: { a: 1 } }),
  'NUL in sub': payload({ sub: 'a\0b' }),
  'a sub of 129 characters': payload({ sub: 'x'.repeat(129) }),
  expired: payload({ exp: nowSec - 1 }),
  'exp before the epoch': payload({ exp: -1 }),
  'text for exp': payload({ exp: String(nowSec + 600) }),
  'null for exp': payload({ exp: null }),
  'nbf in the future': payload({ nbf: nowSec + 600 }),
  'text for nbf': payload({ nbf: 'now' }),
  'an array': sign(hs256, [claims]),
  'a string': sign(hs256, '"ann"'),
  'not JSON': sign(hs256, 'ann'),
  'a crit that we do not know': sign({ ...hs256, crit: ['x'], x: 1 }, claims),
  'two segments': good.split('.').slice(0, 2).join('.'),
  'four segments': `${good}.x`,
  padding: `${good}=`,
  nothing: '.',
  'three dots': '..',
}

const verifiers: Record<string, (token: string) => Verified> = {
  'with the cache': createTokenVerifier(testSecret),
  'without the cache': createTokenVerifier(testSecret, { cache: false }),
}

for (const [name, verify] of Object.entries(verifiers)) {
  void t.test(`the verifier ${name}`, async (t) => {
    for (const [what, token] of Object.entries(accepted)) {
      t.same([verify(token), verify(token)], Array(2).fill({ kind: 'valid', userId: 'ann' }), what)
    }
    for (const [what, token] of Object.entries(refused)) {
      t.match([verify(token), verify(token)], Array(2).fill({ kind: 'invalid' }), what)
    }
    t.match(
      verify(payload({ padding: 'x'.repeat(100_000) })),
      { kind: 'valid' },
      '100 KB of claims',
    )
  })
}

const settings: EngineSettings = {
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 30_000,
  writeStallTimeoutMs: 30_000,
  headerBytesMax: 16_384,
  connectionsMax: 1_000,
  backlog: 128,
}
const verify = createTokenVerifier(testSecret)
const app: App = {
  ready: () => undefined,
  handle: createRouter(
    [
      {
        ...{ method: 'POST', path: '/todos' },
        handler: (request) => createReply(202, [], authenticate(request, verify)),
      },
    ],
    quiet,
  ),
}
const engines = {
  node: () => Promise.resolve(createNodeEngine(app, settings)),
  uws: () => createUwsEngine(app, quiet),
}

for (const [name, create] of Object.entries(engines)) {
  void t.test(`the ${name} engine`, async (t) => {
    const port = await listen(t, create)
    const ask = async (token: string) => {
      const response = await fetch(`http://127.0.0.1:${port}/todos`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
      })
      const text = await response.text()
      return { status: response.status, text, header: response.headers.get('www-authenticate') }
    }
    for (const [what, token] of Object.entries(accepted)) {
      for (const answer of [await ask(token), await ask(token)]) {
        t.match(answer, { status: 202, text: 'ann' }, what)
      }
    }
    for (const [what, token] of Object.entries(refused)) {
      for (const { status, text, header } of [await ask(token), await ask(token)]) {
        t.equal(status, 401, what)
        t.match(header, /^Bearer realm="todos", error="invalid_token", error_description="[^"]+"$/)
        t.notMatch(text, token.length > 3 ? token : /$^/, 'a token is never repeated')
      }
    }
  })
}

const listen = async (t: Test, create: (typeof engines)[keyof typeof engines]): Promise<number> => {
  const engine = await create()
  const port = await freePort()
  await engine.listen('127.0.0.1', port)
  t.teardown(() => engine.drain(100))
  return port
}

void t.test('the cache keeps no token beyond its time', async (t) => {
  const realNow = Date.now
  t.teardown(() => {
    Date.now = realNow
  })
  const at = (sec: number) => (Date.now = () => sec * 1000)
  for (const [what, iat] of [
    ['with iat', { iat: nowSec }],
    ['without iat', {}],
  ] as const) {
    const verify = createTokenVerifier(testSecret)
    const token = sign(hs256, { sub: 'ann', exp: nowSec + 10, nbf: nowSec, ...iat })
    at(nowSec - 5)
    t.match(verify(token), { kind: 'invalid', reason: 'the token is not valid yet' }, what)
    at(nowSec + 1)
    t.match(verify(token), { kind: 'valid' }, what)
    at(nowSec + 9)
    t.match(verify(token), { kind: 'valid' }, what)
    at(nowSec + 11)
    t.match(verify(token), { kind: 'invalid', reason: 'the token has expired' }, what)
    at(nowSec + 1_000)
    t.match(verify(token), { kind: 'invalid' }, what)
  }
})
