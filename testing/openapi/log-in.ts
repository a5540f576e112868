// An account that asks for answers of the document. For answers.integration.test.ts.

import type { Answer } from '../engines/harness.ts'
import type { Ask } from './ask.ts'

const password = 'correct horse'

/** Those of an answer that is one JSON object. */
export const membersOf = ({ body }: Answer) => JSON.parse(body) as Readonly<Record<string, string>>

export const logIn = async (ask: Ask, email: string) => {
  const { id } = membersOf(
    await ask('register', 201, '/auth/register', { body: { email, password } }),
  )
  const login = await ask('login', 200, '/auth/login', { body: { email, password } })
  const lines = [`Authorization: Bearer ${membersOf(login)['access_token']}`]
  return { id: id ?? '', email, lines }
}
