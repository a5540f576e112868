// The token verifier over time and between tokens: what its cache must not keep alive, mix up or let
// anybody change, and that each refusal says why. What a token may hold: token-matrix.test.ts.

import { createHmac } from 'node:crypto'
import t, { type Test } from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { testSecret } from '../../testing/settings.ts'
import { createAccessTokenSigner, createTokenVerifier, signToken } from './access-token.ts'

const nowSec = 1_795_000_000
const realNow = Date.now
t.teardown(() => {
  Date.now = realNow
})
const at = (sec: number) => {
  Date.now = () => sec * 1_000
}
t.beforeEach(() => at(nowSec))

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const sign = (payload: object, secret = testSecret, alg = 'HS256'): string => {
  const input = `${base64({ alg })}.${base64(payload)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

const ann = { kind: 'valid', userId: 'ann' }
const expired = { kind: 'invalid', reason: 'the token has expired' }
const early = { kind: 'invalid', reason: 'the token is not valid yet' }

const kinds = {
  'with the cache': () => createTokenVerifier(testSecret),
  'without it': () => createTokenVerifier(testSecret, { cache: false }),
}
const iats = { 'with iat': { iat: nowSec }, 'without iat': {} }

for (const [kind, create] of Object.entries(kinds)) {
  for (const [which, iat] of Object.entries(iats)) {
    void t.test(`${kind}, ${which}: a token lives from nbf to exp`, async (t) => {
      const verify = create()
      const token = sign({ sub: 'ann', nbf: nowSec, exp: nowSec + 10, ...iat })
      for (const sec of [-5, -0.001, 0, 1, 9.999, 10, 10.001, 11, 59, 61, 100_000]) {
        // fast-jwt takes it at 10 s sharp.
        const expected = sec < 0 ? early : sec <= 10 ? ann : expired
        at(nowSec + sec)
        t.same(verify(token), expected, `${sec} s after nbf`)
        t.same(verify(token), expected, `${sec} s after nbf, again`)
      }
    })

    void t.test(`${kind}, ${which}: the clock may go back`, async (t) => {
      const verify = create()
      const token = sign({ sub: 'ann', nbf: nowSec, exp: nowSec + 10, ...iat })
      t.same(verify(token), ann)
      at(nowSec - 1)
      t.same(verify(token), early, 'before nbf')
      at(nowSec + 11)
      t.same(verify(token), expired)
    })

    void t.test(`${kind}, ${which}: a token without exp lives on`, async (t) => {
      const verify = create()
      const token = sign({ sub: 'ann', ...iat })
      for (const sec of [0, 59, 61, 1_000_000]) {
        at(nowSec + sec)
        t.same(verify(token), ann)
      }
    })
  }
}

for (const [kind, cache] of [
  ['with the cache', true],
  ['without it', false],
] as const) {
  void t.test(`${kind}: clocks may differ by the leeway, and no more`, async (t) => {
    const verify = createTokenVerifier(testSecret, { cache, leewaySec: 5 })
    const token = sign({ sub: 'ann', iat: nowSec, nbf: nowSec, exp: nowSec + 10 })
    for (const sec of [-60, -5.001, -5, -2, 0, 9, 10, 14.999, 15.001, 16, 60, 120]) {
      const expected = sec < -5 ? early : sec < 15 ? ann : expired
      at(nowSec + sec)
      t.same(verify(token), expected, `${sec} s after nbf`)
      t.same(verify(token), expected, `${sec} s after nbf, again`)
    }
    at(nowSec - 2)
    t.same(verify(token), ann)
    at(nowSec - 6)
    t.same(verify(token), early, 'cached, and the clock went back')
  })

  void t.test(`${kind}: who signs may be ahead`, async (t) => {
    const verify = createTokenVerifier(testSecret, { cache, leewaySec: 5 })
    t.same(verify(sign({ sub: 'ann', iat: nowSec + 3, nbf: nowSec + 3, exp: nowSec + 9 })), ann)
    t.same(verify(sign({ sub: 'ann', iat: nowSec + 600 })), ann, 'iat decides nothing')
  })
}

void t.test('tokens of many users are never mixed up, in any order', async (t) => {
  const random = seeded(t)
  const verify = createTokenVerifier(testSecret)
  // More than the cache holds, so that entries are let go and come back.
  const tokens = Array.from({ length: 12_000 }, (_, i) => sign({ sub: `user-${i}` }))
  let wrong = 0
  for (let round = 0; round < 40_000; round++) {
    const i = random.below(tokens.length)
    const verified = verify(tokens[i] as string)
    if (verified.kind !== 'valid' || verified.userId !== `user-${i}`) wrong++
  }
  t.equal(wrong, 0)
})

/** How many tokens were decoded since. */
const countDecoded = (t: Test): (() => number) => {
  const { parse } = JSON
  let count = 0
  JSON.parse = (...args: Parameters<typeof parse>) => {
    count++
    return parse(...args) as unknown
  }
  t.teardown(() => (JSON.parse = parse))
  // A header and a payload for each.
  return () => count / 2
}

void t.test('a flood of bad tokens lets go of no good one', async (t) => {
  const verify = createTokenVerifier(testSecret)
  const token = sign({ sub: 'ann', exp: nowSec + 10 })
  t.same(verify(token), ann)
  const decoded = countDecoded(t)
  for (let i = 0; i < 11_000; i++) verify(`${token.slice(0, -5)}${String(i).padStart(5, '0')}`)
  const before = decoded()
  t.equal(before, 11_000)
  t.same(verify(token), ann)
  t.equal(decoded(), before, 'it was still known')
})

void t.test('a token that is too long to be remembered is verified each time', async (t) => {
  const verify = createTokenVerifier(testSecret)
  const token = sign({ sub: 'ann', roles: 'x'.repeat(3_000) })
  const decoded = countDecoded(t)
  for (let i = 0; i < 3; i++) t.same(verify(token), ann)
  t.equal(decoded(), 3)
})

void t.test('a token that is cached vouches for no other', async (t) => {
  const verify = createTokenVerifier(testSecret)
  const token = sign({ sub: 'ann' })
  t.same(verify(token), ann)
  const [header = '', payload = '', signature = ''] = token.split('.')
  for (const other of [
    `${header}.${base64({ sub: 'eve' })}.${signature}`,
    `${base64({ alg: 'HS256', kid: 'x' })}.${payload}.${signature}`,
    `${header}.${payload}.${'A'.repeat(signature.length)}`,
    sign({ sub: 'ann' }, 'another secret of more than 32 bytes'),
  ]) {
    t.same(verify(other), { kind: 'invalid', reason: 'the signature does not match' })
  }
  t.same(createTokenVerifier('b'.repeat(32))(token), {
    kind: 'invalid',
    reason: 'the signature does not match',
  })
  t.same(verify(token), ann)
})

void t.test(
  'a token that another accepted secret has signed is as good, and no other',
  async (t) => {
    const [old, next] = ['old secret of more than 32 bytes!', 'next secret of more than 32 bytes']
    const accepted = [old, next, testSecret]
    for (const cache of [true, false]) {
      const verify = createTokenVerifier(testSecret, { cache, accepted })
      for (const secret of accepted) {
        const token = sign({ sub: 'ann', exp: nowSec + 10 }, secret)
        for (const turn of ['first', 'again']) t.same(verify(token), ann, turn)
        t.same(verify(sign({ sub: 'ann', exp: nowSec - 1 }, secret)), expired, 'as any other')
        t.match(verify(sign({}, secret)), { reason: 'the token has no sub' })
        t.match(verify(sign({ sub: 'ann' }, secret, 'none')), {
          reason: 'the token must be signed with HS256',
        })
      }
      const refused = { kind: 'invalid', reason: 'the signature does not match' }
      t.same(verify(sign({ sub: 'ann' }, `${old}.`)), refused)
      t.same(verify(sign({ sub: 'ann' }, accepted.join())), refused, 'they are no one secret')
    }
    t.match(createTokenVerifier(testSecret)(sign({ sub: 'ann' }, old)), { kind: 'invalid' })
  },
)

void t.test('what a caller does to an answer changes no later one', async (t) => {
  const verify = createTokenVerifier(testSecret)
  const token = sign({ sub: 'ann' })
  Object.assign(verify(token), { userId: 'eve' })
  t.same(verify(token), ann)
})

void t.test('each refusal says why, in words that may stand in a header', async (t) => {
  for (const [token, reason] of [
    [sign({ sub: 'ann', exp: nowSec - 1 }), 'the token has expired'],
    [sign({ sub: 'ann', nbf: nowSec + 1 }), 'the token is not valid yet'],
    [sign({ sub: 'ann' }, testSecret, 'none'), 'the token must be signed with HS256'],
    [sign({ sub: 'ann' }, 'x'.repeat(32)), 'the signature does not match'],
    [sign({}), 'the token has no sub'],
    [sign({ sub: 7 }), 'sub must be a string of 1 to 128 characters'],
    [sign({ sub: 'a\0' }), 'sub must not contain U+0000 or lone surrogates'],
    [sign({ sub: 'deleted' }), 'sub must not be the name of deleted accounts'],
    ['not a token', 'the token is malformed'],
    [sign({ sub: 'ann', exp: '"\r\nX: y' }), 'the token is malformed'],
  ] as const) {
    for (const create of Object.values(kinds)) {
      t.same(create()(token), { kind: 'invalid', reason })
      t.match(reason, /^[\w .,+-]+$/)
    }
  }
})

void t.test('a token of ours is taken until it ends', async (t) => {
  const verify = createTokenVerifier(testSecret)
  for (const userId of ['ann', '\u{1F600}', 'x'.repeat(128), 'a"b\\c']) {
    const token = signToken(testSecret, userId, 60)
    t.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
    t.same(verify(token), { kind: 'valid', userId })
  }
  const token = signToken(testSecret, 'ann', 60)
  at(nowSec + 59)
  t.same(verify(token), ann)
  at(nowSec + 61)
  t.same(verify(token), expired)
})

void t.test('a token of a session names it, each by an id of its own', async (t) => {
  const verify = createTokenVerifier(testSecret)
  const signAccessToken = createAccessTokenSigner(testSecret, 60)
  const token = signAccessToken('ann', 'session')
  for (const turn of ['first', 'cached'])
    t.same(verify(token), { ...ann, sessionId: 'session' }, turn)
  const [, payload = ''] = token.split('.')
  t.match(JSON.parse(Buffer.from(payload, 'base64url').toString()), {
    sub: 'ann',
    sid: 'session',
    iat: nowSec,
    exp: nowSec + 60,
    jti: /^[\da-f-]{36}$/,
  })
  t.not(signAccessToken('ann', 'session'), token)
  at(nowSec + 61)
  t.same(verify(token), expired)
})

void t.test('a sid that is no string is refused, for it could not be revoked', async (t) => {
  for (const sid of [1, null, true, ['a'], {}]) {
    const refused = { kind: 'invalid', reason: 'sid must be a string' }
    t.same(createTokenVerifier(testSecret)(sign({ sub: 'ann', sid })), refused)
  }
})
