// Tokens of every kind against both engines and the verifier alone (J1), each presented twice so that
// the second meets the verifier's cache; and what the cache must not keep alive (J2), over HTTP. The
// tokens are signed by hand: no library makes the hostile ones.

import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { createTokenVerifier, type Verified } from '../../../lib/accounts/access-token.ts'
import { silentLog, testSecret } from '../../../testing/settings.ts'
import { createAuthenticate } from '../../identity/authenticate.ts'
import { nobody, ownEndpoint } from '../../../testing/endpoint.ts'
import { createRouter } from '../router.ts'
import { engineNames, exchange, headerOf, serve } from '../../../testing/engines/harness.ts'
import { createReply, type App } from './engine.ts'

const nowSec = Math.floor(Date.now() / 1000)
const base64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

const sign = (
  header: unknown,
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
/** As signed by somebody who has a key pair of his own. */
const signedByKey = (): string => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const input = `${base64({ alg: 'RS256' })}.${base64(claims)}`
  return `${input}.${createSign('sha256').update(input).sign(privateKey, 'base64url')}`
}
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
  'RS256 with a key of its own': signedByKey(),
  'a list of algs': sign({ alg: ['HS256'] }, claims),
  'a number for alg': sign({ alg: 256 }, claims),
  'a header that is an array': sign([hs256], claims),
  'a header that is null': sign(null, claims),
  'a header that is not JSON': sign('HS256', claims),
  'the alg of a prototype': sign('{"__proto__":{"alg":"HS256"}}', claims),
  'another secret': sign(hs256, claims, 'sha256', 'b'.repeat(40)),
  'no secret': sign(hs256, claims, 'sha256', ''),
  'the secret and a newline': sign(hs256, claims, 'sha256', `${testSecret}\n`),
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
  'half a surrogate pair in sub': sign(hs256, '{"sub":"\\ud800"}'),
  'a sub of the prototype only': sign(hs256, '{"__proto__":{"sub":"ann"}}'),
  'the last of two subs, a number': sign(hs256, '{"sub":"ann","sub":1}'),
  'a sub of 129 characters': payload({ sub: 'x'.repeat(129) }),
  expired: payload({ exp: nowSec - 1 }),
  'exp before the epoch': payload({ exp: -1 }),
  'text for exp': payload({ exp: String(nowSec + 600) }),
  'null for exp': payload({ exp: null }),
  'an object for exp': payload({ exp: {} }),
  'zero for exp': payload({ exp: 0 }),
  'the last of two exps, past': sign(hs256, `{"sub":"ann","exp":${nowSec + 600},"exp":1}`),
  'nbf in the future': payload({ nbf: nowSec + 600 }),
  'text for nbf': payload({ nbf: 'now' }),
  'an array': sign(hs256, [claims]),
  'an empty array': sign(hs256, []),
  'a string': sign(hs256, '"ann"'),
  null: sign(hs256, null),
  'a number': sign(hs256, 1),
  'not JSON': sign(hs256, 'ann'),
  'a crit that we do not know': sign({ ...hs256, crit: ['x'], x: 1 }, claims),
  'a crit of nothing': sign({ ...hs256, crit: [] }, claims),
  'b64 off': sign({ ...hs256, b64: false, crit: ['b64'] }, claims),
  'two segments': good.split('.').slice(0, 2).join('.'),
  'four segments': `${good}.x`,
  padding: `${good}=`,
  nothing: '.',
  'three dots': '..',
}

const large = payload({ padding: 'x'.repeat(100_000) })

const verifiers: Record<string, (token: string) => Verified> = {
  'with the cache': createTokenVerifier(testSecret),
  'without the cache': createTokenVerifier(testSecret, { cache: false }),
}

for (const [name, verify] of Object.entries(verifiers)) {
  void t.test(`the verifier ${name}`, async (t) => {
    for (const [what, token] of Object.entries({ ...accepted, '100 KB of claims': large })) {
      t.same([verify(token), verify(token)], Array(2).fill({ kind: 'valid', userId: 'ann' }), what)
    }
    const unsendable = {
      'a newline behind': `${good}\n`,
      'a newline within': good.replace('.', '.\n'),
      'a space in front': ` ${good}`,
      'a NUL behind': `${good}\0`,
      'nothing at all': '',
      'letters of no alphabet': `${good}\u{1F600}`,
    }
    for (const [what, token] of Object.entries({ ...refused, ...unsendable })) {
      t.match([verify(token), verify(token)], Array(2).fill({ kind: 'invalid' }), what)
    }
  })
}

/** Answers who is asking. */
const appOf = (verify: (token: string) => Verified): App => ({
  ready: () => undefined,
  handle: createRouter({
    ...nobody,
    authenticate: createAuthenticate(verify),
    endpoints: [ownEndpoint('POST', '/todos', ({ userId }) => createReply(202, [], userId))],
    log: silentLog,
  }),
})

for (const name of engineNames) {
  const start = async (t: Parameters<typeof serve>[0]) => {
    const port = await serve(t, name, appOf(createTokenVerifier(testSecret)))
    return async (token: string) => {
      const request = `POST /todos HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`
      const [answer] = await exchange(port, `${request}Content-Length: 0\r\n\r\n`)
      return answer
    }
  }

  void t.test(`the ${name} engine`, async (t) => {
    const ask = await start(t)
    for (const [what, token] of Object.entries(accepted)) {
      for (const answer of [await ask(token), await ask(token)]) {
        t.match(answer, { status: 202, body: 'ann' }, what)
      }
    }
    for (const [what, token] of Object.entries(refused)) {
      for (const answer of [await ask(token), await ask(token)]) {
        t.equal(answer?.status, 401, what)
        t.match(
          headerOf(answer, 'WWW-Authenticate'),
          /^Bearer realm="todos", error="invalid_token", error_description="[^"]+"$/,
        )
        t.match(JSON.parse(answer?.body ?? ''), { status: 401, detail: /\w/ })
        if (token.length > 3) t.notMatch(answer?.body, token, 'a token is never repeated')
      }
    }
    // Its head is too large for any engine, and some hang up before it is all sent.
    t.ok([431, undefined].includes((await ask(large))?.status), '100 KB of token')
    t.equal((await ask(good))?.status, 202, 'the engine lives on')
  })

  void t.test(`the ${name} engine lets no token live beyond its time`, async (t) => {
    const ask = await start(t)
    const statusAt = async (sec: number, token: string) => {
      const { now } = Date
      Date.now = () => sec * 1_000
      try {
        return (await ask(token))?.status
      } finally {
        Date.now = now
      }
    }
    for (const [what, iat] of [
      ['with iat', { iat: nowSec }],
      ['without iat', {}],
    ] as const) {
      const token = sign(hs256, { sub: 'ann', nbf: nowSec, exp: nowSec + 10, ...iat })
      t.equal(await statusAt(nowSec - 5, token), 401, `${what}, before nbf`)
      t.equal(await statusAt(nowSec + 9, token), 202, what)
      t.equal(await statusAt(nowSec + 11, token), 401, `${what}, after exp`)
    }
  })
}
