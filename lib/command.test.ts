// A command's way through the log: what is encoded decodes to the same, and nothing else decodes.

import t from 'tap'
import { seeded } from '../scripts/testing.ts'
import { decodeCommand, encodeCommand, type Command } from './command.ts'

const envelope = { commandId: 'c', todoId: 't', userId: 'ann', atMs: 1_795_000_000_000 }
const commands: Command[] = [
  { ...envelope, kind: 'create', title: 'ünïcode \u{1F600} "quoted"\n', description: '' },
  { ...envelope, kind: 'update', change: { title: 'x', completed: false } },
  { ...envelope, kind: 'delete' },
]

t.test('every kind comes back as it went', async (t) => {
  for (const command of commands) {
    t.same(decodeCommand(Buffer.from(encodeCommand(command))), { kind: 'command', command })
  }
})

t.test('each field that is missing or of another type is poison, with its name', async (t) => {
  for (const command of commands) {
    for (const field of ['schema', ...Object.keys(command)]) {
      for (const wrong of [undefined, null, 7.5, {}, '', 'x'.repeat(3_000), 'a\0b', [1]]) {
        if (field === 'description' && wrong === '') continue
        const json = JSON.parse(encodeCommand(command)) as Record<string, unknown>
        const decoded = decodeCommand(Buffer.from(JSON.stringify({ ...json, [field]: wrong })))
        t.equal(decoded.kind, 'poison', `${command.kind}: ${field} = ${JSON.stringify(wrong)}`)
      }
    }
  }
})

t.test('whatever bytes come, it answers and does not throw', async (t) => {
  const random = seeded(t)
  const sources = commands.map(encodeCommand)
  let good = 0
  for (let round = 0; round < 50_000; round++) {
    const bytes = Buffer.from(sources[random.below(sources.length)] as string)
    for (let changes = random.below(4); changes > 0; changes--) {
      bytes[random.below(bytes.length)] = random.below(256)
    }
    const cut = bytes.subarray(0, random.below(10) === 0 ? random.below(bytes.length) : undefined)
    if (decodeCommand(cut).kind === 'command') good++
  }
  t.ok(good > 0 && good < 50_000, `${good} of 50,000 were commands still`)
})
