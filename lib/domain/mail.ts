// What is sent by mail.

/** To the owner of an account, with a token for it. */
export const accountMailKinds = ['verify-email', 'reset-password'] as const
export type AccountMailKind = (typeof accountMailKinds)[number]

export type MailKind = AccountMailKind | 'invitation'

export type Mail = {
  readonly subject: string
  /** Plain text. */
  readonly text: string
}

/** Where mails lead to. */
export type MailLinks = {
  /** A page of the application; empty: a command is given. */
  readonly linkUrl: string
  readonly apiUrl: string
}
