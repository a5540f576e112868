// Access that ends while writes are under way. Once the answer is out, no write of that editor is
// applied, whatever was acknowledged before. Many do so at once, in every way that access can end.

import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { appendAudit } from '../../lib/audit/postgres.ts'
import { encodeCommand, type Command, type CommandOutcome } from '../../lib/domain/command.ts'
import { endSharesOf } from '../../lib/shares/postgres.ts'
import { createLeaveTeams, todosElsewhere } from '../../lib/teams/postgres.ts'
import { seeded } from '../../testing/seeded.ts'
import { openSharesAt } from '../../testing/shares.ts'
import type { TestAccount } from '../../testing/teams.ts'
import {
  layoutLog as log,
  layoutPartitions as partitions,
  todoLayouts,
  type OpenLayout,
} from '../../testing/todo-layouts.ts'
import { applyBatch } from './apply.ts'
import { readRecord } from './fresh.ts'

const owners = 12
const roundsOfOwner = 4
const todosOfOwner = 3
const writesOfRound = 15
const batchMax = 20

type Waiting = { readonly command: Command; readonly settle: (outcome: CommandOutcome) => void }

const noWriteAfterItsEnd = (layoutName: string, openLayout: OpenLayout) =>
  t.test(`${layoutName}: no write is applied once its access has ended`, async (t) => {
    const random = seeded(t)
    const layout = await openLayout(t)
    const under = openSharesAt(t, layout.accountsUrl, { sharesOfTodoMax: 10 }, 8, layout)
    const { shares, teams, account, todoOf, teamOf, pool } = under

    // What the worker does, a loop for each partition.
    const queues: Waiting[][] = Array.from({ length: partitions }, () => [])
    let isOver = false
    const applyAll = async (partition: number) => {
      const queue = queues[partition] ?? []
      let offset = 0
      while (!isOver || queue.length > 0) {
        const batch = queue.splice(0, 1 + random.below(batchMax))
        if (batch.length === 0) {
          await turn()
          continue
        }
        const first = offset
        const records = batch.map(({ command }, i) =>
          readRecord({ offset: first + i, value: Buffer.from(encodeCommand(command)) }),
        )
        const result = await applyBatch(layout.store.ofPartition(partition), {
          log,
          partition,
          records,
          numbers: new Map(),
        })
        if (result.kind !== 'applied') throw new Error(result.kind)
        for (const [i, { outcome }] of result.effects.entries()) batch[i]?.settle(outcome)
        offset += batch.length
      }
    }
    const applying = Array.from({ length: partitions }, (_, partition) => applyAll(partition))

    let made = 0
    const write = (todoId: string, userId: string): Promise<CommandOutcome> =>
      new Promise((settle) => {
        const commandId = `c${made++}`
        const envelope = { commandId, todoId, userId, atMs: 1_000, isPersonal: true } as const
        const queue = queues[layout.homes.partitionOf(todoId)]
        // Most were known to be by a share when they were accepted.
        const isShared = random.below(10) > 0 && ({ isShared: true } as const)
        queue?.push({ command: { ...envelope, ...isShared, kind: 'toggle' }, settle })
      })
    const revisionsOf = (ids: readonly string[]) =>
      Promise.all(ids.map((id) => layout.store.revisionOf(id)))
    const deleteAccount = ({ userId }: TestAccount) =>
      pool.transaction(async (sql) => {
        await sql`SELECT FROM users WHERE id = ${userId} FOR UPDATE`
        await createLeaveTeams(appendAudit, endSharesOf, layout.elsewhere && todosElsewhere)(
          sql,
          { actorId: userId, requestId: 'r' },
          userId,
        )
        await sql`DELETE FROM users WHERE id = ${userId}`
      })

    const counts: Record<string, number> = {}
    const count = (name: string) => (counts[name] = (counts[name] ?? 0) + 1)

    const oneRound = async (owner: TestAccount, todos: readonly string[], name: string) => {
      const editor = await account(name)
      const { userId } = editor
      const teamId = random.below(2) === 0 ? await teamOf(owner, editor) : undefined
      const grantee =
        teamId !== undefined
          ? ({ kind: 'team', teamId } as const)
          : random.below(2) === 0
            ? ({ kind: 'user', userId } as const)
            : ({ kind: 'address', email: editor.email } as const)
      const ids = new Map<string, string>()
      for (const todo of todos) {
        const shared = await shares.share(owner, todo, grantee, 'editor')
        if (shared.kind === 'refused') throw new Error(shared.refusal)
        ids.set(todo, shared.value.id)
      }
      const each = (end: (todo: string, id: string) => Promise<unknown>) => () =>
        Promise.all([...ids].map(([todo, id]) => end(todo, id)))
      const ways: Record<string, () => Promise<unknown>> = {
        unshare: each((todo, id) => shares.unshare(owner, todo, id)),
        demote: each((todo) => shares.share(owner, todo, grantee, 'viewer')),
        'delete account': () => deleteAccount(editor),
        ...(teamId === undefined
          ? { leave: each((todo) => shares.leave(editor, todo)) }
          : {
              'remove member': () => teams.removeMember(owner, teamId, userId),
              'delete team': () => teams.remove(owner, teamId),
            }),
      }
      const names = Object.keys(ways)
      const way = names[random.below(names.length)] ?? ''

      const sent: { readonly todo: string; readonly outcome: Promise<CommandOutcome> }[] = []
      const writing = async () => {
        while (sent.length < writesOfRound) {
          const todo = todos[random.below(todos.length)] ?? ''
          sent.push({ todo, outcome: write(todo, userId) })
          for (let i = random.below(4); i > 0; i--) await turn()
        }
      }
      const written = writing()
      await sent[0]?.outcome
      for (let i = random.below(4); i > 0; i--) await turn()
      await ways[way]?.()
      const answered = await revisionsOf(todos)
      await written
      for (const todo of todos) sent.push({ todo, outcome: write(todo, userId) })
      const refused = new Set<string>()
      for (const { todo, outcome } of sent) {
        const result = await outcome
        count(result)
        if (result !== 'applied') refused.add(todo)
        else if (refused.has(todo)) t.fail(`${way}: applied after it was refused`)
      }
      const settled = await revisionsOf(todos)
      if (JSON.stringify(settled) !== JSON.stringify(answered)) t.same(settled, answered, way)
      count(way)
      for (const id of ids.entries()) await shares.unshare(owner, ...id)
    }

    await Promise.all(
      Array.from({ length: owners }, async (_, i) => {
        const owner = await account(`owner${i}`)
        const todos: string[] = []
        while (todos.length < todosOfOwner) todos.push(await todoOf(owner))
        for (let round = 0; round < roundsOfOwner; round++) {
          await oneRound(owner, todos, `editor${i}-${round}`)
        }
      }),
    )
    isOver = true
    await Promise.all(applying)
    t.comment(JSON.stringify(counts))
    const rounds = owners * roundsOfOwner
    t.equal(made, rounds * (writesOfRound + todosOfOwner))
    t.ok((counts['applied'] ?? 0) >= rounds, 'writes are applied while there is access')
    const refused = (counts['not-found'] ?? 0) + (counts['forbidden'] ?? 0)
    t.ok(refused >= rounds * todosOfOwner, 'and not afterwards')
  })

for (const [name, open] of todoLayouts) void noWriteAfterItsEnd(name, open)
