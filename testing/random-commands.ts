// Random runs of commands over a few todos and two users, public and personal, for property tests.
// Every kind meets every other on the same todo, some of them twice.

import type { Command } from '../lib/domain/command.ts'

type Random = { below(max: number): number }

let made = 0

export const randomCommands = (random: Random, count: number, todos: number): Command[] => {
  const commands: Command[] = []
  for (let i = 0; i < count; i++) {
    const earlier = commands[random.below(commands.length * 8 + 1)]
    if (earlier) {
      commands.push(earlier) // logged twice by a producer
      continue
    }
    const envelope = {
      commandId: `random-${++made}`,
      todoId: `todo-${random.below(todos)}`,
      userId: random.below(5) === 0 ? 'eve' : 'ann',
      atMs: 1_000 + random.below(1_000),
      ...(random.below(4) === 0 && { isPersonal: true as const }),
    }
    // Among the first few revisions, one of which a todo is at.
    const condition = random.below(3) === 0 && { ifRevision: [1 + random.below(4)] }
    const kind = random.below(5)
    if (kind === 0) commands.push({ ...envelope, ...condition, kind: 'delete' })
    else if (kind === 4) commands.push({ ...envelope, ...condition, kind: 'toggle' })
    else if (kind === 1) {
      commands.push({ ...envelope, kind: 'create', title: `made ${made}`, description: '' })
    } else {
      const change =
        random.below(2) === 0 ? { title: `changed ${made}` } : { completed: random.below(2) === 0 }
      commands.push({ ...envelope, ...condition, kind: 'update', change })
    }
  }
  return commands
}
