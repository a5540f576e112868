// Messages as the JSON of our HTTP API, and back. It is protobuf's own JSON with the names of the proto
// files, but for enums: HTTP says `admin` where protobuf says TEAM_ROLE_ADMIN.

import {
  fromJson,
  toJson,
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type Message,
} from '@bufbuild/protobuf'

export const jsonOf = (type: DescMessage, message: Message): JsonObject => {
  // What is required in HTTP has no presence here: it is always sent.
  const json = toJson(type, message, { useProtoFieldName: true, alwaysEmitImplicit: true })
  return withEnums(type, json as JsonObject, wordOf)
}

export const messageOf = (type: DescMessage, json: JsonObject): Message =>
  fromJson(type, withEnums(type, json, enumNameOf), { ignoreUnknownFields: true })

type Rename = (desc: DescEnum, name: string) => string

const wordOf: Rename = (desc, name) => name.slice(prefixOf(desc).length).toLowerCase()
const enumNameOf: Rename = (desc, word) => prefixOf(desc) + word.toUpperCase()
/** As `buf lint` wants values to begin: TEAM_ROLE_ for TeamRole. */
const prefixOf = ({ sharedPrefix = '' }: DescEnum): string => sharedPrefix.toUpperCase()

const withEnums = (type: DescMessage, json: JsonObject, rename: Rename): JsonObject => {
  const fields = fieldsWithEnums(type)
  if (fields.length === 0) return json
  const renamed = { ...json }
  for (const field of fields) {
    const value = json[field.name]
    if (value !== undefined) renamed[field.name] = renamedValue(field, value, rename)
  }
  return renamed
}

const renamedValue = (field: DescField, value: JsonValue, rename: Rename): JsonValue => {
  if (Array.isArray(value)) return value.map((one) => renamedValue(field, one, rename))
  if (field.enum) return typeof value === 'string' ? rename(field.enum, value) : value
  return field.message ? withEnums(field.message, value as JsonObject, rename) : value
}

const known = new Map<DescMessage, readonly DescField[]>()

/** Those that are enums or have some; most messages have none, and are taken as they are. */
const fieldsWithEnums = (type: DescMessage): readonly DescField[] => {
  let found = known.get(type)
  if (!found) {
    known.set(type, []) // a message that contains itself
    found = type.fields.filter(
      ({ enum: ofEnum, message }) => ofEnum || (message && fieldsWithEnums(message).length > 0),
    )
    known.set(type, found)
  }
  return found
}
