// The frame of every page for people: one style, no script, nothing fetched from anywhere.

import { createHash } from 'node:crypto'
import { html, type Html } from './html.ts'
import { style } from './style.ts'

/** The style's hash, as a Content-Security-Policy names it. */
export const styleHash = `sha256-${createHash('sha256').update(style).digest('base64')}`

// Hashed to the last space, and so not written where it would be laid out.
const styleElement: Html = { html: `<style>${style}</style>` }

export const layout = (title: string, body: Html): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        ${body}
      </body>
    </html>`.html

/** Text in which backticks mark code. */
export const prose = (text: string): Html[] =>
  text.split('`').map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))

/** Lines as they are: no template lays them out. */
export const block = (text: string): Html => html`<pre><code>${text}</code></pre>`

export const json = (value: unknown): Html => block(JSON.stringify(value, undefined, 2))
