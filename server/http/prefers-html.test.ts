// Who gets a page at `/`, and who gets JSON.

import t from 'tap'
import { prefersHtml } from './prefers-html.ts'

t.test('browsers get a page', async (t) => {
  for (const accept of [
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8',
    'text/html, application/json;q=0.5',
    'TEXT/HTML',
    'text/html;level=1;q=0.7, application/json;q=0.3',
    'text/*',
    'application/json;q=0, */*',
  ]) {
    t.equal(prefersHtml(accept), true, accept)
  }
})

t.test('programs get JSON, and so does whoever has no preference', async (t) => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/json',
    'application/json, text/html',
    'application/json, text/plain, */*',
    'text/html;q=0, */*',
    'text/html;q=0.5, application/json',
    'application/*',
    'image/png',
    ', ;;q=2',
  ]) {
    t.equal(prefersHtml(accept), false, String(accept))
  }
})
