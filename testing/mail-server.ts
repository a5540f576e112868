// A real SMTP server, which keeps what it is given. For tests.

import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Test } from 'tap'
import { eventually } from './eventually.ts'

export type Received = {
  readonly from: string
  readonly to: readonly string[]
  /** Head and body, as they came. */
  readonly text: string
}

export type MailServer = {
  readonly url: string
  readonly port: number
  readonly received: readonly Received[]
  /** The next token that came to `address` by mail of this kind, past the first `known` mails. */
  token(kind: string, address: string, known?: number): Promise<string>
  stop(): Promise<void>
}

export const startMailServer = async (
  t: Test,
  options: SMTPServerOptions & { readonly listenAt?: number } = {},
): Promise<MailServer> => {
  const received: Received[] = []
  const { listenAt = 0, ...more } = options
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, { envelope }, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        const to = envelope.rcptTo.map(({ address }) => address)
        received.push({ from, to, text: Buffer.concat(chunks).toString() })
        callback()
      })
    },
    ...more,
  })
  // Clients that leave, or refuse its certificate, are no concern of a test.
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(listenAt, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()))
  t.teardown(stop)
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    received,
    async token(kind, address, known = 0) {
      const find = () =>
        received
          .slice(known)
          .filter(({ to }) => to.includes(address))
          .map(({ text }) => new RegExp(`#${kind}=([\\w-]+)`).exec(unfolded(text))?.[1])
          .find((one) => one !== undefined)
      await eventually(
        () => Promise.resolve(find()),
        (found) => found !== undefined,
      )
      return find() ?? ''
    },
    stop,
  }
}

/** Quoted-printable, as far as our mails need it. */
const unfolded = (text: string): string => text.replace(/=\r\n/g, '').replace(/=3D/g, '=')
