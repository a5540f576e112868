// Which address a request is limited by: the peer's, or what a proxy that we trust says of its own peer.
// Whatever else X-Forwarded-For says was said by the client, who may say anything. Pure.

import { BlockList, isIP } from 'node:net'
import type { Request } from './engines/engine.ts'

/** What the setting TRUSTED_PROXIES names. */
export type TrustedProxies = (address: string) => boolean

export const readTrustedProxies = (text: string): TrustedProxies => {
  if (text === '') return () => false
  const proxies = new BlockList()
  for (const one of text.split(',')) {
    const [address = '', bits] = one.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(bits), family)
  }
  return (address) => proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

export type Client = {
  /** Distinguishes clients. */
  readonly key: string
  /** What the client speaks: plain HTTP, unless a proxy that we trust says otherwise. */
  readonly scheme: 'http' | 'https'
}

/** Who sent a request; to be asked before a handler first awaits. */
export type ClientOf = (request: Request) => Client

export const createClientOf = (trustedProxies: string): ClientOf => {
  const isTrusted = readTrustedProxies(trustedProxies)
  /** By their address, where no proxy says anything. */
  const direct = new Map<string, Client>()

  const find = (peer: string, forwardedFor?: string, forwardedProto?: string): Client => {
    const address = addressOf(peer)
    const isHttps = forwardedProto === 'https' && address !== undefined && isTrusted(address)
    return {
      key: clientKey(peer, forwardedFor, isTrusted),
      scheme: isHttps ? 'https' : 'http',
    }
  }

  return (request) => {
    const peer = request.remoteAddress()
    const forwardedFor = request.header('x-forwarded-for')
    const forwardedProto = request.header('x-forwarded-proto')
    if (forwardedFor !== undefined || forwardedProto !== undefined)
      return find(peer, forwardedFor, forwardedProto)
    let client = direct.get(peer)
    if (!client) {
      if (direct.size >= directMax) direct.clear()
      direct.set(peer, (client = find(peer)))
    }
    return client
  }
}

/** Addresses that are remembered in one process, 1 MB at most; past it, all are found anew. */
const directMax = 5_000

/** Stands for a client without an address: a socket that has gone already, or one of the file system. */
const nobody = 'unknown'

/**
 * The key of a request's client. `peer`: the other end of its connection, '' when there is none.
 * `forwardedFor`: the header; each proxy adds on its right who has asked it.
 */
export const clientKey = (
  peer: string,
  forwardedFor: string | undefined,
  isTrusted: TrustedProxies,
): string => {
  let client = addressOf(peer)
  if (client === undefined) return nobody
  let rest = forwardedFor ?? ''
  while (rest !== '' && isTrusted(client)) {
    const comma = rest.lastIndexOf(',')
    const next = addressOf(rest.slice(comma + 1))
    // What is no address ends the trail: limited by the last hop that is known.
    if (next === undefined) break
    client = next
    rest = comma === -1 ? '' : rest.slice(0, comma)
  }
  return isIP(client) === 6 ? networkOf(client) : client
}

/** An address as text, however it is spelled; IPv4 in IPv6's clothes is IPv4. */
export const addressOf = (text: string): string | undefined => {
  const bare = text.trim()
  const [, bracketed, withPort] = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(bare) ?? []
  // A zone (fe80::1%eth0) is this machine's own name for an interface.
  const address = (bracketed ?? withPort ?? bare).replace(/%.*$/, '')
  switch (isIP(address)) {
    case 4:
      return address
    case 6: {
      const groups = groupsOf(address)
      const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
      if (!isMapped) return address
      const [high = 0, low = 0] = groups.slice(6)
      return [high >> 8, high & 255, low >> 8, low & 255].join('.')
    }
    default:
      return undefined
  }
}

/** The /64: what one customer gets at least, and can take any address of. */
const networkOf = (address: string): string =>
  `${groupsOf(address)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`

/** The eight numbers of a valid IPv6 address. */
const groupsOf = (address: string): number[] => {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [front = '', back] = hex.split('::')
  const numbers = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16))
  const [left, right] = [numbers(front), numbers(back ?? '')]
  const gap = back === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<number>(gap).fill(0), ...right]
}
