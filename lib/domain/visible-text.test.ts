// Titles that show nothing are refused: every character is tried, and what the document's pattern says
// of it.

import t from 'tap'
import { invisibleInPattern, isVisible } from './visible-text.ts'
import { newTitle } from './todo.ts'

const last = 0x10ffff
const isSurrogate = (code: number) => code >= 0xd800 && code <= 0xdfff

t.test('what can not be seen is no title, what can be is one', async (t) => {
  const blanks = Array.from(
    ' \t\n\u0001\u007f\u0085\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u180e\u2003\u200b\u200d\u200e' +
      '\u2028\u202e\u202f\u2060\u2066\u2800\u3000\u3164\ufe0f\ufeff\uffa0\ufff9\u{1d159}\u{1d173}' +
      '\u{e0001}\u{e0100}',
  )
  for (const blank of blanks) {
    for (const text of [blank, ` ${blank}\n`, blank.repeat(50)]) {
      t.throws(() => newTitle.parse(text, 'title'), {
        field: 'title',
        message: 'title must have a character that can be seen',
      })
      for (const seen of ['x', '0', '.', '\u0301', '\u0600', '\u{1f600}', '\ue000', '\u{20000}']) {
        t.equal(newTitle.parse(text + seen, 'title'), text + seen, 'kept as it is')
        t.equal(newTitle.parse(seen + text, 'title'), seen + text)
      }
    }
  }
  for (const text of [
    '\u{1f469}\u200d\u{1f4bb}',
    '\u2764\ufe0f',
    '1\ufe0f\u20e3',
    'می\u200cخواهم',
  ]) {
    t.equal(newTitle.parse(text, 'title'), text)
  }
})

t.test("the document's pattern says the same of every character that it can name", async (t) => {
  const inPattern = new RegExp(`[${invisibleInPattern}]`, 'u')
  const pattern = new RegExp(newTitle.schema.pattern ?? '', 'u')
  const others: number[] = []
  for (let code = 0; code <= last; code++) {
    if (isSurrogate(code)) continue
    const one = String.fromCodePoint(code)
    if (code > 0xffff) {
      if (!isVisible(one)) others.push(code)
      continue
    }
    if (isVisible(one) === inPattern.test(one)) t.fail(`U+${code.toString(16)}`)
    if (isVisible(one) !== pattern.test(one)) t.fail(`U+${code.toString(16)}: the whole pattern`)
  }
  t.ok(
    others.length > 0 && others.every((code) => code >= 0x13430),
    `${others.length} beyond the BMP`,
  )
})
