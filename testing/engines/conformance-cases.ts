// The table of requests that both engines must answer alike. Bodies are given where they are exact;
// errors by their status and the field they must name. At its end: what is not quite HTTP/1.1, and
// each thing that the bundled uWebSockets.js makes of it that node does not.

import { gzipSync } from 'node:zlib'
import { bodyBytesMax } from '../../server/http/json-body.ts'

export type Case = {
  readonly name: string
  readonly request: string | Buffer
  readonly status: number
  /** Exact, for a string; else the JSON must have these members. */
  readonly body?: string | Readonly<Record<string, unknown>>
  /** Header lines that must be there, in lower case but for their values. */
  readonly headers?: readonly string[]
  /** Names of headers, in lower case, that must not be there. */
  readonly absent?: readonly string[]
  /** A HEAD request: an answer without a body. */
  readonly isHead?: boolean
  /** A body that is not text: only its head is looked at. */
  readonly isCompressed?: boolean
  /** What the answer calls the request: this, a new id, or nothing, as the bytes of ready lists do. */
  readonly requestId?: string | typeof newRequestId | typeof noRequestId
  /** Where the bundled uWebSockets.js differs, and why that is left so; no status: no answer. */
  readonly uws?: { readonly status: number | undefined; readonly why: string }
}

export const newRequestId = Symbol('a new id')
export const noRequestId = Symbol('none')

type Options = { readonly token?: string | undefined; readonly headers?: readonly string[] }

export const head = (method: string, target: string, lines: readonly string[] = []) =>
  [`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')
const get = (target: string, ...headers: string[]) => head('GET', target, headers)

const pathsOnly = 'the bundled binary takes paths only'
const smallHeads = 'the bundled binary takes heads of 4,096 bytes and 100 headers'
const problem = 'content-type: application/problem+json'
const inert = "content-security-policy: default-src 'none'; frame-ancestors 'none'"
/** Every character, though none needs it. */
const encoded = (text: string) =>
  text.replace(/./g, (one) => `%${Buffer.from(one).toString('hex')}`)
const bad = (name: string, request: string | Buffer, field: string, status = 400): Case => ({
  name,
  request,
  status,
  body: { status, field },
  headers: [problem],
})

/** What writes are made of, for the user of `token`. */
const writesOf = (token: string) => {
  const withBody = (
    method: string,
    target: string,
    body: string | Buffer,
    options: Options = {},
  ) => {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body)
    const bearer = 'token' in options ? options.token : `Bearer ${token}`
    const lines = [
      ...(bearer === undefined ? [] : [`Authorization: ${bearer}`]),
      ...(options.headers ?? ['Content-Type: application/json']),
      `Content-Length: ${bytes.length}`,
    ]
    return Buffer.concat([Buffer.from(head(method, target, lines)), bytes])
  }
  const asText = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body))
  return {
    withBody,
    post: (body: unknown, options?: Options) => withBody('POST', '/todos', asText(body), options),
    put: (id: string, body: unknown) => withBody('PUT', `/todos/${id}`, asText(body)),
    /** A good POST but for these lines and what follows the head. */
    framed: (lines: readonly string[], rest: string) =>
      head('POST', '/todos', [
        `Authorization: Bearer ${token}`,
        'Content-Type: application/json',
        ...lines,
      ]) + rest,
  }
}

/** Well-formed requests, for a list whose todos are `todos`, newest first, and a good token. */
export const conformanceCases = (todos: readonly object[], token: string): Case[] => [
  ...readCases(todos),
  ...writeCases(token),
  ...tokenCases(token),
  ...requestIdCases(token),
]

const readCases = (todos: readonly object[]): Case[] => {
  const list = (count: number) =>
    `[${todos
      .slice(0, count)
      .map((one) => JSON.stringify(one))
      .join(',\n')}]`
  const json = [
    'content-type: application/json',
    'cache-control: no-cache',
    'vary: Accept-Encoding',
  ]
  const lists = (name: string, request: string, count: number): Case => ({
    name,
    request,
    status: 200,
    body: list(count),
    headers: json,
  })
  const first = todos[0] as { id: string }
  const oneTodo = (name: string, request: string): Case => ({
    name,
    request,
    status: 200,
    body: JSON.stringify(first),
    headers: ['content-type: application/json', 'cache-control: no-cache', inert, 'etag: "1"'],
  })
  const unknown = (name: string, target: string, field: string, advice: string): Case => ({
    name: `an unknown parameter ${name}`,
    request: get(target),
    status: 400,
    body: { field, detail: new RegExp(`is not a parameter: ${advice.replace('?', '\\?')}`) },
    headers: [problem],
  })
  const headOf = (target: string, status: number, headers: readonly string[]): Case => ({
    name: `HEAD ${target}`,
    request: head('HEAD', target),
    status,
    headers,
    isHead: true,
    body: '',
  })
  const missing = (target: string): Case => ({
    name: `nothing at ${target}`,
    request: get(target),
    headers: [problem],
    status: 404,
    body: { status: 404 },
  })
  const notAllowed = (method: string, target: string, allow: string): Case => ({
    name: `${method} ${target}`,
    request: head(method, target),
    status: 405,
    headers: [`allow: ${allow}`, problem],
  })

  const options = (target: string, allow: string): Case => ({
    name: `OPTIONS ${target}`,
    request: head('OPTIONS', target),
    status: 204,
    body: '',
    headers: [`allow: ${allow}`],
    absent: ['content-length', 'access-control-allow-origin'],
  })
  const coded = (name: string, acceptEncoding: string, coding: string): Case => ({
    name,
    request: get('/todos?limit=7', `Accept-Encoding: ${acceptEncoding}`),
    status: 200,
    headers: [...json, `content-encoding: ${coding}`],
    isCompressed: true,
  })
  const notAcceptable = (acceptEncoding: string): Case =>
    bad(
      `Accept-Encoding: ${acceptEncoding}`,
      get('/todos?limit=7', `Accept-Encoding: ${acceptEncoding}`),
      'Accept-Encoding',
      406,
    )

  return [
    // In front of everything: nothing of this list is compressed yet.
    coded('identity is refused: gzip at once', 'gzip, identity;q=0', 'gzip'),
    coded('and again', 'x-gzip;q=0.001, *;q=0', 'gzip'),
    coded('identity is refused: br at once', '*, identity;q=0', 'br'),
    {
      ...lists('a list too short to be worth it', get('/todos?limit=1'), 1),
      request: get('/todos?limit=1', 'Accept-Encoding: gzip'),
      absent: ['content-encoding'],
    },
    ...['*;q=0', 'identity;q=0', 'deflate, identity;q=0', 'gzip;q=0, br;q=0, *;q=0'].map(
      notAcceptable,
    ),
    {
      ...lists('codings of no weight', get('/todos?limit=2', 'Accept-Encoding: gzip;q=0'), 2),
      absent: ['content-encoding'],
    },
    lists('all', get('/todos'), todos.length),
    lists('the newest', get('/todos?limit=1'), 1),
    lists('the newest ten', get('/todos?limit=10'), 10),
    lists('more than there are', get('/todos?limit=1000'), todos.length),
    unknown('besides', '/todos?limit=2&x=1', 'x', 'GET /todos takes limit'),
    unknown('before', '/todos?x=1&limit=2', 'x', 'GET /todos takes limit'),
    unknown('before a wrong one', '/todos?limit=0&x=1', 'x', 'GET /todos takes limit'),
    unknown('of two letters swapped', '/todos?lmiit=2', 'lmiit', 'did you mean limit?'),
    unknown('in capitals', '/todos?LIMIT=2', 'LIMIT', 'did you mean limit?'),
    unknown('percent-encoded', '/todos?%4cimit', 'Limit', 'did you mean limit?'),
    unknown('of a prototype', '/todos?constructor=1', 'constructor', 'GET /todos takes limit'),
    unknown('without a name', '/todos?=1', 'query', 'GET /todos takes limit'),
    unknown('that repeats itself', `/todos?${'x'.repeat(500)}`, 'x'.repeat(64), 'GET /todos'),
    unknown('where there are none', '/todos/a.b?limit=1', 'limit', 'GET /todos/:id takes none'),
    unknown('of health', '/health?x', 'x', 'GET /health takes none'),
    lists('empty parameters', get('/todos?&&'), todos.length),
    headOf('/todos?x=1', 400, [problem]),
    options('/todos', 'GET, HEAD, POST, OPTIONS'),
    options('/todos?x=1', 'GET, HEAD, POST, OPTIONS'),
    options('/todos/a', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'),
    options('/todos/a.b', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'),
    options('/ready', 'GET, HEAD, OPTIONS'),
    {
      ...options('*', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'),
      uws: { status: 505, why: pathsOnly },
    },
    {
      ...options('http://a/health', 'GET, HEAD, OPTIONS'),
      uws: { status: 505, why: pathsOnly },
    },
    { ...missing('/nothing'), name: 'OPTIONS /nothing', request: head('OPTIONS', '/nothing') },
    { ...missing('*'), uws: { status: 505, why: pathsOnly } },
    lists('percent-encoded digits', get('/todos?limit=%32'), 2),
    lists('a percent-encoded name', get('/todos?%6cimit=2'), 2),
    lists('an empty query', get('/todos?'), todos.length),
    lists('with a body that nobody reads', `${get('/todos?limit=1', 'Content-Length: 1')}x`, 1),
    {
      ...lists('an absolute target', get('http://a/todos?limit=2'), 2),
      uws: { status: 505, why: pathsOnly },
    },
    ...[
      '0',
      '1001',
      '01',
      '+1',
      '1.0',
      '-1',
      'abc',
      '',
      '1e2',
      '0x1',
      '10000',
      '1,2',
      '%201',
      '%20',
      '1%20',
      '1%00',
      '%EF%BC%91',
      '%',
      '9'.repeat(400),
    ].map((limit) => bad(`limit=${limit.slice(0, 12)}`, get(`/todos?limit=${limit}`), 'limit')),
    bad('two limits', get('/todos?limit=1&limit=2'), 'limit'),
    bad('two limits, one without a value', get('/todos?limit=1&limit'), 'limit'),

    headOf('/todos?limit=10', 200, [...json, `content-length: ${Buffer.byteLength(list(10))}`]),
    headOf('/todos', 200, [...json, `content-length: ${Buffer.byteLength(list(todos.length))}`]),
    headOf('/todos?limit=0', 400, [problem]),
    headOf('/health', 200, ['content-length: 15']),
    headOf('/ready', 200, ['cache-control: no-store']),
    headOf('/nothing', 404, [problem]),
    {
      name: 'health',
      request: get('/health'),
      status: 200,
      body: '{"status":"ok"}',
      headers: ['content-type: application/json', 'cache-control: no-store', inert],
    },
    {
      name: 'ready',
      request: get('/ready'),
      status: 200,
      headers: ['content-type: application/json', 'cache-control: no-store'],
      body: '{"status":"ready","dependencies":{"postgres":"ok","events":"ok","lists":"ok"}}',
    },

    ...['/nothing', '/todos/', '//todos', '/todos/a/b', '/Todos', '/todos%00', '/todos%2f'].map(
      missing,
    ),
    // Clients take dot segments out. What is encoded twice is another path, and what is no encoding none.
    ...[
      '/./todos',
      '/a/../todos',
      '/%2e/todos',
      '/%2574odos',
      '/%7',
      '/%zz',
      '/todos%3Flimit=2',
    ].map(missing),
    lists('an encoded letter in the path', get('/%74odos'), todos.length),
    lists('all letters encoded', get('/%74%6F%64%6f%73?limit=10'), 10),
    {
      ...lists('encoded, and the client has it', get('/%74odos?limit=10', 'If-None-Match: *'), 10),
      status: 304,
      headers: [],
      body: '',
    },
    notAllowed('PUT', '/tod%6Fs', 'GET, HEAD, POST, OPTIONS'),
    headOf('/%68ealth', 200, ['content-length: 15']),
    notAllowed('PATCH', '/todos', 'GET, HEAD, POST, OPTIONS'),
    notAllowed('PUT', '/todos', 'GET, HEAD, POST, OPTIONS'),
    notAllowed('POST', '/todos/a', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'),
    notAllowed('TRACE', '/todos/a', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'),
    oneTodo('a todo', get(`/todos/${first.id}`)),
    oneTodo('a todo of an encoded id', get(`/%74odos/${encoded(first.id)}`)),
    {
      name: 'a todo that the client has, in the second of two lines',
      status: 304,
      body: '',
      request: get(`/todos/${first.id}`, 'If-None-Match: "0"', 'If-None-Match: "1"'),
    },
    oneTodo('an old version of a todo', get(`/todos/${first.id}`, 'If-None-Match: "0"')),
    {
      name: 'a todo that the client has',
      status: 304,
      body: '',
      headers: ['etag: "1"'],
      request: get(`/todos/${first.id}`, 'If-None-Match: "1"'),
    },
    missing('/todos/a'),
    bad('a todo of other letters', get('/todos/a.b'), 'id'),
    ...['a%2fb', 'a%', '%zz', '%e2%82', '%E2%82%AC', '%00', 'a%2520b', '%2e%2e'].map((id) =>
      bad(`an id of ${id}`, get(`/todos/${id}`), 'id'),
    ),
    notAllowed('POST', '/todos/a%2fb', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'),
    notAllowed('POST', '/health', 'GET, HEAD, OPTIONS'),
    notAllowed('DELETE', '/ready', 'GET, HEAD, OPTIONS'),
  ]
}

const writeCases = (token: string): Case[] => {
  const { withBody, post, put, framed } = writesOf(token)
  const chunked = (bytes: number) =>
    framed(
      ['Transfer-Encoding: chunked'],
      `${bytes.toString(16)}\r\n${JSON.stringify({ title: 'x' }).padEnd(bytes)}\r\n0\r\n\r\n`,
    )
  const good = (name: string, request: string | Buffer, message: string, id?: string): Case => ({
    name,
    request,
    status: 202,
    headers: ['content-type: application/json', inert],
    body: id === undefined ? { message } : JSON.stringify({ id, message }),
  })
  const created = (name: string, request: string | Buffer) =>
    good(name, request, 'the todo will be created')
  const updated = (name: string, spelled: string, body: unknown, id = spelled) =>
    good(name, put(spelled, body), 'the todo will be updated', id)
  const deleted = (name: string, request: string | Buffer, id: string) =>
    good(name, request, 'the todo will be deleted', id)

  const media = 'Content-Type'
  const inCoding = (coding: string): Options => ({
    headers: ['Content-Type: application/json', `Content-Encoding: ${coding}`],
  })
  const smiles = '\u{1F600}'.repeat(200)
  const notText = { 'a number': 1, null: null, false: false, 'an array': ['x'], 'an object': {} }
  const tooLarge = (name: string, request: string | Buffer): Case => ({
    name,
    request,
    status: 413,
    headers: [problem],
  })

  return [
    created('POST', post({ title: 'New', description: 'text' })),
    created('POST without description', post({ title: 'New' })),
    created('unknown members', post({ title: 'New', id: 'x', user_id: 'y', completed: 'z' })),
    created('200 code points', post({ title: smiles })),
    created('2,000 code points', post({ title: 'x', description: smiles.repeat(10) })),
    created('control characters but NUL', post({ title: 'a\u0001\t\r\n\u007f\u2028' })),
    bad('control characters alone', post({ title: '\u0001\t\r\n\u007f\u2028' }), 'title'),
    created('members of prototypes', post('{"__proto__":{"a":1},"title":"x"}')),
    created('the last of two alike', post('{"title":1,"title":"x"}')),
    created('white space around', post(' \r\n\t{"title":"x"}\n')),
    updated('PUT of the title', 'some-id', { title: 'a' }),
    updated('PUT of the description', 'some-id', { description: '' }),
    updated('PUT of completed', 'some-id', { completed: true }),
    updated('PUT of all', 'i', { title: 'a', description: '', completed: false }),
    updated('PUT of unknown members besides', '-_', { completed: true, user_id: 'y' }),
    updated('64 characters of id', 'x'.repeat(64), { completed: true }),
    updated('PUT of an id that is encoded', 'some%2Did', { completed: true }, 'some-id'),
    updated('null for a description in a PUT, as in a POST', 'a', { description: null }),
    created('null for a description', post({ title: 'x', description: null })),
    deleted('DELETE', withBody('DELETE', '/todos/some-id', '', { headers: [] }), 'some-id'),
    deleted('DELETE with a body', withBody('DELETE', '/todos/other-id', 'not JSON'), 'other-id'),

    ...['title', 'description'].flatMap((field) =>
      Object.entries(notText)
        // A description that is null is one that is not given.
        .filter(([, value]) => field === 'title' || value !== null)
        .map(([what, value]) =>
          bad(`${what} for a ${field}`, post({ title: 'x', [field]: value }), field),
        ),
    ),
    bad('no title', post({}), 'title'),
    bad('a title that only the prototype has', post('{"__proto__":{"title":"x"}}'), 'title'),
    bad('a title of nothing', post({ title: '' }), 'title'),
    bad('201 characters', post({ title: 'x'.repeat(201) }), 'title'),
    bad('201 code points', post({ title: `${smiles}x` }), 'title'),
    bad('NUL', post({ title: 'a\0b' }), 'title'),
    bad('NUL in the description', post({ title: 'x', description: '\0' }), 'description'),
    bad('half a surrogate pair', post('{"title":"\\ud800"}'), 'title'),
    bad('surrogates the wrong way round', post('{"title":"\\ude00\\ud83d"}'), 'title'),
    bad('2,001 characters', post({ title: 'x', description: 'x'.repeat(2_001) }), 'description'),
    bad('a PUT of 201 characters', put('a', { title: 'x'.repeat(201) }), 'title'),
    bad('a PUT of no title', put('a', { title: '' }), 'title'),
    bad('null for a title in a PUT', put('a', { title: null, completed: true }), 'title'),
    bad('2,001 in a PUT', put('a', { description: 'x'.repeat(2_001) }), 'description'),
    ...['yes', 'true', 1, 0, null, [true]].map((completed) =>
      bad(`${JSON.stringify(completed)} for completed`, put('a', { completed }), 'completed'),
    ),
    bad('nothing to change', put('a', {}), 'body'),
    bad('nothing that can be changed', put('a', { id: 'b', user_id: 'c' }), 'body'),
    bad('an array for a change', put('a', '[]'), 'body'),
    bad('an id of other letters', put('a%20b', { completed: true }), 'id'),
    bad('an id of ../', put('..', { completed: true }), 'id'),
    bad('an id too long', put('x'.repeat(65), { completed: true }), 'id'),
    bad('DELETE of an id of other letters', withBody('DELETE', '/todos/a.b', ''), 'id'),

    bad('no body', post(''), 'body'),
    bad('white space', post(' '), 'body'),
    bad('half of JSON', post('{"title":'), 'body'),
    bad('two values', post('{"title":"x"}{}'), 'body'),
    bad('a comment', post('{"title":"x"}//'), 'body'),
    ...['[]', '[{"title":"x"}]', 'null', '1', 'true', '"x"', 'NaN'].map((text) =>
      bad(`${text} for a body`, post(text), 'body'),
    ),
    created('a byte order mark, which is left out', post('\ufeff{"title":"x"}')),
    bad('two byte order marks', post('\ufeff\ufeff{"title":"x"}'), 'body'),
    bad('a byte order mark within', post('{\ufeff"title":"x"}'), 'body'),
    bad('a byte order mark alone', post('\ufeff'), 'body'),
    ...['utf16le', 'latin1'].map((charset) =>
      bad(
        `a body in ${charset}`,
        withBody('POST', '/todos', Buffer.from('\ufeff{"title":"\xe9"}', charset as 'latin1')),
        'body',
      ),
    ),
    ...['ff', 'c080', 'eda080', 'f09f98'].map((hex) => {
      const bytes = [Buffer.from('{"title":"'), Buffer.from(hex, 'hex'), Buffer.from('"}')]
      return bad(`${hex}, not UTF-8`, withBody('POST', '/todos', Buffer.concat(bytes)), 'body')
    }),
    bad('deep nesting', post(`{"title":${'['.repeat(8_000)}${']'.repeat(8_000)}}`), 'title'),
    bad('deep nesting that does not end', post('['.repeat(bodyBytesMax)), 'body'),

    created('16 KiB', post(JSON.stringify({ title: 'x' }).padEnd(bodyBytesMax))),
    created('16 KiB in a chunk', chunked(bodyBytesMax)),
    created(
      'chunks of one byte',
      framed(
        ['Transfer-Encoding: chunked'],
        `${'{"title":"x"}'
          .split('')
          .map((byte) => `1\r\n${byte}\r\n`)
          .join('')}0\r\n\r\n`,
      ),
    ),
    tooLarge('a byte more', post(' '.repeat(bodyBytesMax + 1))),
    tooLarge('a byte more in a chunk', chunked(bodyBytesMax + 1)),
    tooLarge('far more than is sent', framed(['Content-Length: 1000000000'], '{')),

    ...[
      'application/json',
      'Application/JSON; charset=utf-8',
      'application/json ; charset="utf-8"',
      'application/json;charset=UTF8',
      'application/json; charset=us-ascii',
      'application/json; profile=x; CHARSET = utf-8',
      'application/json;',
      'application/json; a="; charset=utf-16"; charset="UTF-8"',
    ].map((type) => created(type, post({ title: 'x' }, { headers: [`content-type: ${type}`] }))),
    ...[
      'application/x-www-form-urlencoded',
      'text/plain',
      'application/json5',
      'application/jsonx; application/json',
      'application/json\r\nContent-Type: text/plain',
    ].map((type) => ({
      ...bad(type, post({ title: 'x' }, { headers: [`Content-Type: ${type}`] }), media, 415),
      headers: [problem, 'accept-post: application/json'],
    })),
    bad('no media type', post({ title: 'x' }, { headers: [] }), media, 415),
    ...['utf-16', 'iso-8859-1', '"UTF-16LE"', 'utf-8; charset=utf-16', "'utf-8'", ''].map(
      (charset) => {
        const headers = [`Content-Type: application/json; charset=${charset}`]
        return bad(`charset=${charset}`, post({ title: 'x' }, { headers }), media, 415)
      },
    ),
    ...['gzip', 'GZIP', 'x-gzip', 'br', 'identity, gzip', 'gzip, identity', 'deflate', 'x'].map(
      (coding) => ({
        ...bad(
          `Content-Encoding: ${coding}`,
          withBody('POST', '/todos', gzipSync('{"title":"x"}'), inCoding(coding)),
          'Content-Encoding',
          415,
        ),
        headers: [problem, 'accept-encoding: identity'],
      }),
    ),
    bad(
      'two lines of Content-Encoding',
      post({ title: 'x' }, inCoding('identity\r\nContent-Encoding: gzip')),
      'Content-Encoding',
      415,
    ),
    bad('gzip that nobody names', withBody('POST', '/todos', gzipSync('{"title":"x"}')), 'body'),
    ...['identity', 'Identity', 'identity, identity', ''].map((coding) =>
      created(`Content-Encoding: ${coding}`, post({ title: 'x' }, inCoding(coding))),
    ),
  ]
}

const tokenCases = (token: string): Case[] => {
  const { withBody, post, framed } = writesOf(token)
  const realm = 'www-authenticate: Bearer realm="todos"'
  const body = { status: 401, title: 'Unauthorized' }
  const none = (name: string, request: string | Buffer): Case => ({
    name,
    request,
    status: 401,
    body,
    headers: [realm, problem],
  })
  const wrong = (authorization: string, detail: string): Case => ({
    name: `Authorization: ${authorization.slice(0, 14)}`,
    status: 401,
    request: post({ title: 'x' }, { token: authorization }),
    body: { ...body, detail },
    headers: [`${realm}, error="invalid_token", error_description="${detail}"`, problem],
  })
  const form = 'the Authorization header must be: Bearer <token>'
  const accepted = (name: string, authorization: string): Case => ({
    name,
    request: post({ title: 'x' }, { token: authorization }),
    status: 202,
  })

  return [
    accepted('a lower-case scheme', `bearer ${token}`),
    accepted('a scheme in capitals', `BEARER ${token}`),
    accepted('spaces behind the scheme', `Bearer   ${token}`),
    none('no token', post({ title: 'x' }, { token: undefined })),
    none('no token for a PUT', withBody('PUT', '/todos/a', '{}', { token: undefined })),
    none('no token for a DELETE', head('DELETE', '/todos/a')),
    none('a 401 before a 415', post('x', { token: undefined, headers: [] })),
    none('a 401 before a 413', post(' '.repeat(20_000), { token: undefined })),
    none('a token in the query', head('DELETE', `/todos/a?access_token=${token}`)),
    wrong('Bearer', form),
    wrong('Bearer ', form),
    wrong('Bearer\t', form),
    wrong('Basic YTpi', form),
    wrong('Bearer a b', form),
    wrong(token, form),
    wrong(`Bearer${token}`, form),
    wrong(`Bearer "${token}"`, form),
    wrong('Bearer not.a.token', 'the token is malformed'),
    wrong(`Bearer ${token}x`, 'the signature does not match'),
    wrong(`Bearer ${token}\r\nAuthorization: Bearer ${token}`, form),
    wrong(`Bearer ${token}\r\nauthorization: Basic YTpi`, form),
    wrong(`Basic YTpi\r\nAuthorization: Bearer ${token}`, form),
    {
      // Node keeps the first 1,000 headers by default, and says nothing.
      name: 'a token behind 2,000 headers',
      status: 202,
      request: framed(['Content-Length: 13'], '{"title":"x"}').replace(
        'Host: a\r\n',
        `Host: a\r\n${'X:\r\n'.repeat(2_000)}`,
      ),
      uws: { status: 431, why: smallHeads },
    },
  ]
}

const requestIdCases = (token: string): Case[] => {
  const named = (
    name: string,
    requestId: NonNullable<Case['requestId']>,
    ...lines: string[]
  ): Case => ({ name, request: get('/health', ...lines), status: 200, requestId })
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const parent = 'b7ad6b7169203331'
  const good = `traceparent: 00-${trace}-${parent}-01`
  const ignored = (value: string) =>
    named(
      `traceparent ${value.slice(0, 60)}`,
      'mine',
      `traceparent: ${value}`,
      'X-Request-Id: mine',
    )
  const replaced = (value: string) =>
    named(`X-Request-Id ${value.slice(0, 20)}`, newRequestId, `X-Request-Id: ${value}`)
  return [
    named('no request id', newRequestId),
    named('a request id', 'a-1._~:/+=@Z', 'X-Request-Id: a-1._~:/+=@Z'),
    named('a request id of 128 characters', 'x'.repeat(128), `x-request-id: ${'x'.repeat(128)}`),
    named('a trace id', trace, good),
    named('a trace id, which goes first', trace, 'X-Request-Id: mine', good),
    named('a trace of a later version', trace, `traceparent: 01-${trace}-${parent}-01-more`),
    ...[
      '',
      'x',
      `00-${trace}-${parent}`,
      `00-${trace}-${parent}-01-more`,
      `ff-${trace}-${parent}-01`,
      `0-${trace}-${parent}-01`,
      `00-${trace}-${parent}-1`,
      `00-${'0'.repeat(32)}-${parent}-01`,
      `00-${trace}-${'0'.repeat(16)}-01`,
      `00-${trace.toUpperCase()}-${parent}-01`,
      `00-${trace}0-${parent}-01`,
      `00-${trace.slice(1)}-${parent}-01`,
      `01-${trace}-${parent}-01.more`,
    ].map(ignored),
    named('two traceparents', 'mine', good, good, 'X-Request-Id: mine'),
    ...['x'.repeat(129), 'a b', 'a,b', '"a"', '<a>', '{a}', 'a%0d', 'a\\b', '\xe9', ''].map(
      replaced,
    ),
    named('two request ids', newRequestId, 'X-Request-Id: a', 'X-Request-Id: a'),
    {
      name: 'the id of a write',
      status: 202,
      requestId: 'mine',
      request: writesOf(token).post(
        { title: 'New' },
        { headers: ['Content-Type: application/json', 'X-Request-Id: mine'] },
      ),
    },
    {
      name: 'the id of what is nowhere',
      status: 404,
      requestId: 'mine',
      request: get('/nothing', 'X-Request-Id: mine'),
    },
    {
      name: 'the id of a list that is not ready',
      status: 200,
      requestId: 'mine',
      request: get('/todos?limit=%32', 'X-Request-Id: mine'),
    },
    {
      name: 'a ready list, the same bytes whoever asks',
      status: 200,
      requestId: noRequestId,
      request: get('/todos?limit=2', 'X-Request-Id: mine', good),
    },
  ]
}

/** A preface of the PROXY protocol, for 1.2.3.4. */
const proxyV2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02'

/** What is not quite HTTP/1.1, or at its edge. */
export const malformedCases = (token: string): Case[] => {
  const { framed } = writesOf(token)
  const text = '{"title":"x"}'
  const length = 'Content-Length: 13'
  const chunked = (body: string, coding = 'chunked') =>
    framed([`Transfer-Encoding: ${coding}`], body)
  const chunks = `d\r\n${text}\r\n0\r\n\r\n`
  const health = (...lines: string[]) => get('/health', ...lines)

  const refused = (name: string, request: string): Case => ({ name, request, status: 400 })
  const taken = (name: string, request: string, status = 202): Case => ({ name, request, status })
  const healthy = (name: string, request: string): Case => ({
    name,
    request,
    status: 200,
    body: '{"status":"ok"}',
  })
  const differs = (status: number | undefined, why: string, one: Case): Case => ({
    ...one,
    uws: { status, why },
  })

  const firstWins = 'the bundled binary takes the first (its self-test says so)'
  const lax = 'the bundled binary takes it for chunked (its self-test says so)'
  const itsWords = 'the bundled binary refuses it too, in its own words'
  const silent = 'the bundled binary drops the request and, in time, the connection'
  const lines = 'the bundled binary refuses every line that it can not read with this'
  const anyMethod = 'the bundled binary knows no methods: it leaves them to the router'
  const noTrailers = 'the bundled binary takes it for the next request'

  return [
    taken('a length with zeros in front', framed(['Content-Length: 0013'], text)),
    differs(
      202,
      firstWins,
      refused('two differing lengths', framed([length, 'Content-Length: 12'], text)),
    ),
    differs(202, firstWins, refused('two equal lengths', framed([length, length], text))),
    ...['13, 13', '+13', '-1', '0xd', '1_3', '1 3', '9'.repeat(30)].map((value) => {
      const request = framed([`Content-Length: ${value}`], text)
      return differs(400, itsWords, refused(`a length of ${value.slice(0, 12)}`, request))
    }),
    differs(
      400,
      itsWords,
      refused('a length and a coding', framed([length, 'Transfer-Encoding: chunked'], chunks)),
    ),
    taken('a coding in capitals', chunked(chunks, 'CHUNKED')),
    ...['xchunked', 'chunked, identity'].map((coding) =>
      differs(202, lax, refused(`the coding ${coding}`, chunked(chunks, coding))),
    ),
    ...['-d', '0xd', 'fffffffffffffffff'].map((size) =>
      differs(400, itsWords, refused(`a chunk of ${size}`, chunked(chunks.replace('d', size)))),
    ),
    differs(
      202,
      'the bundled binary skips two bytes behind a chunk, whatever they are',
      refused('a chunk that goes on', chunked(`d\r\n${text}XX0\r\n\r\n`)),
    ),
    differs(
      undefined,
      'the bundled binary waits for more, whatever comes',
      taken('an extension of a chunk', chunked(chunks.replace('d', 'd;a=b'))),
    ),
    differs(505, noTrailers, taken('a trailer', chunked(chunks.replace('0\r\n', '0\r\nX: y\r\n')))),
    differs(202, 'the bundled binary looks at no expectations', {
      ...taken('an expectation that nobody knows', framed(['Expect: foo', length], text), 417),
      body: { field: 'Expect' },
      requestId: noRequestId,
    }),

    differs(undefined, silent, bad('no Host', 'GET /todos?limit=1 HTTP/1.1\r\n\r\n', 'Host')),
    differs(
      200,
      'a ready list depends on no Host: not worth a look on the hot path',
      bad('two Hosts', get('/todos?limit=1', 'Host: b'), 'Host'),
    ),
    bad('two Hosts, not a list', health('Host: b'), 'Host'),
    bad('two equal Hosts', health('Host: a'), 'Host'),
    ...['a b@c/d', 'u@a', 'a/b', 'a:b', 'a:123456', '[::1', 'a,b'].map((host) =>
      bad(`a Host of ${host}`, health().replace('Host: a', `Host: ${host}`), 'Host'),
    ),
    ...['a:80', '[::1]:8080', '127.0.0.1', 'a_b.example', 'EXAMPLE.com'].map((host) =>
      healthy(`a Host of ${host}`, health().replace('Host: a', `Host: ${host}`)),
    ),

    ...['get /todos?limit=1', 'Get /health', 'BREW /health'].map((line) =>
      differs(405, anyMethod, refused(line, health().replace('GET /health', line))),
    ),
    differs(505, lines, {
      name: 'a tunnel',
      request: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
      status: 501,
      requestId: noRequestId,
    }),
    ...['GET\t/health HTTP/1.1', 'GET /health HTTP/1.2', 'GET /health HTTP/3.0', '\x16\x03\x01']
      .map((line) => health().replace('GET /health HTTP/1.1', line))
      .map((request) => differs(505, lines, refused(JSON.stringify(request), request))),
    differs(505, lines, refused('lines that end in LF only', health().replaceAll('\r', ''))),
    ...['X : y', 'X: y\r\n z', 'X: y\0z', 'no colon'].map((line) =>
      differs(undefined, silent, refused(JSON.stringify(line), health(line))),
    ),
    differs(
      200,
      'the bundled binary takes it; nothing here looks for such a header',
      refused('a header without a name', health(': y')),
    ),
    differs(undefined, silent, healthy('an empty line in front', `\r\n${health()}`)),
    differs(505, lines, healthy('HTTP/1.0', 'GET /health HTTP/1.0\r\n\r\n')),
    differs(505, lines, {
      ...healthy('HTTP/1.0, kept alive', 'GET /health HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n'),
      headers: ['connection: keep-alive'],
    }),
    differs(
      505,
      lines,
      refused('PROXY, version 1', `PROXY TCP4 1.2.3.4 5.6.7.8 9 80\r\n${health()}`),
    ),
    differs(
      200,
      'the bundled binary skips it: nothing here believes the address in it',
      refused('PROXY, version 2', `${proxyV2}${health()}`),
    ),
    differs(431, smallHeads, healthy('a head of 5 KB', health(`X: ${'x'.repeat(5_000)}`))),
    differs(431, smallHeads, healthy('150 headers', health(...Array<string>(150).fill('X: y')))),
    differs(431, itsWords, {
      name: 'a head of 17 KB',
      request: health(`X: ${'x'.repeat(17_000)}`),
      status: 431,
    }),
  ]
}
