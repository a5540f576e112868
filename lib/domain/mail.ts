// What is sent by mail.

export const mailKinds = ['verify-email', 'reset-password'] as const
export type MailKind = (typeof mailKinds)[number]

export type Mail = {
  readonly subject: string
  /** Plain text. */
  readonly text: string
}
