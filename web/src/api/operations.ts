// What the API takes and answers, as types.
// Printed from the code by `npm run docs:print`. Edits here are lost.

export type Todo = { id: string; title: string; description: string; completed: boolean; user_id: string; created_at: string; updated_at: string }
export type Problem = { type: string; title: string; status: number; detail: string; field?: string; errors?: ({ field: string; message: string })[]; publish?: "not-attempted" | "unknown" }
export type NewTodo = { title: string; description?: string | null }
export type Accepted = { id: string; message: string }
export type TodoChange = { title?: string; description?: string | null; completed?: boolean }
export type TodoPage = { total?: number; limit: number; page?: number; todos: (Todo)[] }
export type Status = { completed?: boolean; status?: "completed" | "pending" }
export type TeamTodo = { id: string; title: string; description: string; completed: boolean; user_id: string; created_at: string; updated_at: string; team_id: string; assignee_id: string | null }
export type TeamTodoPage = { total?: number; limit: number; page?: number; todos: (TeamTodo)[] }
export type NewTeamTodo = { title: string; description?: string | null; assignee_id?: string | null }
export type TeamTodoChange = { title?: string; description?: string | null; completed?: boolean; assignee_id?: string | null }
export type NewAccount = { email: string; password: string }
export type Account = { id: string; email: string; created_at: string }
export type Login = { email: string; password: string }
export type Tokens = { access_token: string; token_type: "Bearer"; expires_in: number; refresh_token: string }
export type RefreshToken = { refresh_token: string }
export type PageTokens = { access_token: string; token_type: "Bearer"; expires_in: number }
export type Empty = object
export type OwnSessions = { sessions: ({ id: string; browser: string | null; network: string | null; begun_at: string | null; refreshed_at: string; expires_at: string; is_current: boolean })[] }
export type Address = { email: string }
export type MailRequested = { status: "accepted" }
export type MailToken = { token: string }
export type PasswordReset = { token: string; password: string }
export type Password = { password: string }
export type ManagedAccount = { id: string; email: string; created_at: string; role: "user" | "system-admin"; email_verified_at: string | null; disabled_at: string | null }
export type ManagedAccounts = { limit: number; accounts: (ManagedAccount)[] }
export type Sessions = { sessions: ({ id: string; browser: string | null; network: string | null; begun_at: string | null; refreshed_at: string; expires_at: string })[] }
export type Membership = { team_id: string; team_name: string; role: "admin" | "member"; joined_at: string }
export type Export = { account: Account; sessions: ({ id: string; browser: string | null; network: string | null; begun_at: string | null; refreshed_at: string; expires_at: string })[]; memberships: (Membership)[]; todos: (Todo)[] }
export type NewTeam = { name: string }
export type Team = { id: string; name: string; role: "admin" | "member"; created_at: string; joined_at: string }
export type TeamList = { teams: (Team)[] }
export type Member = { user_id: string; email: string; role: "admin" | "member"; joined_at: string }
export type MemberList = { members: (Member)[] }
export type NewRole = { role: "admin" | "member" }
export type NewInvitation = { email: string }
export type SentInvitation = { id: string; team_id: string; team_name: string; email: string; created_at: string; expires_at: string; token?: string }
export type Invitation = { id: string; team_id: string; team_name: string; email: string; created_at: string; expires_at: string }
export type InvitationList = { invitations: (Invitation)[] }
export type InvitationToken = { token: string }
export type AuditEntry = { id: string; at: string; actor_id: string; action: "team.created" | "team.renamed" | "team.deleted" | "member.joined" | "member.left" | "member.removed" | "member.promoted" | "member.demoted" | "invitation.sent" | "invitation.withdrawn" | "invitation.declined" | "share.granted" | "share.revoked" | "role.granted" | "role.revoked" | "account.disabled" | "account.enabled" | "account.deleted" | "session.ended" | "password.reset" | "letter.replayed" | "letter.discarded"; subject: { kind: "team" | "account" | "session" | "todo" | "letter"; id: string }; details: Record<string, string | number | boolean>; request_id: string }
export type AuditList = { entries: (AuditEntry)[] }
export type NewShare = { role: "viewer" | "editor"; user_id?: string; email?: string; team_id?: string }
export type Share = { id: string; role: "viewer" | "editor"; user_id?: string; email?: string; team_id?: string; created_at: string }
export type ShareList = { shares: (Share)[] }
export type SharedTodo = { todo: Todo; role: "viewer" | "editor"; shared_by: { user_id: string; email: string }; shared_at: string }
export type SharedTodoList = { todos: (SharedTodo)[] }
export type SystemStatus = { requests: { per_second: number; p99_ms: number | null; seconds: number } | null; dependencies: Record<string, string>; lists: ({ list: "newest" | "all"; state: "fresh" | "stale" | "empty"; stale_ms: number })[]; lag: number; partitions: ({ partition: number; end: number; applied: number })[]; dead_letters: number; newest_dead_letters: ({ id: number; partition: number; offset: number; reason: string; failed_at: string; bytes: number | null })[] }
export type DeadLetters = { limit: number; letters: ({ id: number; partition: number; offset: number; reason: string; failed_at: string; bytes: number | null })[] }
export type DeadLetter = { id: number; partition: number; offset: number; reason: string; failed_at: string; bytes: number | null; record: string; is_cut: boolean }
export type Health = { status: "ok" }
export type Readiness = { status: "ready" | "degraded" | "unready" | "draining"; dependencies: Record<string, string> }
export type Ping = { status: "pong" }
export type Index = { name: string; version: string; summary: string; documentation: string; openapi: string; health: string; todos: string }

export type Operations = {
  'GET /todos': {
    path: object
    query: { limit?: number; after?: string }
    body: undefined
    answer: (Todo)[]
  }
  'POST /todos': {
    path: object
    query: object
    body: NewTodo
    answer: Todo | Accepted
  }
  'GET /todos/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: Todo
  }
  'PUT /todos/{id}': {
    path: { id: string }
    query: object
    body: TodoChange
    answer: Todo | Accepted
  }
  'PATCH /todos/{id}': {
    path: { id: string }
    query: object
    body: TodoChange
    answer: Todo | Accepted
  }
  'DELETE /todos/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: Accepted | undefined
  }
  'GET /api/todos': {
    path: object
    query: { limit?: number | null; page?: number; after?: string }
    body: undefined
    answer: TodoPage
  }
  'POST /api/todos': {
    path: object
    query: object
    body: NewTodo
    answer: Todo | Accepted
  }
  'GET /api/todos/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: Todo
  }
  'PUT /api/todos/{id}': {
    path: { id: string }
    query: object
    body: TodoChange
    answer: Todo | Accepted
  }
  'PATCH /api/todos/{id}': {
    path: { id: string }
    query: object
    body: TodoChange
    answer: Todo | Accepted
  }
  'DELETE /api/todos/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: Accepted | undefined
  }
  'PATCH /api/todos/{id}/status': {
    path: { id: string }
    query: object
    body: Status
    answer: Todo | Accepted
  }
  'GET /api/teams/{teamId}/todos': {
    path: { teamId: string }
    query: { limit?: number | null; page?: number; after?: string }
    body: undefined
    answer: TeamTodoPage
  }
  'POST /api/teams/{teamId}/todos': {
    path: { teamId: string }
    query: object
    body: NewTeamTodo
    answer: TeamTodo | Accepted
  }
  'GET /api/teams/{teamId}/todos/{id}': {
    path: { teamId: string; id: string }
    query: object
    body: undefined
    answer: TeamTodo
  }
  'PUT /api/teams/{teamId}/todos/{id}': {
    path: { teamId: string; id: string }
    query: object
    body: TeamTodoChange
    answer: TeamTodo | Accepted
  }
  'PATCH /api/teams/{teamId}/todos/{id}': {
    path: { teamId: string; id: string }
    query: object
    body: TeamTodoChange
    answer: TeamTodo | Accepted
  }
  'DELETE /api/teams/{teamId}/todos/{id}': {
    path: { teamId: string; id: string }
    query: object
    body: undefined
    answer: Accepted | undefined
  }
  'PATCH /api/teams/{teamId}/todos/{id}/status': {
    path: { teamId: string; id: string }
    query: object
    body: Status
    answer: TeamTodo | Accepted
  }
  'POST /auth/register': {
    path: object
    query: object
    body: NewAccount
    answer: Account
  }
  'POST /auth/login': {
    path: object
    query: object
    body: Login
    answer: Tokens
  }
  'POST /auth/refresh': {
    path: object
    query: object
    body: RefreshToken
    answer: Tokens
  }
  'POST /auth/logout': {
    path: object
    query: object
    body: RefreshToken
    answer: undefined
  }
  'POST /auth/cookie/login': {
    path: object
    query: object
    body: Login
    answer: PageTokens
  }
  'POST /auth/cookie/refresh': {
    path: object
    query: object
    body: Empty
    answer: PageTokens
  }
  'POST /auth/cookie/logout': {
    path: object
    query: object
    body: Empty
    answer: undefined
  }
  'POST /auth/cookie/logout-everywhere': {
    path: object
    query: object
    body: Empty
    answer: undefined
  }
  'GET /auth/sessions': {
    path: object
    query: object
    body: undefined
    answer: OwnSessions
  }
  'DELETE /auth/sessions': {
    path: object
    query: object
    body: undefined
    answer: undefined
  }
  'DELETE /auth/sessions/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: undefined
  }
  'POST /auth/verify-email/request': {
    path: object
    query: object
    body: Address
    answer: MailRequested
  }
  'POST /auth/verify-email': {
    path: object
    query: object
    body: MailToken
    answer: undefined
  }
  'POST /auth/forgot-password': {
    path: object
    query: object
    body: Address
    answer: MailRequested
  }
  'POST /auth/reset-password': {
    path: object
    query: object
    body: PasswordReset
    answer: undefined
  }
  'GET /api/profile': {
    path: object
    query: object
    body: undefined
    answer: Account
  }
  'DELETE /api/profile': {
    path: object
    query: object
    body: Password
    answer: undefined
  }
  'GET /api/admin/accounts': {
    path: object
    query: { limit?: number | null; after?: string; email?: string }
    body: undefined
    answer: ManagedAccounts
  }
  'GET /api/admin/accounts/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: ManagedAccount
  }
  'DELETE /api/admin/accounts/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: undefined
  }
  'POST /api/admin/accounts/{id}/disable': {
    path: { id: string }
    query: object
    body: undefined
    answer: ManagedAccount
  }
  'POST /api/admin/accounts/{id}/enable': {
    path: { id: string }
    query: object
    body: undefined
    answer: ManagedAccount
  }
  'GET /api/admin/accounts/{id}/sessions': {
    path: { id: string }
    query: object
    body: undefined
    answer: Sessions
  }
  'DELETE /api/admin/accounts/{id}/sessions': {
    path: { id: string }
    query: object
    body: undefined
    answer: undefined
  }
  'DELETE /api/admin/sessions/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: undefined
  }
  'GET /api/profile/export': {
    path: object
    query: object
    body: undefined
    answer: Export
  }
  'POST /api/teams': {
    path: object
    query: object
    body: NewTeam
    answer: Team
  }
  'GET /api/teams': {
    path: object
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: TeamList
  }
  'GET /api/teams/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: Team
  }
  'PATCH /api/teams/{id}': {
    path: { id: string }
    query: object
    body: NewTeam
    answer: Team
  }
  'DELETE /api/teams/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: undefined
  }
  'GET /api/teams/{id}/members': {
    path: { id: string }
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: MemberList
  }
  'PATCH /api/teams/{id}/members/{userId}': {
    path: { id: string; userId: string }
    query: object
    body: NewRole
    answer: Member
  }
  'DELETE /api/teams/{id}/members/{userId}': {
    path: { id: string; userId: string }
    query: object
    body: undefined
    answer: undefined
  }
  'POST /api/teams/{id}/invitations': {
    path: { id: string }
    query: object
    body: NewInvitation
    answer: SentInvitation
  }
  'GET /api/teams/{id}/invitations': {
    path: { id: string }
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: InvitationList
  }
  'DELETE /api/teams/{id}/invitations/{invitationId}': {
    path: { id: string; invitationId: string }
    query: object
    body: undefined
    answer: undefined
  }
  'GET /api/invitations': {
    path: object
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: InvitationList
  }
  'POST /api/invitations/accept': {
    path: object
    query: object
    body: InvitationToken
    answer: Team
  }
  'POST /api/invitations/decline': {
    path: object
    query: object
    body: InvitationToken
    answer: undefined
  }
  'GET /api/teams/{id}/audit': {
    path: { id: string }
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: AuditList
  }
  'PUT /api/todos/{id}/shares': {
    path: { id: string }
    query: object
    body: NewShare
    answer: Share
  }
  'GET /api/todos/{id}/shares': {
    path: { id: string }
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: ShareList
  }
  'DELETE /api/todos/{id}/shares/{shareId}': {
    path: { id: string; shareId: string }
    query: object
    body: undefined
    answer: undefined
  }
  'GET /api/shared': {
    path: object
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: SharedTodoList
  }
  'DELETE /api/shared/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: undefined
  }
  'GET /api/admin/audit': {
    path: object
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: AuditList
  }
  'GET /api/admin/status': {
    path: object
    query: object
    body: undefined
    answer: SystemStatus
  }
  'GET /api/admin/dead-letters': {
    path: object
    query: { limit?: number | null; after?: string }
    body: undefined
    answer: DeadLetters
  }
  'GET /api/admin/dead-letters/{id}': {
    path: { id: number }
    query: object
    body: undefined
    answer: DeadLetter
  }
  'DELETE /api/admin/dead-letters/{id}': {
    path: { id: number }
    query: object
    body: undefined
    answer: undefined
  }
  'POST /api/admin/dead-letters/{id}/replay': {
    path: { id: number }
    query: object
    body: undefined
    answer: undefined
  }
  'GET /live': {
    path: object
    query: object
    body: undefined
    answer: undefined
  }
  'GET /events': {
    path: object
    query: { channel?: string }
    body: undefined
    answer: undefined
  }
  'GET /asyncapi.json': {
    path: object
    query: object
    body: undefined
    answer: Record<string, unknown>
  }
  'GET /health': {
    path: object
    query: object
    body: undefined
    answer: Health
  }
  'GET /ready': {
    path: object
    query: object
    body: undefined
    answer: Readiness
  }
  'GET /ping': {
    path: object
    query: object
    body: undefined
    answer: Ping
  }
  'GET /app': {
    path: object
    query: object
    body: undefined
    answer: undefined
  }
  'GET /app/{path}': {
    path: { path: string }
    query: object
    body: undefined
    answer: string
  }
  'GET /': {
    path: object
    query: object
    body: undefined
    answer: Index
  }
  'GET /openapi.json': {
    path: object
    query: object
    body: undefined
    answer: Record<string, unknown>
  }
  'GET /docs': {
    path: object
    query: object
    body: undefined
    answer: undefined
  }
  'GET /docs/problems/{id}': {
    path: { id: string }
    query: object
    body: undefined
    answer: undefined
  }
}
