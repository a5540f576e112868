// Teams: what becomes of them, who is in them, who is asked to be, and who changed what.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { acceptInvitation } from './accept-invitation.ts'
import { createTeam } from './create-team.ts'
import { declineInvitation } from './decline-invitation.ts'
import { deleteTeam } from './delete-team.ts'
import { invite } from './invite.ts'
import { listInvitations } from './list-invitations.ts'
import { listMembers } from './list-members.ts'
import { listOwnInvitations } from './list-own-invitations.ts'
import { listTeams } from './list-teams.ts'
import type { TeamParts } from './parts.ts'
import { readTeamAudit } from './read-team-audit.ts'
import { readTeam } from './read-team.ts'
import { removeMember } from './remove-member.ts'
import { renameTeam } from './rename-team.ts'
import { setRole } from './set-role.ts'
import { withdrawInvitation } from './withdraw-invitation.ts'

export const teamEndpoints = (parts: TeamParts): Endpoint[] => [
  createTeam(parts),
  listTeams(parts),
  readTeam(parts),
  renameTeam(parts),
  deleteTeam(parts),

  listMembers(parts),
  setRole(parts),
  removeMember(parts),

  invite(parts),
  listInvitations(parts),
  withdrawInvitation(parts),
  listOwnInvitations(parts),
  acceptInvitation(parts),
  declineInvitation(parts),

  readTeamAudit(parts),
]
