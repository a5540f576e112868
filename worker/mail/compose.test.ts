// Where a mail leads to.

import t from 'tap'
import { linkUrlOf } from './compose.ts'

t.test('a mail leads to the application, else to the page of the API, else nowhere', async (t) => {
  const cases = [
    ['https://todos.example/account', 'https://api.example', 'https://todos.example/account'],
    ['', 'https://api.example', 'https://api.example/app'],
    ['', 'https://example.com/todos', 'https://example.com/todos/app'],
    ['', '', ''],
  ] as const
  for (const [MAIL_LINK_URL, PUBLIC_API_URL, expected] of cases)
    t.equal(linkUrlOf({ MAIL_LINK_URL, PUBLIC_API_URL }), expected)
})
