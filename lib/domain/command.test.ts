// A command's way through the log: what is encoded decodes to the same, and nothing else decodes.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { decodeCommand, encodeCommand, parseChange, type Command, type Stamp } from './command.ts'

const smile = '\u{1F600}'
const envelope = { commandId: 'c', todoId: 't', userId: 'ann', atMs: 1_795_000_000_000 }
const commands: Command[] = [
  { ...envelope, kind: 'create', title: `ünïcode ${smile} "quoted"\n`, description: '' },
  { ...envelope, kind: 'update', change: { title: 'x', completed: false } },
  { ...envelope, kind: 'delete' },
]
const decodeText = (text: string) => decodeCommand(Buffer.from(text))
const decodeJson = (json: unknown) => decodeText(JSON.stringify(json))

t.test('every kind comes back as it went', async (t) => {
  for (const command of commands) {
    t.same(decodeText(encodeCommand(command)), { kind: 'command', command })
  }
})

t.test('a personal command is one of schema 2, which older workers refuse', async (t) => {
  for (const command of commands) {
    const personal: Command = { ...command, isPersonal: true }
    t.match(JSON.parse(encodeCommand(personal)), { schema: 2 })
    t.match(JSON.parse(encodeCommand(command)), { schema: 1 })
    t.same(decodeText(encodeCommand(personal)), { kind: 'command', command: personal })
    t.same(decodeJson({ schema: 2, ...command }), { kind: 'command', command })
    for (const isPersonal of ['true', 1, null, {}]) {
      t.match(decodeJson({ schema: 2, ...command, isPersonal }), {
        kind: 'poison',
        reason: 'isPersonal must be true or false',
      })
    }
  }
})

const teamId = '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a'
const bob = '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55'

t.test(
  'what is for a team, or of a share, is of schema 4, which older workers refuse',
  async (t) => {
    const accessed: Command[] = [
      ...commands.map((command): Command => ({ ...command, teamId })),
      { ...envelope, kind: 'create', title: 'x', description: '', teamId, assigneeId: bob },
      { ...envelope, kind: 'update', change: { assignee_id: bob }, teamId, ifRevision: [2] },
      { ...envelope, kind: 'update', change: { assignee_id: null, title: 'x' }, teamId },
      { ...envelope, kind: 'toggle', teamId },
      { ...envelope, kind: 'toggle', isPersonal: true, isShared: true },
    ]
    for (const command of accessed) {
      t.match(JSON.parse(encodeCommand(command)), { schema: 4 })
      t.same(decodeText(encodeCommand(command)), { kind: 'command', command })
    }
    const create = { schema: 4, ...commands[0], teamId }
    const update = { schema: 4, ...envelope, kind: 'update' }
    for (const [wrong, reason] of [
      [{ ...create, teamId: 'red' }, /^teamId must be/],
      [{ ...create, isPersonal: true }, 'a personal todo is of no team'],
      [{ ...create, assigneeId: null }, /^assigneeId must be/],
      [{ ...update, teamId, change: { assignee_id: 'bob' } }, /^assignee_id must be/],
      [{ ...update, teamId, change: {} }, /assignee_id$/],
      [{ ...update, change: { assignee_id: bob } }, /completed$/],
      [{ ...create, schema: 5 }, 'schema must be 1, 2, 3 or 4'],
    ] as const) {
      t.match(decodeJson(wrong), { kind: 'poison', reason })
    }
    for (const schema of [1, 2, 3]) {
      t.notMatch(decodeJson({ ...create, schema }), { command: { teamId: /./ } })
    }
  },
)

t.test('a condition and a toggle are of schema 3, which older workers refuse', async (t) => {
  const conditional: Command[] = [
    { ...envelope, kind: 'update', change: { title: 'x' }, ifRevision: [3] },
    { ...envelope, kind: 'delete', ifRevision: [] },
    { ...envelope, kind: 'toggle' },
    { ...envelope, kind: 'toggle', ifRevision: [1, 2 ** 31 - 1] },
  ]
  for (const command of conditional) {
    for (const one of [command, { ...command, isPersonal: true as const }]) {
      t.match(JSON.parse(encodeCommand(one)), { schema: 3 }, 'not applied without its condition')
      t.same(decodeText(encodeCommand(one)), { kind: 'command', command: one })
    }
    for (const ifRevision of [
      null,
      1,
      '1',
      {},
      ['1'],
      [0],
      [1.5],
      [2 ** 31],
      [null],
      Array(101).fill(1),
    ]) {
      t.match(decodeJson({ schema: 3, ...command, ifRevision }), {
        kind: 'poison',
        reason: /^ifRevision must be a list/,
      })
    }
  }
  const older = { schema: 1, ...envelope, kind: 'delete', ifRevision: [1] }
  t.same(decodeJson(older), { kind: 'command', command: commands[2] }, 'as it always was')
})

t.test('a stamp travels beside the command, in any schema, and poison has one too', async (t) => {
  const stamps: Stamp[] = [
    { by: 'AZaz09-_AZaz09-_', number: 1 },
    { by: '----------------', number: 2 ** 53 - 1 },
  ]
  for (const stamp of stamps) {
    for (const command of [...commands, { ...envelope, kind: 'toggle' } as const]) {
      const text = encodeCommand(command, stamp)
      const { by, n, ...rest } = JSON.parse(text) as Record<string, unknown>
      t.same({ by, number: n }, stamp)
      t.same(rest, JSON.parse(encodeCommand(command)), 'of the schema that it had without')
      t.same(decodeText(text), { kind: 'command', command, stamp })
      const poison = { ...(JSON.parse(text) as object), schema: 9 }
      t.match(decodeJson(poison), { kind: 'poison', reason: /^schema/, stamp })
    }
  }
  t.same(decodeText(encodeCommand(commands[0] as Command)), {
    kind: 'command',
    command: commands[0],
  })
})

t.test('a stamp that is none is poison, for nobody knows what was applied of it', async (t) => {
  const [by, n] = ['publisher-000001', 1]
  const json = JSON.parse(encodeCommand(commands[0] as Command)) as object
  for (const wrong of [
    undefined,
    null,
    1,
    '',
    'x'.repeat(15),
    'x'.repeat(17),
    'publisher 000001',
  ]) {
    t.same(decodeJson({ ...json, by: wrong, n }), {
      kind: 'poison',
      reason: 'by must be 16 letters, digits, - or _',
    })
  }
  for (const wrong of [undefined, null, 0, -1, 1.5, 2 ** 53, '1']) {
    t.same(decodeJson({ ...json, by, n: wrong }), {
      kind: 'poison',
      reason: 'n must be a whole number of at least 1',
    })
  }
})

t.test('that an outcome is kept is said, or not', async (t) => {
  for (const command of commands) {
    const kept: Command = { ...command, keepsOutcome: true }
    t.match(JSON.parse(encodeCommand(kept)), { schema: 1, keepsOutcome: true })
    t.same(decodeText(encodeCommand(kept)), { kind: 'command', command: kept })
    t.same(decodeJson({ schema: 1, ...command, keepsOutcome: false }), { kind: 'command', command })
    t.match(decodeJson({ schema: 1, ...command, keepsOutcome: 'yes' }), {
      kind: 'poison',
      reason: 'keepsOutcome must be true or false',
    })
  }
})

t.test(
  'a title that shows nothing is no reason to refuse a command of an older server',
  async (t) => {
    for (const title of [' ', '\u200b', '\n']) {
      t.match(decodeJson({ schema: 1, ...envelope, kind: 'create', title, description: '' }), {
        kind: 'command',
        command: { title },
      })
      t.match(decodeJson({ schema: 1, ...envelope, kind: 'update', change: { title } }), {
        command: { change: { title } },
      })
    }
  },
)

t.test('a request id that is none is left out, and no reason to refuse the command', async (t) => {
  const command: Command = { ...envelope, kind: 'delete' }
  const named = { ...command, requestId: 'r~/1' }
  t.same(decodeText(encodeCommand(named)), { kind: 'command', command: named })
  for (const requestId of [5, null, '', 'a b', 'a\nb', 'ü', 'x'.repeat(129), {}, ['x']]) {
    t.same(decodeJson({ schema: 1, ...command, requestId }), { kind: 'command', command })
  }
  const poison = decodeJson({ schema: 5, ...command, requestId: 'mine' })
  t.match(poison, { kind: 'poison', requestId: 'mine' }, 'what can not apply says whose it is')
})

t.test('whatever a command holds comes back as it went', async (t) => {
  const random = seeded(t)
  const letters = ['x', '"', '\\', '\n', '\u2028', '\u007f', 'ü', smile, '__proto__']
  const textOf = (max: number) =>
    Array.from({ length: random.below(max) }, () => letters[random.below(letters.length)]).join('')
  const some = <T>(value: T) => (random.below(2) === 0 ? undefined : value)
  for (let round = 0; round < 5_000; round++) {
    const title = `t${textOf(10)}`
    const description = textOf(20)
    const change = JSON.parse(
      JSON.stringify({
        title: some(title),
        description: some(description),
        completed: random.below(2) === 0,
      }),
    ) as object
    const base = {
      commandId: `c${round}`,
      todoId: `t-${round}_`,
      userId: `u${textOf(5)}`,
      atMs: random.below(2 ** 31) * 100_000,
    }
    const command = [
      { ...base, kind: 'create' as const, title, description },
      { ...base, kind: 'update' as const, change },
      { ...base, kind: 'delete' as const },
    ][random.below(3)] as Command
    const decoded = decodeText(encodeCommand(command))
    if (JSON.stringify(decoded) !== JSON.stringify({ kind: 'command', command })) {
      t.same(decoded, { kind: 'command', command })
    }
  }
})

/** Where a reason does not begin with the field's own name. */
const otherReasons: Record<string, RegExp> = {
  todoId: /^id must/,
  change: /^(the change must|give at least one)/,
}

t.test('each field that is missing or of another type is poison, with its name', async (t) => {
  for (const command of commands) {
    for (const field of ['schema', ...Object.keys(command)]) {
      for (const wrong of [
        undefined,
        null,
        7.5,
        {},
        '',
        'x'.repeat(3_000),
        'a\0b',
        [1],
        '\ud800',
      ]) {
        if (field === 'description' && wrong === '') continue
        const json = JSON.parse(encodeCommand(command)) as Record<string, unknown>
        const decoded = decodeJson({ ...json, [field]: wrong })
        const what = `${command.kind}: ${field} = ${JSON.stringify(wrong)}`
        const reason = otherReasons[field] ?? new RegExp(`^${field} (must|is required)`)
        t.match(decoded, { kind: 'poison', reason }, what)
      }
    }
  }
})

t.test('limits are held to the last', async (t) => {
  const edges: [field: string, good: unknown[], bad: unknown[]][] = [
    ['commandId', ['x'.repeat(64)], ['x'.repeat(65)]],
    ['todoId', ['x'.repeat(64)], ['x'.repeat(65), 'a b', '../x']],
    ['userId', ['x'.repeat(128), smile], ['x'.repeat(129), '\ud83d']],
    ['atMs', [0, 253_402_300_799_999], [-1, 253_402_300_800_000, 2 ** 53, '0', '1970-01-01']],
    ['title', [smile.repeat(200)], [`${smile.repeat(200)}x`]],
    ['description', [smile.repeat(2_000)], [`${smile.repeat(2_000)}x`]],
    ['schema', [1, 2, 3, 4], [0, 5, '1', true]],
    ['kind', ['delete'], ['Create', 'DELETE', 'upsert', 'toString']],
  ]
  const json = JSON.parse(encodeCommand(commands[0] as Command)) as object
  for (const [field, good, bad] of edges) {
    for (const value of good) t.match(decodeJson({ ...json, [field]: value }), { kind: 'command' })
    for (const value of bad) t.match(decodeJson({ ...json, [field]: value }), { kind: 'poison' })
  }
})

t.test('what is not one JSON object in UTF-8 is poison', async (t) => {
  const good = encodeCommand(commands[0] as Command)
  t.match(decodeCommand(null), { kind: 'poison', reason: 'the record has no value' })
  for (const text of ['', ' ', '{', `${good}${good}`, `\ufeff${good}`, `${good}\0`, 'NaN']) {
    t.match(decodeText(text), { kind: 'poison', reason: /^not JSON/ }, text.slice(0, 10))
  }
  for (const text of ['null', '1', '"x"', '[]', `[${good}]`]) {
    t.match(decodeText(text), { kind: 'poison', reason: 'the record must be a JSON object' })
  }
  const [before, after] = good.split(smile)
  for (const hex of ['ff', 'c080', 'eda080', 'f09f98']) {
    const bytes = Buffer.concat([
      Buffer.from(before ?? ''),
      Buffer.from(hex, 'hex'),
      Buffer.from(after ?? ''),
    ])
    t.match(decodeCommand(bytes), { kind: 'poison' }, `${hex} would come back as something else`)
  }
  t.match(decodeText('['.repeat(1_000_000)), { kind: 'poison' }, 'deep nesting')
  t.match(decodeJson({ ...envelope, schema: 1, kind: 'create', title: 'x'.repeat(2 ** 20) }), {
    kind: 'poison',
    reason: /^title must have/,
  })
})

t.test('members that nobody knows are not carried along', async (t) => {
  const text = encodeCommand(commands[1] as Command)
    .replace('{', '{"__proto__":{"userId":"eve"},"constructor":1,"role":"admin",')
    .replace('"change":{', '"change":{"__proto__":{"description":"x"},"user_id":"eve",')
  t.same(decodeText(text), { kind: 'command', command: commands[1] })
})

t.test('a change names at least one field, and each is as a todo has it', async (t) => {
  t.same(parseChange({ completed: true, other: 1 }), { completed: true })
  t.same(parseChange({ title: undefined, description: '' }), { description: '' })
  t.same(parseChange({ description: null }), { description: '' }, 'as in a new todo')
  for (const [change, field] of [
    [{}, 'change'],
    [{ other: 1 }, 'change'],
    [{ title: undefined }, 'change'],
    [null, 'change'],
    [[], 'change'],
    ['x', 'change'],
    [undefined, 'change'],
    [{ title: '' }, 'title'],
    [{ title: null, completed: true }, 'title'],
    [{ description: 1 }, 'description'],
    [{ completed: null }, 'completed'],
  ] as [unknown, string][]) {
    t.throws(() => parseChange(change), { field, message: /./ }, JSON.stringify(change))
  }
})

t.test('whatever bytes come, it answers and does not throw', async (t) => {
  const random = seeded(t)
  const sources = commands.map((command) => encodeCommand(command))
  const rounds = 50_000
  let good = 0
  for (let round = 0; round < rounds; round++) {
    const isNoise = random.below(10) === 0
    const bytes = isNoise
      ? Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
      : Buffer.from(sources[random.below(sources.length)] as string)
    for (let changes = random.below(4); changes > 0 && bytes.length > 0; changes--) {
      bytes[random.below(bytes.length)] = random.below(256)
    }
    const cut = bytes.subarray(0, random.below(10) === 0 ? random.below(bytes.length) : undefined)
    const decoded = decodeCommand(cut)
    if (decoded.kind === 'poison') continue
    good++
    const again = decodeText(encodeCommand(decoded.command))
    if (JSON.stringify(again) !== JSON.stringify(decoded)) t.same(again, decoded)
  }
  t.ok(good > 0 && good < rounds, `${good} of ${rounds} were commands still`)
})
