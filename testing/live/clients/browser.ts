// Chromium without a window, spoken to by its own protocol over a pipe: pages in contexts of their own, as
// two people would have them. For tests.

import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Test } from 'tap'
import { findProgram, ServiceMissing } from '../../../scripts/stack/service.ts'
import { testDirectory } from '../../services.ts'

export type Page = {
  /** The value of an expression, awaited; throws what it throws. */
  evaluate(expression: string): Promise<unknown>
  /** What the page says by `report(text)`. */
  onReport(listener: (text: string) => void): void
}

export type Browser = {
  /** In a context of its own: no cookies, no cache of others. */
  open(url: string): Promise<Page>
}

type Params = Readonly<Record<string, unknown>>
type Incoming = {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: Params
  readonly result?: Params
  readonly error?: { readonly message: string }
}

/** What it would ask of others, and what a machine without a screen lacks. */
const flags = [
  '--headless',
  '--no-sandbox', // it will not run as root with one
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-proxy-server',
  '--remote-debugging-pipe',
]

export const startBrowser = async (t: Test): Promise<Browser> => {
  const program = findProgram('chromium')
  if (program === undefined) throw new ServiceMissing('chromium', 'apt-get install chromium')
  const directory = await testDirectory(t)
  const child = spawn(program, [...flags, `--user-data-dir=${directory}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  t.teardown(async () => {
    await call('Browser.close').catch(() => {})
    await exited
  })
  const input = child.stdio[3] as Writable
  const output = child.stdio[4] as Readable

  const answers = new Map<number, (incoming: Incoming) => void>()
  const events = new Map<string, (method: string, params: Params) => void>()
  let last = 0
  const call = (method: string, params: Params = {}, sessionId?: string): Promise<Params> =>
    new Promise((resolve, reject) => {
      const id = ++last
      answers.set(id, ({ result, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result ?? {}),
      )
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  let rest = ''
  output.setEncoding('utf8')
  output.on('data', (chunk: string) => {
    const texts = (rest + chunk).split('\0')
    rest = texts.pop() ?? ''
    for (const text of texts) {
      const incoming = JSON.parse(text) as Incoming
      if (incoming.id !== undefined) answers.get(incoming.id)?.(incoming)
      else events.get(incoming.sessionId ?? '')?.(incoming.method ?? '', incoming.params ?? {})
    }
  })

  return {
    async open(url) {
      const { browserContextId } = await call('Target.createBrowserContext')
      const { targetId } = await call('Target.createTarget', {
        url: 'about:blank',
        browserContextId,
      })
      const attached = await call('Target.attachToTarget', { targetId, flatten: true })
      const session = attached['sessionId'] as string
      let report: (text: string) => void = () => {}
      const loaded = new Promise<void>((resolve) =>
        events.set(session, (method, params) => {
          if (method === 'Page.loadEventFired') resolve()
          else if (method === 'Runtime.bindingCalled') report(params['payload'] as string)
        }),
      )
      await call('Page.enable', {}, session)
      await call('Runtime.enable', {}, session)
      await call('Runtime.addBinding', { name: 'report' }, session)
      await call('Page.navigate', { url }, session)
      await loaded
      return {
        async evaluate(expression) {
          const options = { expression, awaitPromise: true, returnByValue: true }
          const { result, exceptionDetails } = await call('Runtime.evaluate', options, session)
          if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
          return (result as { readonly value?: unknown }).value
        },
        onReport(listener) {
          report = listener
        },
      }
    },
  }
}
