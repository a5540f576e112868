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
    ['gzip;Q=1', 'gzip'],
    ['x-gzip', 'gzip'],
    ['X-Gzip;q=0.5', 'gzip'],
    ['br;q=0, x-gzip', 'gzip'],
    ['gzip;q=0.5, br;q=0.1', 'gzip'],
    ['gzip;q=0.123, br;q=0.124', 'br'],
    ['gzip;q=0.001', 'gzip'],
    ['gzip;q=1.000', 'gzip'],
    ['gzip ; q=0.5 ,\tbr;\tq=0.4', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['gzip;q=0.000', 'identity'],
    ['gzip;q=0., br', 'br'],
    ['*', 'br'],
    ['*;q=0.5, br;q=0', 'gzip'],
    ['gzip;q=0.3, *;q=0.8', 'br'],
    ['identity', 'identity'],
    ['identity;q=1, gzip;q=0.5', 'identity'],
    ['identity;q=0.5, gzip', 'gzip'],
    ['identity;q=0.5, *;q=0', 'identity'],
    ['zstd', 'identity'],
    ['br, gzip', 'br'],
  ] as const) {
    t.equal(chooseEncoding(header).encoding, encoding, String(header))
  }
})

t.test('members that are none are ignored', async (t) => {
  for (const member of [
    'gzip;q=nonsense',
    'gzip;q=2',
    'gzip;q=1.001',
    'gzip;q=0.1234',
    'gzip;q=-1',
    'gzip;q=',
    'gzip;q',
    'gzip;q =1',
    'gzip;q= 1',
    'gzip;q="1"',
    'gzip;q=.5',
    'gzip;level=9',
    'gzip;q=1;q=1',
    'gzip;',
    'gzip br',
    '"gzip"',
    'gz/ip',
    'identity;q=0.0000',
    ';q=0',
    ';;',
    '',
  ]) {
    t.match(chooseEncoding(member), { encoding: 'identity', isIdentityRefused: false }, member)
    t.equal(chooseEncoding(`${member}, br;q=0.1`).encoding, 'br', member)
  }
})

t.test('identity is refused by name, or with all that is not named', async (t) => {
  for (const [header, encoding] of [
    ['identity;q=0', undefined],
    ['*;q=0', undefined],
    ['IDENTITY;Q=0.0', undefined],
    ['zstd, identity;q=0', undefined],
    ['zstd, *;q=0', undefined],
    ['gzip;q=0, br;q=0, identity;q=0', undefined],
    ['gzip, identity;q=0', 'gzip'],
    ['x-gzip, *;q=0', 'gzip'],
    ['*, identity;q=0', 'br'],
  ] as const) {
    t.same(chooseEncoding(header), { encoding, isIdentityRefused: true }, header)
  }
  for (const header of ['gzip', 'gzip;q=0', '*;q=0, identity', 'identity;q=0.001, *;q=0', '*']) {
    t.equal(chooseEncoding(header).isIdentityRefused, false, header)
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
