// By which key a request is limited: what a client says of itself never decides it, only what a trusted
// proxy says of its peer.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { addressOf, clientKey, createClientOf, readTrustedProxies } from './client-address.ts'
import type { Request } from './engines/engine.ts'

const nobody = readTrustedProxies('')
const proxies = readTrustedProxies('10.0.0.0/8,192.168.1.1,fd00::/8,2001:db8::7')

t.test('without trusted proxies, the peer is the client whatever is said', async (t) => {
  for (const said of [undefined, '', '1.2.3.4', '1.2.3.4, 5.6.7.8', 'x']) {
    t.equal(clientKey('9.9.9.9', said, nobody), '9.9.9.9')
    t.equal(clientKey('9.9.9.9', said, proxies), '9.9.9.9', 'nor through one that is not trusted')
  }
})

t.test('through trusted proxies, it is the last hop that is not one', async (t) => {
  for (const [peer, said, expected] of [
    ['10.0.0.1', '1.2.3.4', '1.2.3.4'],
    ['10.0.0.1', '6.6.6.6, 1.2.3.4', '1.2.3.4'],
    ['10.0.0.1', '6.6.6.6,1.2.3.4 ,10.3.2.1', '1.2.3.4'],
    ['10.0.0.1', '10.0.0.9, 10.0.0.8', '10.0.0.9'],
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['192.168.1.1', '1.2.3.4', '1.2.3.4'],
    ['192.168.1.2', '1.2.3.4', '192.168.1.2'],
    ['::ffff:10.0.0.1', '::ffff:1.2.3.4', '1.2.3.4'],
    ['0000:0000:0000:0000:0000:ffff:0a00:0001', '1.2.3.4:80', '1.2.3.4'],
    ['fd00::1', '[2001:db8:1:2::3]:443', '2001:db8:1:2::/64'],
    ['2001:db8::7', '1.2.3.4', '1.2.3.4'],
    ['2001:db8::8', '1.2.3.4', '2001:db8:0:0::/64'],
  ] as const) {
    t.equal(clientKey(peer, said, proxies), expected, `${peer}: ${said}`)
  }
})

t.test('what is no address ends the trail', async (t) => {
  for (const said of [
    'unknown',
    '1.2.3.4, x',
    '1.2.3.4,',
    ',',
    '1.2.3',
    '1.2.3.4.5',
    '_hidden',
    '::g',
  ]) {
    t.equal(clientKey('10.0.0.1', said, proxies), '10.0.0.1', said)
  }
  t.equal(clientKey('10.0.0.1', 'x, 10.0.0.2', proxies), '10.0.0.2')
  for (const peer of ['', 'x', '/run/socket'])
    t.equal(clientKey(peer, '1.2.3.4', proxies), 'unknown')
})

t.test('one /64 is one key, and IPv4 in IPv6 is IPv4', async (t) => {
  const key = (address: string) => clientKey(address, undefined, nobody)
  for (const same of [
    '2001:db8::1',
    '2001:DB8:0:0:ffff::',
    '2001:0db8:0000:0000:0:0:0:2',
    '2001:db8::1.2.3.4',
  ]) {
    t.equal(key(same), '2001:db8:0:0::/64', same)
  }
  t.equal(key('fe80::1%eth0'), 'fe80:0:0:0::/64')
  t.equal(key('::1'), '0:0:0:0::/64')
  t.not(key('2001:db8:0:1::1'), key('2001:db8:0:2::1'))
  for (const mapped of ['::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:1.2.3.4']) {
    t.equal(key(mapped), '1.2.3.4', mapped)
  }
})

t.test('a random address is one however it is spelled', async (t) => {
  const random = seeded(t)
  for (let i = 0; i < 2_000; i++) {
    const groups = Array.from({ length: 8 }, () =>
      random.below(3) === 0 ? 0 : random.below(65_536),
    )
    const long = groups.map((group) => group.toString(16).padStart(4, '0')).join(':')
    // As URLs spell it: the shortest form.
    const short = new URL(`http://[${long}]`).hostname.slice(1, -1)
    t.equal(
      clientKey(short, undefined, nobody),
      clientKey(long, undefined, nobody),
      `${long} ${short}`,
    )
  }
})

t.test('whatever the header holds, the answer is an address or a network, and soon', async (t) => {
  const random = seeded(t)
  const characters = '0123456789abcdef:.,[]% /xF-'
  for (let i = 0; i < 5_000; i++) {
    const said = Array.from({ length: random.below(60) }, () => characters[random.below(27)]).join(
      '',
    )
    t.match(
      clientKey('10.0.0.1', said, () => true),
      /^([\d.]+|[0-9a-f:]+::\/64)$/,
      said,
    )
  }
  t.match(
    clientKey('10.0.0.1', '10.0.0.2,'.repeat(2_000) + '10.0.0.3', proxies),
    /^10\.0\.0\.2|10\.0\.0\.3$/,
  )
  t.equal(addressOf('1.2.3.4%x'), '1.2.3.4')
})

t.test('what a proxy says holds for its request alone', async (t) => {
  const clientOf = createClientOf('10.0.0.1')
  const ask = (peer: string, headers: Readonly<Record<string, string>> = {}) =>
    clientOf({ remoteAddress: () => peer, header: (name: string) => headers[name] } as Request)
  const direct = { key: '10.0.0.1', scheme: 'http' }
  for (let turn = 0; turn < 2; turn++) {
    t.same(ask('10.0.0.1'), direct)
    t.same(ask('10.0.0.1', { 'x-forwarded-for': '1.2.3.4' }), { key: '1.2.3.4', scheme: 'http' })
    t.same(ask('10.0.0.1', { 'x-forwarded-proto': 'https' }), { ...direct, scheme: 'https' })
    t.same(ask('10.0.0.2', { 'x-forwarded-proto': 'https' }), { key: '10.0.0.2', scheme: 'http' })
    t.same(ask(''), { key: 'unknown', scheme: 'http' })
  }
})

t.test('more addresses than are remembered are told apart all the same', async (t) => {
  const clientOf = createClientOf('')
  const addresses = Array.from({ length: 12_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`)
  const wrong = [...addresses, ...addresses].filter((peer) => {
    const request = { remoteAddress: () => peer, header: () => undefined } as unknown as Request
    return clientOf(request).key !== peer
  })
  t.same(wrong, [])
})
