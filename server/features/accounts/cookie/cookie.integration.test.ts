// The session of a page, whose refresh token is in a cookie: what the cookie is, that two tabs share it, how
// it ends, and that no other site can make use of it.

import t, { type Test } from 'tap'
import { loggedIn, password, startAuthServer } from '../../../../testing/auth-client.ts'
import {
  engineNames,
  exchange,
  headerOf,
  type Answer,
} from '../../../../testing/engines/harness.ts'
import { cookiePath, localName, secureName } from './refresh-cookie.ts'

const host = 'todos.example'
const allowed = 'https://app.example'
const json = 'Content-Type: application/json'
const own = [`Origin: https://${host}`, 'Sec-Fetch-Site: same-origin']
const login = { email: 'page@b', password }

type Sent = {
  readonly lines?: readonly string[]
  readonly body?: object | string
  readonly host?: string
}

const askerOf =
  (port: number) =>
  async (path: string, { lines = [], body = {}, host: given = host }: Sent): Promise<Answer> => {
    const bytes = typeof body === 'string' ? body : JSON.stringify(body)
    const type = lines.some((line) => /^content-type/i.test(line)) ? [] : [json]
    const head = [`POST ${path} HTTP/1.1`, `Host: ${given}`, ...type, ...lines]
    const length = `Content-Length: ${Buffer.byteLength(bytes)}`
    const [answer] = await exchange(port, [...head, length, '', bytes].join('\r\n'))
    if (!answer) throw new Error(`no answer: ${path}`)
    return answer
  }

type Ask = ReturnType<typeof askerOf>

const cookieOf = (answer: Answer): string => headerOf(answer, 'Set-Cookie')?.split(';')[0] ?? ''
const tokenOf = ({ body }: Answer): string =>
  (JSON.parse(body) as { readonly access_token: string }).access_token

const loginFrom = async (t: Test, ask: Ask, lines: readonly string[] = own, from = host) => {
  const answer = await ask(`${cookiePath}/login`, { lines, body: login, host: from })
  t.equal(answer.status, 200, answer.body)
  return answer
}
const refreshFrom = (ask: Ask, cookie: string, lines: readonly string[] = own) =>
  ask(`${cookiePath}/refresh`, { lines: [...lines, `Cookie: ${cookie}`] })

for (const engine of engineNames) {
  void t.test(`${engine}: a session of the page`, async (t) => {
    const { client, sql, server } = await startAuthServer(t, {
      HTTP_ENGINE: engine,
      CORS_ORIGINS: allowed,
    })
    await client.post('/auth/register', login)
    const ask = askerOf(server.port)
    const profile = (token: string) => client.get('/api/profile', `Bearer ${token}`)

    await t.test('has its refresh token in a cookie, and nowhere else', async (t) => {
      const begun = await loginFrom(t, ask)
      const next = await refreshFrom(ask, cookieOf(begun))
      for (const answer of [begun, next]) {
        t.match(
          headerOf(answer, 'Set-Cookie'),
          new RegExp(
            `^${secureName}=[\\w-]{22}\\.\\d+\\.[\\w-]{43}; Max-Age=2592000; Path=${cookiePath}; HttpOnly; SameSite=Strict; Secure$`,
          ),
        )
        t.same(Object.keys(JSON.parse(answer.body) as object).sort(), [
          'access_token',
          'expires_in',
          'token_type',
        ])
        t.equal(headerOf(answer, 'Cache-Control'), 'no-store')
        t.equal((await profile(tokenOf(answer))).member('email'), login.email)
      }
      t.not(cookieOf(next), cookieOf(begun), 'each token is good once')
    })

    await t.test('is kept by browsers that drop a Secure cookie of localhost', async (t) => {
      for (const [origin, name] of [
        ['http://localhost:8080', localName],
        ['http://127.0.0.1:8080', localName],
        ['http://[::1]:8080', localName],
        ['https://localhost:8443', secureName],
        ['http://192.168.0.7:8080', secureName],
        ['http://localhost.example', secureName],
      ] as const) {
        const lines = [`Origin: ${origin}`]
        const answer = await loginFrom(t, ask, lines, new URL(origin).host)
        const cookie = headerOf(answer, 'Set-Cookie') ?? ''
        t.ok(cookie.startsWith(`${name}=`), origin)
        t.equal(/; Secure$/.test(cookie), name === secureName, origin)
        const again = await ask(`${cookiePath}/refresh`, {
          lines: [...lines, `Cookie: a=b; ${cookieOf(answer)}; c=d`],
          host: new URL(origin).host,
        })
        t.equal(again.status, 200, 'among others')
      }
    })

    await t.test('is refreshed by two tabs at once', async (t) => {
      const cookie = cookieOf(await loginFrom(t, ask))
      const tabs = await Promise.all(Array.from({ length: 10 }, () => refreshFrom(ask, cookie)))
      t.same([...new Set(tabs.map(({ status }) => status))], [200])
      const cookies = new Set(tabs.map(cookieOf))
      t.equal(cookies.size, 1, 'whichever answer is the last, the cookie is the same')
      const [shared = ''] = cookies
      const next = await refreshFrom(ask, shared)
      t.equal(next.status, 200)
      await sql`UPDATE sessions SET rotated_at = rotated_at - interval '11 s'`
      t.match(await refreshFrom(ask, shared), { status: 401, body: /session-ended/ })
      t.match(await refreshFrom(ask, cookieOf(next)), { status: 401, body: /session-ended/ })
      t.equal((await profile(tokenOf(next))).status, 401, 'used again, it ends the session')
      t.match(server.output(), 'used again: its session is revoked')
    })

    await t.test('ends with a logout, and so does the cookie', async (t) => {
      const begun = await loginFrom(t, ask)
      const lines = [...own, `Cookie: ${cookieOf(begun)}`]
      const out = await ask(`${cookiePath}/logout`, { lines })
      t.match(out, { status: 204, body: '' })
      t.match(headerOf(out, 'Set-Cookie'), `${secureName}=; Max-Age=0; Path=${cookiePath};`)
      t.equal((await profile(tokenOf(begun))).status, 401)
      t.equal((await refreshFrom(ask, cookieOf(begun))).status, 401)
      t.equal((await ask(`${cookiePath}/logout`, { lines })).status, 204, 'again')
      t.equal((await ask(`${cookiePath}/logout`, { lines: own })).status, 204, 'without a cookie')
    })

    await t.test('can be used by no other site', async (t) => {
      const begun = await loginFrom(t, ask)
      const cookie = `Cookie: ${cookieOf(begun)}`
      const form = 'Content-Type: application/x-www-form-urlencoded'
      const text = 'Content-Type: text/plain'
      const attacks = {
        'a form': [415, [form, 'Origin: https://evil.example', 'Sec-Fetch-Site: cross-site']],
        'a form whose text is JSON': [415, [text, 'Origin: https://evil.example']],
        'a form of its own origin': [415, [form, ...own]],
        'a script of another site': [403, ['Origin: https://evil.example']],
        'one that says so': [403, [own[0] ?? '', 'Sec-Fetch-Site: cross-site']],
        'a neighbour': [403, [`Origin: https://evil.${host}`, 'Sec-Fetch-Site: same-site']],
        'a neighbour in an older browser': [403, [`Origin: https://evil.${host}`]],
        'the domain above': [403, ['Origin: https://example', 'Sec-Fetch-Site: same-site']],
        'another port': [403, [`Origin: https://${host}:8443`]],
        'an address bar': [403, ['Sec-Fetch-Site: none']],
        'nobody: no Origin': [403, []],
        'a sandboxed page': [403, ['Origin: null']],
        'no origin at all': [403, ['Origin: https://']],
        'a page that CORS allows': [403, [`Origin: ${allowed}`, 'Sec-Fetch-Site: cross-site']],
      } as const
      for (const [who, [status, lines]] of Object.entries(attacks)) {
        for (const path of ['login', 'refresh', 'logout']) {
          const answer = await ask(`${cookiePath}/${path}`, {
            lines: [...lines, cookie],
            body: path === 'login' ? login : {},
          })
          t.equal(answer.status, status, `${who}: ${path}`)
          t.equal(headerOf(answer, 'Set-Cookie'), undefined, who)
          t.equal(headerOf(answer, 'Access-Control-Allow-Credentials'), undefined, who)
        }
      }
      const preflight = [
        `OPTIONS ${cookiePath}/refresh HTTP/1.1`,
        `Host: ${host}`,
        `Origin: ${allowed}`,
        'Access-Control-Request-Method: POST',
        'Access-Control-Request-Headers: content-type',
      ]
      const [answer] = await exchange(server.port, [...preflight, '', ''].join('\r\n'))
      t.equal(headerOf(answer, 'Access-Control-Allow-Origin'), allowed)
      t.equal(headerOf(answer, 'Access-Control-Allow-Credentials'), undefined, 'without cookies')
      t.equal((await refreshFrom(ask, cookieOf(begun))).status, 200, 'none of it did anything')
    })

    await t.test('is the one of its cookie alone', async (t) => {
      const cookie = cookieOf(await loginFrom(t, ask))
      const token = cookie.slice(secureName.length + 1)
      const planted = (await loggedIn(client, 'evil@b')).refreshToken
      for (const [what, sent] of Object.entries({
        'a neighbour set one as well': `${secureName}=${planted}; ${cookie}`,
        'a neighbour set one as well, later': `${cookie}; ${secureName}=${planted}`,
        'by its other name': `${localName}=${token}`,
        'no token': `${secureName}=`,
        none: 'a=b',
      }))
        t.match(await refreshFrom(ask, sent), { status: 401 }, what)
      const inBody = await ask(`${cookiePath}/refresh`, {
        lines: own,
        body: { refresh_token: token },
      })
      t.match(inBody, { status: 401, body: /no-refresh-cookie/ })
      const elsewhere = await ask('/auth/refresh', { lines: [...own, `Cookie: ${cookie}`] })
      t.equal(elsewhere.status, 400, 'who sends the token in a body has no cookie')
      const behindProxy = ['Origin: https://todos.example:8443', 'Sec-Fetch-Site: same-origin']
      const renamed = await refreshFrom(ask, cookie, behindProxy)
      t.equal(renamed.status, 200, 'whatever a proxy makes of Host')
    })

    await server.stop()
    t.notMatch(server.output(), /\.\d+\.[\w-]{43}/, 'no refresh token is logged')
  })
}
