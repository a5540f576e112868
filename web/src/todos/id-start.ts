// How the id begins that the server makes of an Idempotency-Key. By it the page knows a todo of its own in a list,
// where the answer that would have named it is lost.

/** What comes behind says where the server keeps it. */
export const idStartLength = 33

export const idStartOf = async (user: string, key: string): Promise<string> => {
  const text = new TextEncoder().encode(`${user}\0${key}`)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', text))
  const base64 = btoa(String.fromCharCode(...hash))
  return base64.replaceAll('+', '-').replaceAll('/', '_').slice(0, idStartLength)
}
