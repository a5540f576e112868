// A todo's JSON as Postgres writes it: the bytes of rowJson(), which postgres.integration.test.ts holds
// it to. A thousand rows through the driver held up a server's loop for 5 ms.

import type { Sql } from '../drivers/postgres/pool.ts'

export const todoJsonInSql = (sql: Sql, isOfTeam = false) => sql`
  '{"id":' || to_json(id) || ',"title":' || to_json(title) ||
  ',"description":' || to_json(description) || ',"completed":' || to_json(completed) ||
  ',"user_id":' || to_json(user_id) || ',"created_at":"' || ${isoTime(sql, 'created_at')} ||
  '","updated_at":"' || ${isoTime(sql, 'updated_at')} || '"' ||
  ${isOfTeam ? sql`',"team_id":' || to_json(team_id) || ',"assignee_id":' || coalesce(to_json(assignee_id)::text, 'null') ||` : sql``}
  '}'`

const isoTime = (sql: Sql, column: string) =>
  sql`to_char(${sql(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
