// The table of requests that both engines must answer alike. Bodies are given where they are exact;
// errors by their status and the field they must name.

import { bodyBytesMax } from '../json-body.ts'

export type Case = {
  readonly name: string
  readonly request: string | Buffer
  readonly status: number
  /** Exact, for a string; else the JSON must have these members. */
  readonly body?: string | Readonly<Record<string, unknown>>
  /** Header lines that must be there, in lower case but for their values. */
  readonly headers?: readonly string[]
  /** A HEAD request: an answer without a body. */
  readonly isHead?: boolean
  /** Where the bundled uWebSockets.js differs, and why that is left so. */
  readonly uws?: { readonly status: number | undefined; readonly why: string }
}

type Options = { readonly token?: string | undefined; readonly headers?: readonly string[] }

const head = (method: string, target: string, lines: readonly string[]) =>
  [`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')

/** All cases, for a list whose todos are `todos`, newest first, and a good token. */
export const conformanceCases = (todos: readonly object[], token: string): Case[] => {
  const get = (target: string, ...headers: string[]) => head('GET', target, headers)
  const list = (count: number) =>
    `[${todos
      .slice(0, count)
      .map((one) => JSON.stringify(one))
      .join(',\n')}]`
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
  const post = (body: unknown, options?: Options) =>
    withBody('POST', '/todos', typeof body === 'string' ? body : JSON.stringify(body), options)
  const put = (id: string, body: unknown) => withBody('PUT', `/todos/${id}`, JSON.stringify(body))
  const chunked = (bytes: number) =>
    head('POST', '/todos', [
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    ]) + `${bytes.toString(16)}\r\n${JSON.stringify({ title: 'x' }).padEnd(bytes)}\r\n0\r\n\r\n`

  const good = (name: string, request: string | Buffer, message: string): Case => ({
    ...{ name, request, status: 202, body: { message } },
    headers: ['content-type: application/json'],
  })
  const bad = (name: string, request: string | Buffer, field: string, status = 400): Case => ({
    ...{ name, request, status, body: { status, field, type: 'about:blank' } },
    headers: ['content-type: application/problem+json'],
  })
  const json = [
    'content-type: application/json',
    'cache-control: no-cache',
    'vary: Accept-Encoding',
  ]
  const lists = (name: string, request: string, count: number): Case => ({
    ...{ name, request, status: 200, body: list(count), headers: json },
  })

  return [
    lists('all', get('/todos'), todos.length),
    lists('the newest', get('/todos?limit=1'), 1),
    lists('the newest ten', get('/todos?limit=10'), 10),
    lists('more than there are', get('/todos?limit=1000'), todos.length),
    lists('other parameters besides', get('/todos?limit=2&x=1'), 2),
    lists('percent-encoded digits', get('/todos?limit=%32'), 2),
    lists('an empty query', get('/todos?'), todos.length),
    {
      ...lists('an absolute target', get('http://a/todos?limit=2'), 2),
      uws: { status: 505, why: 'the bundled binary takes paths only' },
    },
    ...['0', '1001', '01', '+1', '1.0', '-1', 'abc', '', '1e2', '10000', ' 1', '%201'].map(
      (limit) =>
        limit.startsWith(' ')
          ? bad('a space in the target', get('/todos?limit=%20'), 'limit')
          : bad(`limit=${limit}`, get(`/todos?limit=${limit}`), 'limit'),
    ),
    bad('two limits', get('/todos?limit=1&limit=2'), 'limit'),
    {
      ...{
        name: 'HEAD of a list',
        request: head('HEAD', '/todos?limit=10', []),
        status: 200,
        body: '',
      },
      ...{ isHead: true, headers: [...json, `content-length: ${Buffer.byteLength(list(10))}`] },
    },
    {
      name: 'HEAD of health',
      request: head('HEAD', '/health', []),
      status: 200,
      body: '',
      isHead: true,
    },
    { name: 'health', request: get('/health'), status: 200, body: '{"status":"ok"}' },
    {
      ...{ name: 'ready', request: get('/ready'), status: 200 },
      body: { status: 'ready', dependencies: { postgres: 'ok', lists: 'ok' } },
    },
    { name: 'nothing there', request: get('/nothing'), status: 404, body: { status: 404 } },
    { name: 'the root', request: get('/'), status: 404, body: { status: 404 } },
    { name: 'below a todo', request: get('/todos/a/b'), status: 404, body: { status: 404 } },
    {
      ...{ name: 'a method the list has not', request: head('PATCH', '/todos', []), status: 405 },
      headers: ['allow: GET, HEAD, POST'],
    },
    {
      ...{ name: 'OPTIONS', request: head('OPTIONS', '/todos/a', []), status: 405 },
      headers: ['allow: PUT, DELETE'],
    },

    good('POST', post({ title: 'New', description: 'text' }), 'the todo will be created'),
    good('POST without description', post({ title: 'New' }), 'the todo will be created'),
    good(
      'unknown members',
      post({ title: 'New', id: 'x', user_id: 'y' }),
      'the todo will be created',
    ),
    good('200 code points', post({ title: '\u{1F600}'.repeat(200) }), 'the todo will be created'),
    good(
      'members of prototypes',
      post('{"__proto__":{"a":1},"title":"x"}'),
      'the todo will be created',
    ),
    good('the last of two alike', post('{"title":1,"title":"x"}'), 'the todo will be created'),
    good('PUT of one field', put('some-id', { completed: true }), 'the todo will be updated'),
    good(
      'PUT of all',
      put('i', { title: 'a', description: '', completed: false }),
      'the todo will be updated',
    ),
    good(
      'DELETE',
      withBody('DELETE', '/todos/some-id', '', { headers: [] }),
      'the todo will be deleted',
    ),
    good(
      'a charset',
      post({ title: 'x' }, { headers: ['content-type: Application/JSON; charset=utf-8'] }),
      'the todo will be created',
    ),
    good(
      'a lower-case scheme',
      post({ title: 'x' }, { token: `bearer ${token}` }),
      'the todo will be created',
    ),

    bad('no title', post({}), 'title'),
    bad('a title of nothing', post({ title: '' }), 'title'),
    bad('201 characters', post({ title: 'x'.repeat(201) }), 'title'),
    bad('a number for a title', post({ title: 1 }), 'title'),
    bad('null for a title', post({ title: null }), 'title'),
    bad('NUL', post({ title: 'a\0b' }), 'title'),
    bad('half a surrogate pair', post('{"title":"\\ud800"}'), 'title'),
    bad('2,001 characters', post({ title: 'x', description: 'x'.repeat(2_001) }), 'description'),
    bad('yes for completed', put('a', { completed: 'yes' }), 'completed'),
    bad('nothing to change', put('a', {}), 'change'),
    bad('an id of other letters', put('a%20b', { completed: true }), 'id'),
    bad('an id too long', put('x'.repeat(65), { completed: true }), 'id'),
    bad('no body', post(''), 'body'),
    bad('half of JSON', post('{"title":'), 'body'),
    bad('an array', post('[]'), 'body'),
    bad('null', post('null'), 'body'),
    bad('a string', post('"x"'), 'body'),
    bad('a byte order mark', withBody('POST', '/todos', '\ufeff{"title":"x"}'), 'body'),
    bad(
      'bytes that are not UTF-8',
      withBody('POST', '/todos', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])),
      'body',
    ),
    bad('deep nesting', post(`{"title":${'['.repeat(8_000)}${']'.repeat(8_000)}}`), 'title'),

    good(
      '16 KiB',
      post(JSON.stringify({ title: 'x' }).padEnd(bodyBytesMax)),
      'the todo will be created',
    ),
    good('16 KiB in chunks', chunked(bodyBytesMax), 'the todo will be created'),
    { name: 'a byte more', request: post(' '.repeat(bodyBytesMax + 1)), status: 413 },
    { name: 'a byte more in chunks', request: chunked(bodyBytesMax + 1), status: 413 },
    bad(
      'a form',
      post('title=x', { headers: ['Content-Type: application/x-www-form-urlencoded'] }),
      'Content-Type',
      415,
    ),
    bad('no media type', post({ title: 'x' }, { headers: [] }), 'Content-Type', 415),

    {
      ...{ name: 'no token', request: post({ title: 'x' }, { token: undefined }), status: 401 },
      headers: ['www-authenticate: Bearer realm="todos"'],
    },
    ...[
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      'Bearer a b',
      'Bearer not.a.token',
      `Bearer ${token}x`,
      token,
    ].map((bearer): Case => ({
      ...{ name: `Authorization: ${bearer.slice(0, 12)}`, status: 401 },
      request: post({ title: 'x' }, { token: bearer }),
      headers: [],
    })),
    {
      name: 'two tokens',
      request: post({ title: 'x' }, { token: `Bearer ${token}\r\nAuthorization: Bearer ${token}` }),
      status: 401,
    },
    {
      name: 'a 401 before a 413',
      request: post(' '.repeat(20_000), { token: undefined }),
      status: 401,
    },

    {
      ...{ name: 'two differing lengths', status: 400 },
      request:
        'POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      uws: { status: 401, why: 'the bundled binary takes the first (its self-test says so)' },
    },
    {
      ...{ name: 'an unknown transfer coding', status: 400 },
      request: 'POST /todos HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      uws: { status: 401, why: 'the bundled binary takes it for chunked (its self-test says so)' },
    },
    {
      ...bad('no Host', 'GET /todos?limit=1 HTTP/1.1\r\n\r\n', 'Host'),
      uws: { status: undefined, why: 'the bundled binary closes without an answer' },
    },
    {
      ...bad('two Hosts', get('/todos?limit=1', 'Host: b'), 'Host'),
      uws: {
        status: 200,
        why: 'a ready list depends on no Host: not worth a look on the hot path',
      },
    },
    bad('two Hosts, not a list', get('/health', 'Host: b'), 'Host'),
    bad('a Host that is none', 'GET /health HTTP/1.1\r\nHost: a b@c/d\r\n\r\n', 'Host'),
    {
      ...{
        name: 'another version',
        request: 'GET /todos HTTP/3.0\r\nHost: a\r\n\r\n',
        status: 400,
      },
      uws: { status: 505, why: 'the bundled binary knows the right status, node does not' },
    },
  ]
}
