// The Authorization header in every form that clients and attackers send it in (J6), on both engines:
// taken or a clear 4xx, never a crash, and no token in the log.

import t from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { testSecret } from '../../testing/settings.ts'
import { engineNames, exchange, headerOf } from '../../testing/engines/harness.ts'
import { loggedIn, startAuthServer } from '../../testing/auth-client.ts'

for (const engine of engineNames) {
  void t.test(engine, async (t) => {
    const { client, server } = await startAuthServer(t, { HTTP_ENGINE: engine })
    const { accessToken: token } = await loggedIn(client, 'a@b')
    const ask = async (lines: readonly string[], target = '/api/profile', end = false) => {
      const text = [`GET ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')
      const [answer] = await exchange(server.port, Buffer.from(text, 'latin1'), { end })
      return answer
    }

    for (const value of [`Bearer ${token}`, `bearer ${token}`, `BEARER ${token}`].concat([
      `Bearer  ${token}`,
      ` Bearer ${token} `,
      `Bearer ${token}\t`,
    ])) {
      t.equal((await ask([`Authorization: ${value}`]))?.status, 200, value.slice(0, 9))
    }
    t.equal((await ask([`aUTHORIZATION: Bearer ${token}`]))?.status, 200)

    const other = signToken(testSecret, 'bob', 60)
    const refused: Record<string, readonly string[]> = {
      none: [],
      empty: ['Authorization:'],
      'the scheme alone': ['Authorization: Bearer'],
      'the token alone': [`Authorization: ${token}`],
      'a tab between': [`Authorization: Bearer\t${token}`],
      'no space between': [`Authorization: Bearer${token}`],
      'another scheme': [`Authorization: Basic ${token}`],
      'two schemes': [`Authorization: Bearer Bearer ${token}`],
      'two tokens': [`Authorization: Bearer ${token} ${token}`],
      'two with a comma': [`Authorization: Bearer ${token}, Bearer ${token}`],
      'two headers': [`Authorization: Bearer ${token}`, `Authorization: Bearer ${other}`],
      'the same header twice': Array<string>(2).fill(`Authorization: Bearer ${token}`),
      'in quotes': [`Authorization: Bearer "${token}"`],
      'a parameter': [`Authorization: Bearer token=${token}`],
      'letters of Latin-1': [`Authorization: Bearer \xff${token}`],
      'letters of UTF-8 within': [`Authorization: Bearer ${token.replace('.', '.\xc3\xbc')}`],
      'another header': [`X-Authorization: Bearer ${token}`],
      'a cookie': [`Cookie: Authorization=Bearer ${token}; token=${token}`],
      '3 KB of token': [`Authorization: Bearer ${token}${'x'.repeat(3_000)}`],
    }
    for (const [what, lines] of Object.entries(refused)) {
      const answer = await ask(lines)
      t.equal(answer?.status, 401, what)
      t.match(headerOf(answer, 'WWW-Authenticate'), /^Bearer realm="todos"/, what)
      t.notMatch(answer?.body, token, 'a token is never repeated')
    }
    // What an engine's own parser may refuse before anybody looks for a token.
    for (const [what, lines] of Object.entries({
      '8 KB of token': [`Authorization: Bearer ${'x'.repeat(8_192)}`],
      '80 KB of token': [`Authorization: Bearer ${'x'.repeat(81_920)}`],
      'a NUL': [`Authorization: Bearer ${token}\0`],
      folded: ['Authorization: Bearer', ` ${token}`],
    })) {
      // Nothing follows: an engine that would wait for more need not.
      const status = (await ask(lines, '/api/profile', true))?.status
      t.ok([400, 401, 431, undefined].includes(status), `${what}: ${status}`)
    }
    // The bundled uWebSockets.js cuts them off as it does spaces: what is left is the token itself.
    const behind = await ask([`Authorization: Bearer ${token}\xff`])
    t.equal(behind?.status, engine === 'node' ? 401 : 200, 'a letter of Latin-1 behind')
    for (const name of ['token', 'access_token', 'authorization']) {
      const answer = await ask([], `/api/profile?${name}=${token}`)
      t.equal(answer?.status, 401, `${name} in the query`)
    }
    t.equal((await ask([`Authorization: Bearer ${token}`]))?.status, 200, 'it lives on')
    await server.stop()
    t.notMatch(server.output(), token)
    t.notMatch(server.output(), token.split('.')[2], 'nor a part of it')
  })
}
