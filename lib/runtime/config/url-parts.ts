// user:password@host:port of a URL of a service. Passwords with a raw `/` or `#`, IPv6 addresses without
// brackets and lists of hosts get a line that says what to do; nothing that may be secret is shown.

type Credentials = { readonly user: string | undefined; readonly password: string | undefined }
export type HostAndPort = { readonly host: string | undefined; readonly port: number | undefined }
export type Authority = Credentials & HostAndPort
/** Of a service that is on several; at least one. */
export type Authorities = Credentials & { readonly hosts: readonly HostAndPort[] }

/** Of `scheme://user:password@host:port/path?query`: its parts as they stand. Undefined for other URLs. */
export const splitUrl = (
  rest: string,
): { authority: string; path: string | undefined; query: string } | undefined => {
  const parts = /^([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/s.exec(rest)
  if (!parts) return undefined
  const [, authority = '', path, query = ''] = parts
  return { authority, path, query }
}

/** Throws what the URL should be; `example` is one as it should be. */
export const parseAuthority = (text: string, example: string): Authority => {
  const { hosts, ...credentials } = parseAuthorities(text, example)
  const [only, ...more] = hosts
  if (only === undefined || more.length > 0) throw new Error(oneHostOnly)
  return { ...credentials, ...only }
}

/** The same, with commas between hosts. */
export const parseAuthorities = (text: string, example: string): Authorities => {
  const at = text.lastIndexOf('@')
  const [, user, password] = /^([^:]*)(?::(.*))?$/s.exec(text.slice(0, Math.max(at, 0))) ?? []
  return {
    user: decoded(user, example),
    password: decoded(password, example),
    hosts: text
      .slice(at + 1)
      .split(',')
      .map((one) => {
        const { host, port } = hostAndPort(one, example)
        return { host: decoded(host, example), port: portOf(port, example) }
      }),
  }
}

export const portOf = (text: string | undefined, example: string): number | undefined => {
  if (text === undefined || text === '') return undefined
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new Error(encoded(example))
  return Number(text)
}

export const decoded = (text: string | undefined, example: string): string | undefined => {
  try {
    return text ? decodeURIComponent(text) : undefined
  } catch (error) {
    throw new Error(encoded(example), { cause: error })
  }
}

/** Said of a URL that falls apart in the wrong places. */
export const encoded = (example: string): string =>
  `a URL like ${example}, with each of : / ? # [ ] @ % in the user and the password percent-encoded (@ is %40)`

const oneHostOnly =
  'a URL with one host: the name of the primary, or of what finds it (a proxy, an endpoint for writes), which follows a failover'

const hostAndPort = (text: string, example: string): { host: string; port: string | undefined } => {
  const [, address, rest] = /^\[([0-9A-Fa-f:.]+(?:%[\w%.-]+)?)\](.*)$/s.exec(text) ?? []
  if (address !== undefined) {
    if (rest !== '' && !rest?.startsWith(':')) throw new Error(encoded(example))
    return { host: address, port: rest.slice(1) }
  }
  if (/^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text)) {
    throw new Error('a URL whose IPv6 address is in brackets, such as [::1]')
  }
  const [host = '', port, ...more] = text.split(':')
  if (more.length > 0 || /[\s@[\]]/.test(host)) throw new Error(encoded(example))
  return { host, port }
}
