// Server reflection, v1 and v1alpha, whose messages are the same: clients such as grpcurl learn the
// contract from the server. Of public descriptors alone: it needs no token.

import { toBinary, type DescFile, type FileRegistry } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Code } from '@connectrpc/connect'

/** A oneof, as messages have it. */
type Choice = { readonly case: string | undefined; readonly value: unknown }
type ReflectionRequest = { readonly messageRequest: Choice }

export const createReflection = (registry: FileRegistry, served: readonly string[]) => {
  const answers = new Map<DescFile, Uint8Array[]>()
  /** A file and all that it imports, each once: clients need not ask again. */
  const withImports = (file: DescFile): Uint8Array[] => {
    const known = answers.get(file)
    if (known) return known
    const files = new Set<DescFile>()
    const add = (one: DescFile) => {
      if (files.has(one)) return
      files.add(one)
      one.dependencies.forEach(add)
    }
    add(file)
    const bytes = [...files].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto))
    answers.set(file, bytes)
    return bytes
  }
  const answerTo = ({ case: kind, value }: Choice) => {
    switch (kind) {
      case 'listServices':
        return listed(served)
      case 'fileByFilename':
        return fileAnswer(registry.getFile(value as string))
      case 'fileContainingSymbol':
        return fileAnswer(fileOf(registry, value as string))
      case 'fileContainingExtension':
        return fileAnswer(extensionIn(registry, value)?.file)
      case 'allExtensionNumbersOfType':
        return extensionNumbers(registry, value as string)
      default:
        return failed(Code.InvalidArgument, 'no message_request')
    }
  }
  const fileAnswer = (file: DescFile | undefined) =>
    file
      ? {
          case: 'fileDescriptorResponse',
          value: { fileDescriptorProto: withImports(file) },
        }
      : failed(Code.NotFound, 'no such file, symbol or extension')

  return {
    async *serverReflectionInfo(requests: AsyncIterable<unknown>) {
      for await (const request of requests) {
        const { messageRequest } = request as ReflectionRequest
        yield { originalRequest: request, messageResponse: answerTo(messageRequest) }
      }
    },
  }
}

const listed = (names: readonly string[]) => ({
  case: 'listServicesResponse',
  value: { service: names.map((name) => ({ name })) },
})

const failed = (errorCode: Code, errorMessage: string) => ({
  case: 'errorResponse',
  value: { errorCode, errorMessage },
})

/** Of a type, a service, or a method, a field or a value within one. */
const fileOf = (registry: FileRegistry, symbol: string): DescFile | undefined => {
  const found = registry.get(symbol)
  if (found) return found.file
  const end = symbol.lastIndexOf('.')
  return end === -1 ? undefined : registry.get(symbol.slice(0, end))?.file
}

const extensionIn = (registry: FileRegistry, value: unknown) => {
  const { containingType, extensionNumber } = value as {
    readonly containingType: string
    readonly extensionNumber: number
  }
  const extendee = registry.getMessage(containingType)
  return extendee && registry.getExtensionFor(extendee, extensionNumber)
}

const extensionNumbers = (registry: FileRegistry, baseTypeName: string) => {
  if (!registry.getMessage(baseTypeName)) return failed(Code.NotFound, 'no such type')
  const extensionNumber = [...registry]
    .filter((one) => one.kind === 'extension')
    .filter(({ extendee }) => extendee.typeName === baseTypeName)
    .map(({ number }) => number)
  return {
    case: 'allExtensionNumbersResponse',
    value: { baseTypeName, extensionNumber },
  }
}
