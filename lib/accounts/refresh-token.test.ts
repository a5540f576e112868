// A refresh token has one spelling, and none but the holder of the secret writes it.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { testSecret } from '../../testing/settings.ts'
import { createRefreshTokens, newFamily, sessionIdOf } from './refresh-token.ts'

const tokens = createRefreshTokens(testSecret)

t.test('what is written is read, and written the same again', async (t) => {
  for (const generation of [1, 2, 10, 999_999_999]) {
    const token = { family: newFamily(), generation }
    const text = tokens.write(token)
    t.same(tokens.read(text), token)
    t.equal(createRefreshTokens(testSecret).write(token), text)
    t.equal(createRefreshTokens(`${testSecret}.`).read(text), undefined)
  }
})

t.test('a token of another accepted secret is read, and none is written with it', async (t) => {
  const token = { family: newFamily(), generation: 3 }
  const old = createRefreshTokens('old secret of more than 32 bytes!')
  const both = createRefreshTokens(testSecret, ['old secret of more than 32 bytes!'])
  t.same(both.read(old.write(token)), token)
  t.equal(both.write(token), tokens.write(token))
  t.equal(both.read(createRefreshTokens(`${testSecret}.`).write(token)), undefined)
})

t.test('a token with any letter changed, added, lost or moved is none', async (t) => {
  const random = seeded(t)
  const alphabet = 'ABCXYZabcxyz0189-_.=+/ \n\0\u{1F600}'
  const text = tokens.write({ family: newFamily(), generation: 17 })
  let read = 0
  for (let round = 0; round < 20_000; round++) {
    const i = random.below(text.length)
    const [before, after] = [text.slice(0, i), text.slice(i + 1)]
    const other = alphabet.charAt(random.below(alphabet.length))
    const changed = [
      `${before}${after}`,
      `${before}${other}${after}`,
      `${before}${other}${text.slice(i)}`,
      `${after}${text.slice(0, i + 1)}`,
    ][random.below(4)]
    if (changed !== undefined && changed !== text && tokens.read(changed)) read++
  }
  t.equal(read, 0)
})

t.test('a session is named after its family, which its name does not tell', async (t) => {
  const family = newFamily()
  t.equal(sessionIdOf(family), sessionIdOf(family))
  t.not(sessionIdOf(family), sessionIdOf(newFamily()))
  t.match(sessionIdOf(family), /^[\w-]{43}$/)
  t.equal(tokens.read(tokens.write({ family: sessionIdOf(family), generation: 1 })), undefined)
})
