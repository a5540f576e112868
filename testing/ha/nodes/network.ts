// Nodes of a cluster as network namespaces of Linux: each has an address on one bridge, and its link can go
// down without a word to anybody. All of it, processes too, is in namespaces that end with the drill.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ip = (...args: readonly string[]) => run('ip', [...args])

const subnet = '10.213.98'
const bridge = 'nodes'
/** Where all that is in no zone is: the stores, and what stands in front. */
export const outside = { address: `${subnet}.1`, range: `${subnet}.0/24` }
const firstHost = 11

export type Node = {
  readonly zone: string
  readonly address: string
  /** What makes a program run there. */
  readonly launcher: readonly string[]
}

/** Named namespaces are files: in a mount of its own nobody else sees them, and nothing is left of them. */
const enter = `
ip link set lo up
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
exec "$@"`

/** The exit code of a TypeScript program there. */
export const runInOwnNetwork = async (program: URL): Promise<number> => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') {
    console.error('namespaces of the network are for root on Linux')
    return 1
  }
  const node = [process.execPath, '--import', 'tsx', fileURLToPath(program)]
  const own = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const child = spawn('unshare', [...own, 'sh', '-ec', enter, 'sh', ...node], {
    stdio: 'inherit',
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

/** One in each zone. */
export const makeNodes = async (zones: readonly string[]): Promise<readonly Node[]> => {
  await ip('link', 'add', bridge, 'type', 'bridge')
  await ip('addr', 'add', `${outside.address}/24`, 'dev', bridge)
  await ip('link', 'set', bridge, 'up')
  const nodes: Node[] = []
  for (const [i, zone] of zones.entries()) {
    const address = `${subnet}.${firstHost + i}`
    await ip('netns', 'add', zone)
    await ip('link', 'add', linkOf(zone), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', zone)
    await ip('link', 'set', linkOf(zone), 'master', bridge, 'up')
    await ip('-n', zone, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
    for (const link of ['lo', 'eth0']) await ip('-n', zone, 'link', 'set', link, 'up')
    nodes.push({ zone, address, launcher: ['nsenter', `--net=/run/netns/${zone}`] })
  }
  return nodes
}

/** Nothing arrives, and nothing is refused. Those inside keep their addresses and their routes. */
export const cutOff = ({ zone }: Node) => ip('link', 'set', linkOf(zone), 'down')
export const connect = ({ zone }: Node) => ip('link', 'set', linkOf(zone), 'up')

const linkOf = (zone: string): string => `to-${zone}`
