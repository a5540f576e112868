// Addresses have one spelling, and spelling it again changes nothing; passwords are what bcrypt can
// tell apart.

import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { commonPasswordCount } from './common-passwords.ts'
import {
  isPossiblePassword,
  newEmail,
  newPassword,
  type PasswordRules,
  normaliseEmail,
  normalisePassword,
} from './credentials.ts'

t.test('a normalised address is its own spelling', async (t) => {
  const random = seeded(t)
  const letters = [
    'a',
    'A',
    '\u0130',
    '\u03a3',
    '\u0301',
    '\u1e9e',
    '\ufb01',
    '\u212b',
    '\u1ed9',
  ].concat(['\u{1F600}', '\ud800', '\0', ' ', '@', '\u200d', '\uac00', '\u1100', '\u0323'])
  let addresses = 0
  for (let round = 0; round < 20_000; round++) {
    const part = () =>
      Array.from({ length: random.below(6) }, () => letters[random.below(letters.length)]).join('')
    const email = normaliseEmail(`${part()}@${part()}`)
    if (email === undefined) continue
    addresses++
    if (normaliseEmail(email) !== email) t.fail(JSON.stringify(email))
    if (normaliseEmail(` ${email}\t`) !== email) t.fail(JSON.stringify(email))
    if (!email.isWellFormed() || /[\s\0]/.test(email)) t.fail(JSON.stringify(email))
  }
  t.ok(addresses > 1_000, `${addresses} addresses`)
})

t.test('its length is counted as it is kept', async (t) => {
  t.equal(normaliseEmail(`${'A'.repeat(252)}@b`)?.length, 254)
  t.equal(normaliseEmail(`${'a'.repeat(253)}@b`), undefined)
  t.equal(normaliseEmail(`${' '.repeat(500)}a@b${' '.repeat(500)}`), 'a@b')
  t.equal(normaliseEmail(`${'\u0130'.repeat(127)}@b`), undefined, 'each becomes two')
  t.equal(normaliseEmail('a@b'.padEnd(1_000_000)), undefined)
})

t.test('a password is counted in bytes, and is whole', async (t) => {
  for (const [password, isPossible] of [
    ['x'.repeat(7), false] as const,
    ['x'.repeat(8), true] as const,
    ['x'.repeat(72), true] as const,
    ['x'.repeat(73), false] as const,
    ['ü'.repeat(3), false] as const,
    ['ü'.repeat(4), true] as const,
    ['ü'.repeat(36), true] as const,
    ['ü'.repeat(37), false] as const,
    ['password\0', false] as const,
    ['password\udfff', false] as const,
    ['\u{1F600}\u{1F600}', true] as const,
    ['', false] as const,
  ]) {
    t.equal(isPossiblePassword(password), isPossible, JSON.stringify(password))
  }
})

t.test('a password has one spelling, and is measured in it', async (t) => {
  const parse = (text: string) => newPassword().parse(text, 'password')
  for (const [text, kept] of [
    ['Z\u0065\u0301ro d\u00e9j\u00e0', 'Z\u00e9ro d\u00e9j\u00e0'],
    ['\u212bngstr\u006f\u0308m', '\u00c5ngstr\u00f6m'],
    ['two\u00a0words\u3000wide\u2003', 'two words wide '],
    ['\u1112\u1161\u11ab\u1100\u1173\u11af', '\ud55c\uae00'],
    ['  Case and spaces stay  ', '  Case and spaces stay  '],
    ['\ufb01ne \uff21 is not folded', '\ufb01ne \uff21 is not folded'],
    ['\ttab and \n stay', '\ttab and \n stay'],
  ] as const) {
    t.equal(normalisePassword(text), kept)
    t.equal(normalisePassword(kept), kept, 'once is enough')
    if (isPossiblePassword(kept)) t.equal(parse(text), kept)
  }
  const decomposed = 'e\u0301'
  t.equal(parse(decomposed.repeat(36)), '\u00e9'.repeat(36), 'shorter as it is kept')
  t.throws(() => parse(decomposed.repeat(3)), { field: 'password', message: /8 to 72 bytes/ })
  t.throws(() => parse(decomposed.repeat(37)), { field: 'password', message: /8 to 72 bytes/ })
  t.throws(() => parse('\u0958'.repeat(24)), { field: 'password', message: /8 to 72 bytes/ })
})

t.test('the document takes what the check takes, and refuses what has no chance', async (t) => {
  const ajv = new Ajv2020()
  const takes = {
    email: ajv.compile(newEmail.schema),
    password: ajv.compile(newPassword().schema),
  }
  const parses = {
    email: (text: string) => normaliseEmail(text) !== undefined,
    password: (text: string) => isPossiblePassword(normalisePassword(text)),
  }
  const texts = ['', 'a', 'a@b', ' A@b.example\t', '@', 'a@', '@b', 'a@b@c', 'a b@c', 'ü'.repeat(4)]
  const more = [
    '\u{1F600}\u{1F600}',
    'x'.repeat(72),
    'x'.repeat(73),
    'password\0',
    'password\udfff',
    '\u03b9\u0308\u0301'.repeat(36),
    '\u{1d160}',
  ]
  for (const name of ['email', 'password'] as const) {
    for (const text of [...texts, ...more]) {
      if (parses[name](text)) t.ok(takes[name](text), `${name} ${JSON.stringify(text)}`)
    }
  }
  for (const text of ['', 'a', '@', 'a@', '@b', 'a@b@c', 'a b@c']) t.notOk(takes.email(text), text)
  for (const text of ['', 'x'.repeat(109), 'password\0']) t.notOk(takes.password(text), text)
})

t.test('a new password keeps to the rules, and none of the commonest is taken', async (t) => {
  t.ok(commonPasswordCount > 500)
  const rules = { bytesMin: 15, bytesMax: 64, refusesCommon: true }
  const parse = (text: string, over: Partial<PasswordRules> = {}) =>
    newPassword({ ...rules, ...over }).parse(text, 'password')
  t.equal(parse('x'.repeat(15)), 'x'.repeat(15))
  t.throws(() => parse('x'.repeat(14)), { message: /15 to 64 bytes/ })
  t.throws(() => parse('x'.repeat(65)), { message: /15 to 64 bytes/ })
  for (const common of ['passwordpassword', 'PasswordPassword']) {
    t.throws(() => parse(common), { field: 'password', message: /one of the commonest/ }, common)
    t.equal(parse(common, { refusesCommon: false }), common)
  }
  t.throws(() => newPassword().parse('Sunshine1', 'password'), { message: /commonest/ })
})
