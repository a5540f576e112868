// Markdown for the printed pages. A reader may have it on a phone, on GitHub or on the docs site, so
// pages have headings and lists rather than wide tables. The site reads HTML and `{{ }}` outside of code.

/** Of a page that nobody writes by hand. */
export const printedPage = (title: string, forWhom: string, parts: readonly string[]): string =>
  `${[`# ${title}`, printedNote, forWhom, ...parts.filter((part) => part !== '')].join('\n\n')}\n`

const printedNote = '<!-- Printed from the code by `npm run docs:print`. Edits here are lost. -->'

export const code = (text: string): string =>
  text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``

export const fence = (language: string, text: string): string =>
  `\`\`\`${language}\n${text.replace(/\n$/, '')}\n\`\`\``

/** Without those that are undefined. */
export const bullets = (lines: readonly (string | undefined)[]): string =>
  lines
    .filter((line) => line !== undefined)
    .map((line) => `- ${line}`)
    .join('\n')

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** Text in which backticks mark code: the rest of it is no HTML and no Markdown. */
export const prose = (text: string): string =>
  text
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/[<*[\]\\]|\{(?=\{)/g, escaped)))
    .join('')

const escaped = (character: string): string =>
  character === '<' ? '&lt;' : character === '{' ? '&#123;' : `\\${character}`

/** What GitHub and the site call a heading in links. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

export const linkTo = (heading: string, page = '', text = heading): string =>
  `[${text}](${page}#${anchorOf(heading)})`
