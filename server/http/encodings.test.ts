// Which form of a list a client gets, by its headers.

import t from 'tap'
import { chooseEncoding, etagMatches } from './encodings.ts'

t.test('Accept-Encoding', async (t) => {
  for (const [header, encoding] of [
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['GZIP;q=1.0', 'gzip'],
    ['gzip;q=0.5, br;q=0.1', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['*', 'br'],
    ['*;q=0.5, br;q=0', 'gzip'],
    ['identity', 'identity'],
    ['identity;q=1, gzip;q=0.5', 'identity'],
    ['identity;q=0.5, gzip', 'gzip'],
    ['zstd', 'identity'],
    ['gzip;q=nonsense', 'gzip'],
    [';;,,', 'identity'],
  ] as const) {
    t.equal(chooseEncoding(header), encoding, String(header))
  }
})

t.test('If-None-Match', async (t) => {
  for (const [header, isHeld] of [
    ['"1-10"', true],
    ['W/"1-10"', true],
    ['"0-10", "1-10"', true],
    ['*', true],
    ['"1-1"', false],
    ['1-10', false],
    ['', false],
  ] as const) {
    t.equal(etagMatches(header, '"1-10"'), isHeld, header)
  }
})
