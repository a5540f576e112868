// HTML from template strings: whatever is put in is text, unless it is HTML made the same way.

export type Html = { readonly html: string }
type Value = string | number | Html | readonly Html[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const toHtml = (value: Value): string => {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value.replace(/[&<>"']/g, (one) => entities[one] ?? one)
  return 'html' in value ? value.html : value.map(toHtml).join('')
}

export const html = (strings: TemplateStringsArray, ...values: readonly Value[]): Html => ({
  html: strings.raw.reduce((text, string, i) => text + toHtml(values[i - 1] ?? '') + string),
})
