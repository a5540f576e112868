// Settings: gRPC, on a port of its own.

import { createPrivateKey } from 'node:crypto'
import { certificatesIn, pemFile } from './pem.ts'
import { portOrOff, wholeNumber, type Setting } from './table.ts'

export const grpcSettings = {
  GRPC_PORT: portOrOff({
    default: 'off',
    meaning:
      'Port of gRPC, gRPC-Web and Connect, at HTTP_HOST: HTTP/2 and HTTP/1.1 on the same one. 0 takes a free one.',
  }),
  GRPC_TLS_CERT_FILE: pemFile(
    'certificates',
    'Certificate of the gRPC port, and those between it and its authority. Without it there is no TLS. Needs GRPC_TLS_KEY_FILE. Read again when a process starts.',
    certificatesIn,
  ),
  GRPC_TLS_KEY_FILE: pemFile(
    'a private key without a passphrase',
    'Private key of GRPC_TLS_CERT_FILE.',
    createPrivateKey,
  ),
  GRPC_CONNECTIONS_MAX: wholeNumber({
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: 'connections',
    meaning:
      'Connections to the gRPC port, of the whole server, shared out over its processes; more are closed at once.',
  }),
  GRPC_STREAMS_MAX: wholeNumber({
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'calls',
    meaning:
      'Calls of one connection that may be in flight; clients hold others back until one has ended.',
  }),
  GRPC_MESSAGE_BYTES_MAX: wholeNumber({
    default: 65_536,
    min: 1_024,
    max: 4_194_304,
    unit: 'bytes',
    meaning: 'Largest message that a client may send; more is RESOURCE_EXHAUSTED.',
  }),
  GRPC_HEADER_BYTES_MAX: wholeNumber({
    default: 16_384,
    min: 1_024,
    max: 1_048_576,
    unit: 'bytes',
    meaning: 'Largest metadata of a call; a call with more is refused.',
  }),
  GRPC_IDLE_TIMEOUT_MS: wholeNumber({
    default: 300_000,
    min: 1_000,
    max: 86_400_000,
    unit: 'ms',
    meaning: 'A connection to the gRPC port without a call for this long is asked to end (GOAWAY).',
  }),
  GRPC_KEEP_ALIVE_INTERVAL_MS: wholeNumber({
    default: 60_000,
    min: 1_000,
    max: 86_400_000,
    unit: 'ms',
    meaning: 'A client that began no call for this long gets a PING.',
  }),
  GRPC_KEEP_ALIVE_TIMEOUT_MS: wholeNumber({
    default: 20_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    meaning: 'A client that has not answered a PING after this is cut.',
  }),
} as const satisfies Record<string, Setting<string | number>>
