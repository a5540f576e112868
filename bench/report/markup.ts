// HTML and SVG as text that is always escaped: whatever is put into the template, unless it came out of
// the template itself. Results hold what servers and command lines said.

export type Markup = { readonly markup: string }

/** Null and empty lists leave nothing behind. */
export type Part = Markup | string | number | null | readonly Part[]

export const markup = (texts: TemplateStringsArray, ...parts: readonly Part[]): Markup => ({
  markup: texts.reduce((made, text, i) => made + render(parts[i - 1] ?? null) + text),
})

const render = (part: Part): string => {
  if (part === null) return ''
  if (typeof part === 'string' || typeof part === 'number') return escapeText(String(part))
  if ('markup' in part) return part.markup
  return part.map(render).join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

// Control characters may not stand in HTML, not even as entities.
const escapeText = (text: string): string =>
  withoutControls(text).replace(/[&<>"']/g, (character) => entities[character] ?? '')

/** What a terminal would obey and HTML may not hold, replaced; lines and tabs stay. */
export const withoutControls = (text: string): string =>
  text.toWellFormed().replace(/[^\P{Cc}\n\t]|\p{Noncharacter_Code_Point}/gu, '\uFFFD')

/** JSON inside <script>: no `<` of it may end the element or open a comment. */
export const jsonMarkup = (value: unknown): Markup => ({
  markup: JSON.stringify(value).replace(/</g, '\\u003c'),
})
