// Settings: how the server listens, and what it allows to clients.

import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { createPrivateKey } from 'node:crypto'
import { certificatesIn, pemFile } from './pem.ts'
import { oneOf, wholeNumber, type Setting } from './table.ts'

/**
 * Scheme, host and port, as browsers send it: in lower case, without its usual port, a path or a closing
 * slash. Of any scheme, for web views have their own. `null` is none: every sandboxed page sends it.
 */
const isOrigin = (text: string): boolean => {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^*]+$/.test(text) || !URL.canParse(text)) return false
  const { protocol, host, origin } = new URL(text)
  // Only of the schemes that it knows does URL say an origin.
  return (origin === 'null' ? `${protocol}//${host}` : origin) === text
}

/** RFC 9110's token: the name of a header, or `*` for all. */
const isHeaderName = (text: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)

/** `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. */
const isAddressOrBlock = (text: string): boolean => {
  const [, address = '', bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128)
}

export const httpSettings = {
  HTTP_HOST: {
    default: '0.0.0.0',
    unit: 'address',
    meaning: 'Address that the API listens on. `npm start` uses 127.0.0.1.',
    parse: (text: string) => text,
  },
  HTTP_PORT: wholeNumber({
    default: 8080,
    min: 0,
    max: 65535,
    unit: 'port',
    meaning: 'Port that the API listens on; 0 takes a free one.',
  }),
  HTTP_PORT_PER_PROCESS: oneOf({
    default: 'false',
    choices: ['false', 'true'],
    meaning:
      'true: each process listens on a port of its own, HTTP_PORT, HTTP_PORT + 1, …, for a proxy in front. For uws on macOS, where a shared port is not shared out.',
  }),
  HTTP_ENGINE: oneOf({
    default: 'node',
    choices: ['node', 'uws'],
    meaning: 'HTTP engine: raw `node:http`, or uWebSockets.js.',
  }),
  HTTP_TLS_CERT_FILE: pemFile(
    'certificates',
    'Certificate of the API, and those between it and its authority: then it speaks HTTPS, and nothing else. Needs HTTP_TLS_KEY_FILE. Read again at SIGHUP.',
    certificatesIn,
  ),
  HTTP_TLS_KEY_FILE: pemFile(
    'a private key without a passphrase',
    'Private key of HTTP_TLS_CERT_FILE.',
    createPrivateKey,
  ),
  HTTP_PROCESSES: wholeNumber({
    default: availableParallelism(),
    min: 1,
    max: 1024,
    unit: 'processes',
    meaning: 'Server processes. Default: one per core.',
  }),
  HTTP_HEADERS_TIMEOUT_MS: wholeNumber({
    default: 10_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    meaning:
      'A request whose head is not complete after this gets a 408; so does a silent connection.',
  }),
  HTTP_REQUEST_TIMEOUT_MS: wholeNumber({
    default: 30_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    meaning:
      'A request that is not complete after this gets a 408. At least HTTP_HEADERS_TIMEOUT_MS.',
  }),
  HTTP_KEEP_ALIVE_TIMEOUT_MS: wholeNumber({
    default: 75_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    meaning:
      'An idle connection is closed after this. Longer than a proxy in front keeps its own (Nginx: 60 s).',
  }),
  HTTP_WRITE_STALL_TIMEOUT_MS: wholeNumber({
    default: 20_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    meaning: 'A client that takes none of the bytes that wait for it for this long is cut off.',
  }),
  HTTP_HEADER_BYTES_MAX: wholeNumber({
    default: 16_384,
    min: 1_024,
    max: 1_048_576,
    unit: 'bytes',
    meaning: 'Largest head of a request; more is a 431. uWebSockets.js has its own: 4,096.',
  }),
  HTTP_CONNECTIONS_MAX: wholeNumber({
    default: 50_000,
    min: 1,
    max: 10_000_000,
    unit: 'connections',
    meaning:
      'Connections of the whole server, shared out over its processes; more are closed at once.',
  }),
  HTTP_PIPELINE_MAX: wholeNumber({
    default: 16,
    min: 1,
    max: 10_000,
    unit: 'requests',
    meaning:
      'Requests of one connection that may be unanswered; further ones are not read until answers have left. Lists from memory are answered at once. The node engine only: uws closes a connection with two.',
  }),
  HTTP_PENDING_MAX: wholeNumber({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'requests',
    meaning:
      'Requests that may be unanswered in one process. Past it each connection may have one. A request that is no probe, and does not come from memory, gets a 503.',
  }),
  HTTP_BACKLOG: wholeNumber({
    default: 4_096,
    min: 1,
    max: 65_535,
    unit: 'connections',
    meaning:
      'Connections that wait to be accepted, on each listening socket; the kernel caps it (net.core.somaxconn).',
  }),
  HTTP_DRAIN_DELAY_MS: wholeNumber({
    default: 5_000,
    min: 0,
    max: 600_000,
    unit: 'ms',
    meaning:
      'On SIGTERM: how long `/ready` says `draining` while all is served as before, so that load balancers turn away. Then, and in a rolling restart, idle connections are kept as long again, to be notified with `Connection: close`: longer than a proxy in front keeps its own. 0: leaves at once, `npm start` does.',
  }),
  HTTP_DRAIN_TIMEOUT_MS: wholeNumber({
    default: 10_000,
    min: 0,
    max: 600_000,
    unit: 'ms',
    meaning:
      'After HTTP_DRAIN_DELAY_MS: how long requests in flight may take before they are cut, idle connections included.',
  }),
  CORS_ORIGINS: {
    default: '',
    unit: 'origin,… or *',
    meaning:
      'Origins whose web pages may call the API from a browser (CORS), such as `https://app.example` or `tauri://localhost`; `*` is all of them.',
    parse(text: string) {
      if (text !== '' && text !== '*' && !text.split(',').every(isOrigin)) {
        throw new Error(
          '*, or origins as browsers spell them, comma separated: https://app.example',
        )
      }
      return text
    },
  },
  CORS_REQUEST_HEADERS: {
    default: '',
    unit: 'header,…',
    meaning:
      'Headers that these pages may send, besides what the API reads and `baggage`, `sentry-trace`, `traceparent`, `tracestate`: `x-datadog-trace-id,newrelic`; `*` is all.',
    parse(text: string) {
      if (text !== '' && !text.split(',').every(isHeaderName)) {
        throw new Error('names of headers, comma separated: x-datadog-trace-id,newrelic')
      }
      return text.toLowerCase().replaceAll(',', ', ')
    },
  },
  PUBLIC_API_URL: {
    default: '',
    unit: 'URL',
    meaning:
      'Where clients reach the API, for `servers` of the OpenAPI document and for links in mails: `https://api.example`. Empty: the address that the document was fetched from.',
    parse(text: string) {
      const url = URL.canParse(text) ? new URL(text) : undefined
      const isPlain =
        url && /^https?:$/.test(url.protocol) && url.origin + url.pathname === url.href
      if (text !== '' && !isPlain) {
        throw new Error('a URL that begins with http:// or https://, without a query or a login')
      }
      return text === '' ? text : (url?.href ?? '').replace(/\/$/, '')
    },
  },
  PAGE_DIRECTORY: {
    default: '',
    unit: 'directory',
    meaning:
      'The built page that is served at `/app`: an `index.html`, and what it needs below `assets/`. Empty: what `npm run build:web` made. Read when it is first asked for, and again by new processes.',
    parse: (text: string) => text,
  },
  TRUSTED_PROXIES: {
    default: '',
    unit: 'address or CIDR,…',
    meaning:
      'Proxies in front whose `X-Forwarded-For` is believed, for limits by address: `10.0.0.7,192.168.0.0/16,fd00::/8`. Without, the client is whoever connects.',
    parse(text: string) {
      if (text !== '' && !text.split(',').every(isAddressOrBlock)) {
        throw new Error('addresses or CIDR blocks, comma separated: 10.0.0.7,192.168.0.0/16')
      }
      return text
    },
  },
} as const satisfies Record<string, Setting<string | number>>
