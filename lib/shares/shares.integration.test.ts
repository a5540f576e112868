// What every driver of shares does: the contract. Who may do what is walked over HTTP, and what a share
// is worth to a write that is under way is tested where writes are applied.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { ShareBounds, ShareRole } from '../domain/share.ts'
import { seeded } from '../../testing/seeded.ts'
import { eventually } from '../../testing/eventually.ts'
import { openShares, openSharesAt, type SharesUnderTest } from '../../testing/shares.ts'
import { todoLayouts, type OpenLayout } from '../../testing/todo-layouts.ts'
import type { TestAccount } from '../../testing/teams.ts'
import { endSharesOf } from './postgres.ts'
import type { Outcome, ShareRefusal } from './shares.ts'

const bounds: ShareBounds = { sharesOfTodoMax: 4 }
const first = { after: undefined, count: 10 }

type AnyOutcome<T> = Outcome<T> | { readonly kind: 'refused'; readonly refusal: string }
const valueOf = <T>(outcome: AnyOutcome<T>): T => {
  if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.refusal}`)
  return outcome.value
}
const isRefused = (t: Test, outcome: Outcome<unknown>, refusal: ShareRefusal, what?: string) =>
  t.same(outcome, { kind: 'refused', refusal }, what ?? refusal)

const user = ({ userId }: TestAccount) => ({ kind: 'user', userId }) as const
const address = ({ email }: { readonly email: string }) => ({ kind: 'address', email }) as const
const team = (teamId: string) => ({ kind: 'team', teamId }) as const

/** What has been shared with somebody: the ids of the todos, with the role. */
const sharedWith = async ({ shares }: SharesUnderTest, { userId }: TestAccount) =>
  (await shares.listSharedWith(userId, { after: undefined, count: 100 })).items.map(
    ({ todo, role }) => [todo.id, role],
  )

/** What was written down of a todo, the oldest first: actions, with their details. */
const auditOf = ({ pool }: SharesUnderTest, todoId: string) =>
  pool.run(
    (sql) => sql<{ action: string; role: string; user: string | null; by: string }[]>`
      SELECT action, details->>'role' AS role, details->>'userId' AS user, request_id AS by
      FROM audit_log WHERE subject_kind = 'todo' AND subject_id = ${todoId} ORDER BY id`,
  )

const suite = (
  name: string,
  open: (t: Test, bounds: ShareBounds, connections?: number) => Promise<SharesUnderTest>,
) => {
  void t.test(`${name}: shared with a user`, async (t) => {
    const under = await open(t, bounds)
    const { shares, account, todoOf } = under
    const [ann, bob, cid] = [await account('ann'), await account('bob'), await account('cid')]
    const todo = await todoOf(ann)
    t.equal(await shares.standingOf(ann.userId, todo), 'owner')
    t.equal(await shares.standingOf(bob.userId, todo), undefined)

    const share = valueOf(await shares.share(ann, todo, user(bob), 'viewer'))
    t.match(share, { grantee: user(bob), role: 'viewer', createdAt: Date })
    t.equal(await shares.standingOf(bob.userId, todo), 'viewer')
    t.equal(await shares.standingOf(cid.userId, todo), undefined)
    const { items } = await shares.listSharedWith(bob.userId, first)
    t.match(items, [
      {
        todo: { id: todo, user_id: ann.userId },
        role: 'viewer',
        sharedBy: { userId: ann.userId, email: ann.email },
        sharedAt: share.createdAt,
      },
    ])
    t.same(await sharedWith(under, ann), [], 'not with its owner')

    t.same(valueOf(await shares.share(ann, todo, user(bob), 'viewer')), share, 'again')
    const raised = valueOf(await shares.share(ann, todo, user(bob), 'editor'))
    t.same(raised, { ...share, role: 'editor' })
    t.equal(await shares.standingOf(bob.userId, todo), 'editor')
    t.same(valueOf(await shares.list(ann.userId, todo, first)).items, [raised])

    isRefused(t, await shares.share(bob, todo, user(cid), 'viewer'), 'not-allowed')
    isRefused(t, await shares.list(bob.userId, todo, first), 'not-allowed')
    isRefused(t, await shares.unshare(bob, todo, share.id), 'not-allowed')
    isRefused(t, await shares.share(cid, todo, user(cid), 'viewer'), 'unknown-todo')
    isRefused(t, await shares.list(cid.userId, todo, first), 'unknown-todo')
    isRefused(t, await shares.unshare(cid, todo, share.id), 'unknown-todo')
    isRefused(t, await shares.leave(cid, todo), 'unknown-todo')
    isRefused(t, await shares.leave(ann, todo), 'not-allowed')
    isRefused(t, await shares.share(ann, 'none', user(bob), 'viewer'), 'unknown-todo')
    isRefused(t, await shares.share(ann, todo, user(ann), 'viewer'), 'own-todo')
    const nobody = { ...ann, userId: randomUUID() }
    isRefused(t, await shares.share(ann, todo, user(nobody), 'viewer'), 'no-such-account')
    isRefused(t, await shares.share(nobody, todo, user(bob), 'viewer'), 'unknown-todo')
    const own = await todoOf(nobody)
    isRefused(t, await shares.share(nobody, own, user(bob), 'viewer'), 'no-account')

    valueOf(await shares.unshare(ann, todo, share.id))
    t.equal(await shares.standingOf(bob.userId, todo), undefined, 'at once')
    t.same(await sharedWith(under, bob), [])
    isRefused(t, await shares.unshare(ann, todo, share.id), 'no-such-share')
    valueOf(await shares.share(ann, todo, user(bob), 'viewer'))
    valueOf(await shares.leave(bob, todo))
    t.equal(await shares.standingOf(bob.userId, todo), undefined)
    const [by, to] = [ann.requestId, bob.userId]
    t.same(await auditOf(under, todo), [
      { action: 'share.granted', role: 'viewer', user: to, by },
      { action: 'share.granted', role: 'editor', user: to, by },
      { action: 'share.revoked', role: 'editor', user: to, by },
      { action: 'share.granted', role: 'viewer', user: to, by },
      { action: 'share.revoked', role: 'viewer', user: to, by: bob.requestId },
    ])
  })

  void t.test(`${name}: shared with a team`, async (t) => {
    const under = await open(t, bounds)
    const { shares, teams, account, todoOf, teamOf } = under
    const [ann, bob, cid] = [await account('ann'), await account('bob'), await account('cid')]
    const todo = await todoOf(ann)
    const flowers = await teamOf(ann, bob)
    const others = await teamOf(cid)
    isRefused(t, await shares.share(ann, todo, team(others), 'viewer'), 'unknown-team')
    const share = valueOf(await shares.share(ann, todo, team(flowers), 'viewer'))
    t.same(share.grantee, team(flowers))
    t.equal(await shares.standingOf(bob.userId, todo), 'viewer')
    t.equal(await shares.standingOf(ann.userId, todo), 'owner')
    t.same(await sharedWith(under, ann), [], 'not with its owner, who is in the team')
    isRefused(t, await shares.leave(bob, todo), 'not-allowed', 'it is shared with the team')

    valueOf(await shares.share(ann, todo, user(bob), 'editor'))
    t.same(await sharedWith(under, bob), [[todo, 'editor']], 'once, with the strongest role')
    valueOf(await shares.leave(bob, todo))
    t.same(await sharedWith(under, bob), [[todo, 'viewer']], 'what the team has stays')

    valueOf(await teams.removeMember(ann, flowers, bob.userId))
    t.equal(await shares.standingOf(bob.userId, todo), undefined, 'not in the team any more')
    t.same(await sharedWith(under, bob), [])
    const more = await teamOf(ann, bob)
    valueOf(await shares.share(ann, todo, team(more), 'editor'))
    t.equal(await shares.standingOf(bob.userId, todo), 'editor')
    valueOf(await teams.remove(ann, more))
    t.equal(await shares.standingOf(bob.userId, todo), undefined, 'its team is gone')
    t.equal(valueOf(await shares.list(ann.userId, todo, first)).items.length, 1)
  })

  void t.test(`${name}: shared with an address`, async (t) => {
    const under = await open(t, bounds)
    const { shares, account, todoOf, confirmAddress } = under
    const [ann, bob] = [await account('ann'), await account('bob')]
    const todo = await todoOf(ann)
    const known = valueOf(await shares.share(ann, todo, address(bob), 'viewer'))
    const dan = { email: 'dan@example.com' }
    const waiting = valueOf(await shares.share(ann, todo, address(dan), 'editor'))
    t.same(
      { ...known, id: 'x', createdAt: 'x' },
      { ...waiting, id: 'x', createdAt: 'x', grantee: address(bob), role: 'viewer' },
      'nothing says which address has an account',
    )
    t.equal(await shares.standingOf(bob.userId, todo), 'viewer')
    isRefused(t, await shares.share(ann, todo, address(ann), 'viewer'), 'own-todo')
    const byId = valueOf(await shares.share(ann, todo, user(bob), 'editor'))
    t.not(byId.id, known.id, 'nor whose it is')
    t.same(await sharedWith(under, bob), [[todo, 'editor']])
    valueOf(await shares.unshare(ann, todo, byId.id))
    t.equal(await shares.standingOf(bob.userId, todo), 'viewer')

    const registered = await account('dan')
    t.equal(await shares.standingOf(registered.userId, todo), undefined, 'not confirmed')
    t.same(await sharedWith(under, registered), [])
    await confirmAddress(registered)
    t.equal(await shares.standingOf(registered.userId, todo), 'editor')
    t.same(await sharedWith(under, registered), [[todo, 'editor']])
    valueOf(await shares.leave(registered, todo))
    t.same(await sharedWith(under, registered), [])
    for (const { user } of await auditOf(under, todo)) t.notMatch(user ?? '', '@', 'no address')
  })

  void t.test(`${name}: no more than the bound, also by who comes at once`, async (t) => {
    const under = await open(t, bounds, 8)
    const { shares, account, todoOf } = under
    const ann = await account('ann')
    const todo = await todoOf(ann)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        shares.share(ann, todo, address({ email: `x${i}@example.com` }), 'viewer'),
      ),
    )
    const done = outcomes.filter(({ kind }) => kind === 'done')
    t.equal(done.length, bounds.sharesOfTodoMax)
    const refused = outcomes.find(({ kind }) => kind === 'refused')
    isRefused(t, refused ?? { kind: 'done', value: undefined }, 'too-many-shares')
    const [one] = valueOf(await shares.list(ann.userId, todo, first)).items
    if (!one) throw new Error('there are four')
    valueOf(await shares.share(ann, todo, one.grantee, 'editor'))
    const same = Array.from({ length: 20 }, () => shares.share(ann, todo, one.grantee, 'viewer'))
    const ids = (await Promise.all(same)).map((outcome) => valueOf(outcome).id)
    t.same(new Set(ids), new Set([one.id]), 'one for each')
  })

  void t.test(`${name}: pages`, async (t) => {
    const under = await open(t, { sharesOfTodoMax: 100 })
    const { shares, account, todoOf, teamOf } = under
    const random = seeded(t)
    const [ann, bob] = [await account('ann'), await account('bob')]
    const teams = [await teamOf(ann, bob), await teamOf(ann, bob)]
    const ways = [user(bob), address(bob), ...teams.map(team)]
    const expected = new Map<string, ShareRole>()
    for (let i = 0; i < 12; i++) {
      const todo = await todoOf(ann)
      for (const way of ways) {
        if (random.below(2) === 0) continue
        const role = random.below(3) === 0 ? 'editor' : 'viewer'
        valueOf(await shares.share(ann, todo, way, role))
        if (expected.get(todo) !== 'editor') expected.set(todo, role)
      }
    }
    // Some of one moment.
    await under.pool.run(
      (sql) => sql`UPDATE todo_shares SET created_at = date_trunc('minute', created_at)
        WHERE hashtext(id) % 2 = 0`,
    )
    const found: (readonly [string, ShareRole])[] = []
    for (let after, count = 0; ;) {
      count = 1 + random.below(4)
      const { items, next } = await shares.listSharedWith(bob.userId, { after, count })
      found.push(...items.map(({ todo, role }) => [todo.id, role] as const))
      if (next === undefined) break
      t.equal(items.length, count)
      after = next
    }
    t.equal(found.length, expected.size, 'each once')
    t.same(new Map(found), expected)

    const todo = await todoOf(ann)
    for (let i = 0; i < 7; i++) {
      valueOf(await shares.share(ann, todo, address({ email: `x${i}@example.com` }), 'viewer'))
    }
    const all = valueOf(await shares.list(ann.userId, todo, first)).items
    const page = valueOf(await shares.list(ann.userId, todo, { after: undefined, count: 3 }))
    const rest = valueOf(await shares.list(ann.userId, todo, { after: page.next, count: 10 }))
    t.same([...page.items, ...rest.items], all)
    t.equal(all.length, 7)
  })
}

suite('postgres', openShares)
const openTwo = todoLayouts.get('two shards') as OpenLayout
suite('postgres, todos in shards', async (t, shareBounds, connections) => {
  const layout = await openTwo(t)
  return openSharesAt(t, layout.accountsUrl, shareBounds, connections, layout)
})

void t.test('postgres: shares end with what they hang on', async (t) => {
  const under = await openShares(t, bounds)
  const { shares, account, todoOf, pool } = under
  const [ann, bob] = [await account('ann'), await account('bob')]
  const count = () => pool.run(async (sql) => (await sql`SELECT FROM todo_shares`).count)
  const todo = await todoOf(ann)
  valueOf(await shares.share(ann, todo, user(bob), 'editor'))
  await pool.run((sql) => sql`DELETE FROM todos WHERE id = ${todo}`)
  t.equal(await count(), 0, 'the todo')

  const other = await todoOf(ann)
  const remove = ({ userId }: TestAccount) =>
    pool.transaction(async (sql) => {
      await sql`SELECT FROM users WHERE id = ${userId} FOR UPDATE`
      await endSharesOf(sql, userId)
      await sql`DELETE FROM users WHERE id = ${userId}`
    })
  valueOf(await shares.share(ann, other, user(bob), 'editor'))
  valueOf(await shares.share(ann, other, address(bob), 'editor'))
  await remove(bob)
  t.equal(await count(), 0, 'an account that it was shared with')
  valueOf(await shares.share(ann, other, address(bob), 'editor'))
  valueOf(await shares.share(ann, other, user(await account('cid')), 'editor'))
  await remove(ann)
  t.equal(await count(), 0, 'the account that shared it')
  isRefused(t, await shares.share(ann, other, address(bob), 'viewer'), 'no-account')
})

void t.test(
  'todos in shards: a share waits for who writes the todo, and then is seen',
  async (t) => {
    const layout = await openTwo(t)
    const { shares, account, todoOf } = openSharesAt(t, layout.accountsUrl, bounds, 2, layout)
    const [ann, bob] = [await account('ann'), await account('bob')]
    const todo = await todoOf(ann)
    const partition = layout.homes.partitionOf(todo)
    const shard = layout.store.ofPartition(partition)
    const untilOneWaits = () =>
      eventually(
        () =>
          layout.poolOf(partition).run(
            (sql) => sql`
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
          ),
        ({ count }) => count === 1,
      )
    let sharing: Promise<Outcome<unknown>> | undefined
    await shard.transaction(async (tx) => {
      await tx.lockTodos([todo])
      t.same(await tx.sharedTodos([todo]), new Set())
      sharing = shares.share(ann, todo, user(bob), 'editor')
      await untilOneWaits()
      t.equal(await shares.standingOf(bob.userId, todo), undefined, 'not yet')
    })
    valueOf((await sharing) as Outcome<unknown>)
    t.equal(await shares.standingOf(bob.userId, todo), 'editor')
    await shard.transaction(async (tx) => {
      await tx.lockTodos([todo])
      t.same(await tx.sharedTodos([todo]), new Set([todo]))
      await tx.write({ inserts: [], updates: [], deletes: [todo] })
      sharing = shares.share(ann, todo, address(bob), 'viewer')
      await untilOneWaits()
    })
    isRefused(t, (await sharing) as Outcome<unknown>, 'unknown-todo', 'it was deleted meanwhile')
    t.same(await shares.listSharedWith(bob.userId, first), { items: [], next: undefined })
  },
)

void t.test('todos in shards: shares end with who shared them', async (t) => {
  const layout = await openTwo(t)
  const { shares, account, todoOf, pool } = openSharesAt(t, layout.accountsUrl, bounds, 2, layout)
  const [ann, bob] = [await account('ann'), await account('bob')]
  valueOf(await shares.share(ann, await todoOf(ann), user(bob), 'editor'))
  valueOf(await shares.share(bob, await todoOf(bob), user(ann), 'editor'))
  const kept = valueOf(
    await shares.share(bob, await todoOf(bob), address({ email: 'x@y.z' }), 'editor'),
  )
  await pool.transaction((sql) => endSharesOf(sql, ann.userId))
  const left = await pool.run((sql) => sql<{ id: string }[]>`SELECT id FROM todo_shares`)
  t.same(
    left.map(({ id }) => id),
    [kept.id],
  )
})
