// The commands on the page work as they are pasted: a shell runs each against a server.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { signToken } from '../../../lib/accounts/access-token.ts'
import { connectPostgres } from '../../../lib/drivers/postgres/client.ts'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import { environmentOf } from '../../../testing/openapi/ask.ts'
import { document } from '../../../testing/openapi/document.ts'
import { testDatabase } from '../../../testing/services.ts'
import { generousTimeouts, testSecret } from '../../../testing/settings.ts'
import { operationsOf } from '../../http/contract/openapi.ts'
import { curlOf } from './curl.ts'

const run = promisify(execFile)
type RunError = { readonly stdout: string }

/** What examples name is not there: a todo, an account, a session, the token of a mail, a password. */
const notThere =
  /^(404|401 (logout|refresh|refreshWithCookie)|400 (verifyEmail|resetPassword)|403 deleteProfile|426 openWebSocket)$/
/** Its answer has no end: curl is ended, and says so. */
const endless = 'watchChannel'

t.test('each command is understood', async (t) => {
  const databaseUrl = await testDatabase(t)
  const environment = environmentOf('node', databaseUrl)
  const sql = connectPostgres({ url: databaseUrl, poolSize: 1 })
  await sql`
    INSERT INTO users (id, email, password_hash, role) VALUES ('ann', 'ann@b', 'x', 'system-admin')`
  await sql.end()
  const server = await startServer({ ...environment, ...generousTimeouts })
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const env = {
    ...process.env,
    URL: `http://127.0.0.1:${server.port}`,
    TOKEN: signToken(testSecret, 'ann', 3_600),
  }
  for (const one of operationsOf(document)) {
    const { operationId } = one.operation
    const command = `${curlOf(one)} -s -o /dev/null -w '%{http_code}'`
    const { stdout } = await (operationId === endless
      ? run('sh', ['-c', `${command} --max-time 2`], { env }).catch((error: RunError) => error)
      : run('sh', ['-c', command], { env }))
    const isUnderstood =
      stdout.startsWith('2') || notThere.test(stdout) || notThere.test(`${stdout} ${operationId}`)
    t.ok(isUnderstood, `${operationId} ${stdout}`)
  }
})
