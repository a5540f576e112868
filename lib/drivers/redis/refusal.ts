// What is wrong when Redis is there and does not let us in, or do what we need: one line that names what
// to set. Nothing helps until somebody has set it.

import { oneLine, tlsFaultOf, type TlsFault } from '../../runtime/tls-fault.ts'
import { NoHandshake } from './connector.ts'

/** What Redis said, and what to set; undefined for what may pass by itself. */
export const explainRefusal = (error: Error, isSentinel = false): string | undefined => {
  const said = oneLine(error.message)
  const fault = tlsFaultOf(error)
  if (fault) return `${tlsAdvice[fault]} (${said})`
  // Said before, of a cause that is still the same.
  if (said.includes(': set ') || said.includes(': give ')) return undefined
  if (/No such master with that name/.test(said)) {
    return `${said}: set the path of REDIS_URL to the name that the Sentinels have for the master`
  }
  if (/cluster support disabled/.test(said)) {
    return `${said}: set REDIS_URL to redis://, for one server, or to nodes of a cluster`
  }
  if (/unknown command '?SENTINEL/i.test(said)) {
    return `${said}: set the hosts of REDIS_URL to those of Sentinels, on port 26379`
  }
  if (/^(WRONGPASS|NOAUTH)\b|invalid password/.test(said)) {
    return isSentinel
      ? `${said}: set sentinelUsername and sentinelPassword of REDIS_URL, ?sentinelPassword=…`
      : `${said}: set the user and the password of REDIS_URL`
  }
  if (/(^|-|: )NOPERM\b|The user executing the script can't/.test(said)) {
    return `${said}${whatFor(error)}: give the user of REDIS_URL the rights in docs/how-to/managed-services.md`
  }
  return undefined
}

const tlsAdvice: Readonly<Record<TlsFault, string>> = {
  untrusted:
    "Redis's certificate is not trusted: set REDIS_CA_FILE to the certificate of who signed it",
  'out-of-time': "Redis's certificate is not valid now: renew it, or set the clock of this machine",
  'other-name':
    "Redis's certificate is for another name: set the host of REDIS_URL to a name in it",
  'client-certificate':
    'Redis asks for a client certificate that it trusts: set REDIS_CERT_FILE and REDIS_KEY_FILE',
  'no-tls':
    'Redis speaks no TLS on this port: set REDIS_URL to redis://, or its port to the one with TLS',
}

/**
 * Of a connection that ended before any answer: what to set where that is no accident. A Redis that goes down
 * does it, too, and so may a proxy without one.
 */
export const explainSilence = (error: Error, hasTls: boolean): string | undefined => {
  if (error instanceof NoHandshake) {
    return `Redis does not speak TLS: if it is up, set REDIS_URL to redis://, or its port to the one with TLS (${error.message})`
  }
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return undefined
  const advice = hasTls
    ? 'set REDIS_CERT_FILE and REDIS_KEY_FILE to a client certificate that it trusts'
    : 'and speaks TLS on this port, set REDIS_URL to rediss://'
  return `Redis closed the connection unanswered: if it is up${hasTls ? ', ' : ' '}${advice} (${code})`
}

type RefusedCommand = {
  readonly command?: { readonly name: string; readonly args: readonly unknown[] }
}

/** The command, and of its keys the part that is the same in every process. */
const whatFor = (error: Error): string => {
  const { command } = error as RefusedCommand
  if (!command) return ''
  const [first, , third] = command.args
  const key = /^eval/i.test(command.name) ? third : first
  const shown =
    typeof key === 'string' ? ` ${key.replace(/(canary:|user:).*$/s, '$1*').slice(0, 64)}` : ''
  return ` (${command.name.toUpperCase()}${shown})`
}
