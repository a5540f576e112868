// Which processes of this machine answer at a URL, for `--url`: whoever holds a socket that listens
// there. Uncounted, the server under test would be a stranger who disturbs its own measurement.

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { endianness, networkInterfaces } from 'node:os'
import { endpointOf } from './engines/exchange.ts'

export type PortOwners =
  | { readonly kind: 'here'; readonly pids: readonly number[] }
  | { readonly kind: 'elsewhere' }
  /** Its CPU may or may not be this machine's. */
  | { readonly kind: 'unknown'; readonly why: string }

const connectTimeoutMs = 5_000

export const portOwnersOf = async (origin: string): Promise<PortOwners> => {
  if (process.platform !== 'linux') return unknown('this system does not report who listens')
  const route = await routeTo(origin)
  if (!route) return unknown('nothing answers there')
  const { local, remote } = route
  // Over hardware one gets to another machine; over a bridge or a tunnel perhaps to a container of this.
  if (!isOwn(remote)) {
    return isOfHardware(local)
      ? { kind: 'elsewhere' }
      : unknown('the URL may lead to a container on this machine')
  }
  const inodes = listenersAt(remote, endpointOf(origin).port)
  if (inodes.length === 0) return unknown('no process seen here listens on the port: a container?')
  const holders = holdersOf(inodes)
  if (inodes.some((inode) => !holders.has(inode))) {
    return unknown(
      "the port's process can't be seen: another user's (run this as root), or a container's",
    )
  }
  const pids = [...new Set([...holders.values()].flat())]
  const forwarder = pids.map(nameOf).find((name) => containerForwarders.includes(name))
  if (forwarder !== undefined) return unknown(`${forwarder} only forwards the port to a container`)
  return { kind: 'here', pids }
}

const unknown = (why: string): PortOwners => ({ kind: 'unknown', why })

/** They listen for a container whose processes have another parent. */
const containerForwarders = [
  'docker-proxy',
  'rootlessport',
  'rootlesskit',
  'slirp4netns',
  'pasta',
  'passt',
]

type Route = { readonly local: string; readonly remote: string }

/** A connection says which of a name's addresses is used. */
const routeTo = (origin: string): Promise<Route | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ ...endpointOf(origin), timeout: connectTimeoutMs })
    const end = (route?: Route) => {
      socket.destroy()
      resolve(route)
    }
    socket.once('connect', () => {
      const { localAddress, remoteAddress } = socket
      end({ local: canonical(localAddress ?? ''), remote: canonical(remoteAddress ?? '') })
    })
    socket.once('error', () => end())
    socket.once('timeout', () => end())
  })

/** One spelling of each address; IPv4 in IPv6 is IPv4. */
const canonical = (address: string): string => {
  const [bare = ''] = address.split('%')
  if (!bare.includes(':')) return bare
  const { hostname } = new URL(`http://[${bare}]`)
  const [, high = '', low = ''] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? []
  if (high === '') return hostname.slice(1, -1)
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

const interfaces = () =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ address }) => ({ name, address: canonical(address) })),
  )

const isOwn = (address: string): boolean =>
  /^127\.|^::1$/.test(address) || interfaces().some((one) => one.address === address)

const isOfHardware = (address: string): boolean => {
  const [name] = interfaces().flatMap((one) => (one.address === address ? [one.name] : []))
  return name !== undefined && existsSync(`/sys/class/net/${name.split(':')[0]}/device`)
}

export type Listener = {
  readonly address: string
  readonly port: number
  readonly inode: string
}

const stateListen = '0A'

/** The listening sockets of /proc/net/tcp or tcp6. */
export const parseListeners = (table: string, byteOrder: 'LE' | 'BE' = endianness()): Listener[] =>
  table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    const [address = '', port = ''] = local.split(':')
    if (state !== stateListen) return []
    return [{ address: addressOf(address, byteOrder), port: Number.parseInt(port, 16), inode }]
  })

/** Words of 32 bits, each as this machine keeps it in memory. */
const addressOf = (hex: string, byteOrder: 'LE' | 'BE'): string => {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => {
    const inOrder = word.match(/../g) ?? []
    return byteOrder === 'LE' ? inOrder.toReversed() : inOrder
  })
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.')
  return canonical((bytes.join('').match(/.{4}/g) ?? []).join(':'))
}

/** The kernel prefers a listener with the exact address over any address, and IPv4 over IPv6. */
export const listenersFor = (
  listeners: readonly Listener[],
  address: string,
  port: number,
): Listener[] => {
  for (const bound of [address, address.includes(':') ? '::' : '0.0.0.0', '::']) {
    const found = listeners.filter((one) => one.port === port && one.address === bound)
    if (found.length > 0) return found
  }
  return []
}

const listenersAt = (address: string, port: number): string[] => {
  const tables = ['tcp', 'tcp6'].map((name) => readable(`/proc/net/${name}`))
  return listenersFor(
    tables.flatMap((table) => parseListeners(table)),
    address,
    port,
  ).map(({ inode }) => inode)
}

/** Who has them open, by inode: inherited handles have several holders. */
const holdersOf = (inodes: readonly string[]): Map<string, number[]> => {
  const holders = new Map<string, number[]>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const inode of socketsOf(pid)) {
      if (!inodes.includes(inode)) continue
      holders.set(inode, [...(holders.get(inode) ?? []), Number(pid)])
    }
  }
  return holders
}

/** None where it has ended, or where we may not look. */
const socketsOf = (pid: string): Set<string> => {
  const directory = `/proc/${pid}/fd`
  try {
    return new Set(
      readdirSync(directory).flatMap((fd) => {
        const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(`${directory}/${fd}`)) ?? []
        return inode === undefined ? [] : [inode]
      }),
    )
  } catch {
    return new Set()
  }
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}

const nameOf = (pid: number): string => readable(`/proc/${pid}/comm`).trim()

const readable = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
