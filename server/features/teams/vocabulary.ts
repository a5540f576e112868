// What several endpoints of teams accept and answer: each once, for the handlers and for the document.

import { newEmail } from '../../../lib/domain/credentials.ts'
import {
  described,
  list,
  matching,
  named,
  object,
  oneOf,
  optional,
  string,
  time,
} from '../../../lib/domain/shape.ts'
import { teamName, teamRoles, uuid } from '../../../lib/domain/team.ts'
import type { Invitation, Member, Team } from '../../../lib/domain/team.ts'
import { answer } from '../../http/contract/answer.ts'
import type { Parameter } from '../../http/contract/parameters.ts'
import { linkToNext, locationUnder, noStore } from '../../http/response-headers.ts'

export const tag = {
  name: 'Teams',
  description: 'Who works together: teams, their members, and who is invited to them.',
}
const ignored = 'Members that are not named here are ignored.'

const exampleTeamId = '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a'
const exampleUserId = '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55'
const exampleInvitationId = 'c2a8a1de-2a0c-4c5e-9d0b-6f1d1b1f7e21'
const exampleTime = new Date('2026-01-31T12:00:00.000Z')

// What requests carry.

export { teamId as id } from '../../identity/team-access.ts'
export const userId: Parameter<string> = {
  shape: uuid,
  description: "The id of a member's account.",
  example: exampleUserId,
  component: 'MemberId',
}
export const invitationId: Parameter<string> = {
  shape: uuid,
  description: 'The id of an invitation.',
  example: exampleInvitationId,
  component: 'InvitationId',
}
export const teamBody = {
  shape: named('NewTeam', object({ name: teamName }, { description: ignored })),
  examples: [{ name: 'Flower shop' }],
}
export const roleBody = {
  shape: named('NewRole', object({ role: oneOf(...teamRoles) }, { description: ignored })),
  examples: [{ role: 'admin' }],
}
export const invitationBody = {
  shape: named('NewInvitation', object({ email: newEmail }, { description: ignored })),
  examples: [{ email: 'bob@example.com' }],
}
const token = described(
  matching(/^[\w-]{1,128}$/, '1 to 128 letters, digits, - or _'),
  'What was sent to the address that is invited. It can be used once.',
)
const exampleToken = 'mZ0cUu0N7b4v6o2YQhYJx2kq6m0b1l3cWm3rTn8aG9E'
export const tokenBody = {
  shape: named('InvitationToken', object({ token }, { description: ignored })),
  examples: [{ token: exampleToken }],
}

// What is answered.

const role = oneOf(...teamRoles)
const email = string({ pattern: '@', description: 'In lower case.' })

const teamShape = named(
  'Team',
  object({
    id: uuid,
    name: teamName,
    role: described(role, 'What you are in it.'),
    created_at: time,
    joined_at: described(time, 'When you joined it.'),
  }),
)
const exampleTeam = {
  id: exampleTeamId,
  name: 'Flower shop',
  role: 'admin',
  created_at: exampleTime,
  joined_at: exampleTime,
} as const
export const shownTeam = ({ id, name, role, createdAt, joinedAt }: Team) => ({
  id,
  name,
  role,
  created_at: createdAt,
  joined_at: joinedAt,
})
export const oneTeam = answer({
  status: 200,
  component: 'Team',
  description: 'The team, as you see it.',
  headers: [noStore],
  body: teamShape,
  examples: [exampleTeam],
})
export const createdTeam = answer({
  status: 201,
  description: 'The team. You are its admin.',
  headers: [noStore, locationUnder('/api/teams')],
  body: teamShape,
  examples: [exampleTeam],
})
export const teamPage = answer({
  status: 200,
  description: 'Teams, the newest membership first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named('TeamList', object({ teams: list(teamShape) })),
  examples: [{ teams: [exampleTeam] }],
})

const memberShape = named(
  'Member',
  object({
    user_id: described(uuid, 'The id of the account.'),
    email,
    role,
    joined_at: time,
  }),
)
const exampleMember = {
  user_id: exampleUserId,
  email: 'bob@example.com',
  role: 'member',
  joined_at: exampleTime,
} as const
export const shownMember = ({ userId, email, role, joinedAt }: Member) => ({
  user_id: userId,
  email,
  role,
  joined_at: joinedAt,
})
export const oneMember = answer({
  status: 200,
  description: 'The member.',
  headers: [noStore],
  body: memberShape,
  examples: [exampleMember],
})
export const memberPage = answer({
  status: 200,
  description: 'Members, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named('MemberList', object({ members: list(memberShape) })),
  examples: [{ members: [exampleMember] }],
})

const invitationMembers = {
  id: uuid,
  team_id: uuid,
  team_name: teamName,
  email: described(email, 'Who is invited: nobody else can use it.'),
  created_at: time,
  expires_at: time,
}
const exampleInvitation = {
  id: exampleInvitationId,
  team_id: exampleTeamId,
  team_name: 'Flower shop',
  email: 'bob@example.com',
  created_at: exampleTime,
  expires_at: new Date('2026-02-07T12:00:00.000Z'),
}
export const shownInvitation = (invitation: Invitation) => ({
  id: invitation.id,
  team_id: invitation.teamId,
  team_name: invitation.teamName,
  email: invitation.email,
  created_at: invitation.createdAt,
  expires_at: invitation.expiresAt,
})
export const sentInvitation = answer({
  status: 201,
  description:
    'The invitation. It replaces an earlier one for the same address. The token is there only where no mail is sent.',
  headers: [noStore],
  body: named('SentInvitation', object({ ...invitationMembers, token: optional(token) })),
  examples: [exampleInvitation, { ...exampleInvitation, token: exampleToken }],
})
export const invitationPage = answer({
  status: 200,
  component: 'Invitations',
  description: 'Open invitations, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named(
    'InvitationList',
    object({ invitations: list(named('Invitation', object(invitationMembers))) }),
  ),
  examples: [{ invitations: [exampleInvitation] }],
})
