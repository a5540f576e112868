// Mail over SMTP, to a real server: what arrives, what is given up for good and what is not, and that a
// server which says nothing holds nobody up.

import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { parseSmtpUrl } from '../../runtime/config/smtp-url.ts'
import { startMailServer } from '../../../testing/mail-server.ts'
import { createSmtpClient, MailRefused } from './smtp.ts'

const mail = { subject: 'Grüße', text: 'one\n\n.\n\ntwo' }
const clientOf = (url: string, timeoutMs = 20_000) =>
  createSmtpClient({ server: parseSmtpUrl(url), from: 'todos@example.com', timeoutMs })
const replyWith = (responseCode: number, message: string) =>
  Object.assign(new Error(message), { responseCode })

t.test('a mail arrives whole, at one address however that is spelled', async (t) => {
  const server = await startMailServer(t)
  for (const to of ['ann@example.com', 'ann,eve@example.com', 'j\u00f6rg@example.com']) {
    await clientOf(server.url).send(to, mail)
  }
  t.equal(server.received.length, 3)
  const [first, second] = server.received
  t.match(first, { from: 'todos@example.com', to: ['ann@example.com'] })
  t.match(first?.text, /^Subject: =\?UTF-8\?Q\?Gr=C3=BC=C3=9Fe\?=\r$/m)
  t.match(first?.text, /^Auto-Submitted: auto-generated\r$/m)
  t.match(first?.text, /one\r\n\r\n\.\r\n\r\ntwo/)
  t.equal(second?.to.length, 1)
  for (const to of ['ann@b\r\nBcc: eve@b', 'ann@b>\r\nRCPT TO:<eve@b', '<ann@b>, eve@b']) {
    await clientOf(server.url)
      .send(to, mail)
      .catch(() => {})
  }
  t.same(
    server.received.flatMap(({ to }) => to).filter((to) => /^eve@b/.test(to)),
    [],
    'nobody else is written to',
  )
})

t.test('what is refused for good is told from what may be tried again', async (t) => {
  const server = await startMailServer(t, {
    onRcptTo({ address }, _session, callback) {
      if (address.startsWith('gone')) callback(replyWith(550, 'no such mailbox'))
      else if (address.startsWith('later')) callback(replyWith(451, 'greylisted'))
      else callback()
    },
  })
  const client = clientOf(server.url)
  await t.rejects(client.send('gone@b', mail), MailRefused)
  const later = await client.send('later@b', mail).catch((error: unknown) => error)
  t.ok(later instanceof Error && !(later instanceof MailRefused), String(later))
  await server.stop()
  const down = await client.send('ann@b', mail).catch((error: unknown) => error)
  t.ok(down instanceof Error && !(down instanceof MailRefused), String(down))
})

t.test('a wrong login is the operator to mend: nothing is given up', async (t) => {
  const server = await startMailServer(t, {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: ({ password }, _session, callback) =>
      password === 'right' ? callback(null, { user: 'u' }) : callback(replyWith(535, 'wrong')),
  })
  const at = `127.0.0.1:${server.port}`
  await clientOf(`smtp://u:right@${at}`).send('ann@b', mail)
  const wrong = await clientOf(`smtp://u:wrong@${at}`)
    .send('ann@b', mail)
    .catch((error: unknown) => error)
  t.ok(wrong instanceof Error && !(wrong instanceof MailRefused), String(wrong))
  t.equal(server.received.length, 1)
})

t.test('no password goes to a server whose certificate nobody vouches for', async (t) => {
  const passwords: unknown[] = []
  const server = await startMailServer(t, {
    authOptional: false,
    allowInsecureAuth: true,
    disabledCommands: [],
    onAuth({ password }, _session, callback) {
      passwords.push(password)
      callback(null, { user: 'u' })
    },
  })
  const client = clientOf(`smtp://u:secret@127.0.0.1:${server.port}?starttls=required`)
  await t.rejects(client.send('ann@b', mail), { message: /certificate/ })
  const plain = await startMailServer(t, { authOptional: false, allowInsecureAuth: true })
  const required = clientOf(`smtp://u:secret@127.0.0.1:${plain.port}?starttls=required`)
  await t.rejects(required.send('ann@b', mail), 'where there is no STARTTLS')
  t.same(passwords, [])
})

t.test('a server that says nothing is given up', async (t) => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const { port } = silent.address() as AddressInfo
  await t.rejects(clientOf(`smtp://127.0.0.1:${port}`, 200).send('ann@b', mail), {
    message: /timeout|no answer/i,
  })
})

t.test('what SMTP_URL may be', async (t) => {
  const plain = { user: undefined, password: undefined, isTls: false, needsTls: false }
  t.same(parseSmtpUrl('smtp://mail'), { ...plain, host: 'mail', port: 587 })
  t.same(parseSmtpUrl('smtps://[::1]:4650'), { ...plain, host: '::1', port: 4650, isTls: true })
  t.match(parseSmtpUrl('smtp://u%40b:p%2F@mail'), { user: 'u@b', password: 'p/', needsTls: true })
  t.match(parseSmtpUrl('smtp://u:p@localhost'), { needsTls: false }, 'nobody is in between')
  t.match(parseSmtpUrl('smtp://u:p@mail?starttls=if-offered'), { needsTls: false })
  for (const wrong of ['mail', 'http://mail', 'smtp://', 'smtp://mail/x', 'smtp://mail?tls=1'])
    t.throws(() => parseSmtpUrl(wrong), { message: /^a URL/ }, wrong)
})
