// What a session says of where it was begun.

import t from 'tap'
import { browserOf, networkOf } from './session-client.ts'

const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const chrome = 'Chrome/140.0.0.0 Safari/537.36'
const browsers: Readonly<Record<string, string | null>> = {
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0':
    'Firefox, Windows',
  [`Mozilla/5.0 (X11; Linux x86_64) ${webkit} ${chrome}`]: 'Chrome, Linux',
  [`Mozilla/5.0 (X11; Linux x86_64) ${webkit} HeadlessChrome/140.0.0.0 Safari/537.36`]:
    'Chrome, Linux',
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} ${chrome} Edg/140.0.0.0`]: 'Edge, Windows',
  [`Mozilla/5.0 (Linux; Android 15; SM-S931B) ${webkit} SamsungBrowser/28.0 ${chrome}`]:
    'Samsung Internet, Android',
  [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${webkit} ${chrome}`]: 'Chrome, ChromeOS',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15':
    'Safari, macOS',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1':
    'Chrome, iPhone',
  'Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1':
    'Safari, iPad',
  'curl/8.14.1': 'curl',
  'python-requests/2.32.3': 'python-requests',
  'PostmanRuntime/7.43.0': 'PostmanRuntime',
  node: 'node',
  'Mozilla/5.0': null,
  '': null,
  '<script>alert(1)</script>': null,
  [`${'x'.repeat(50)}/1`]: null,
  'Ärger/1.0': null,
}

t.test('a browser and its system, or a program, and no version', async (t) => {
  for (const [userAgent, expected] of Object.entries(browsers))
    t.equal(browserOf(userAgent), expected, userAgent)
  t.equal(browserOf(undefined), null)
  const lengths = Object.keys(browsers).map((text) => browserOf(text.repeat(40))?.length ?? 0)
  t.ok(Math.max(...lengths) <= 60, 'as long as the table takes')
})

t.test('a network, and no host', async (t) => {
  t.equal(networkOf('203.0.113.77'), '203.0.113.0/24')
  t.equal(networkOf('2001:db8:85a3:8d3::/64'), '2001:db8:85a3::/48')
  t.equal(networkOf('2001:db8:0:1::/64'), '2001:db8:0::/48')
  t.equal(networkOf('0:0:0:0::/64'), '0:0:0::/48', 'of this machine')
  t.equal(networkOf('unknown'), null)
})
