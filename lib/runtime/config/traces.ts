// Settings: traces. They have the names that OpenTelemetry gives them. What is not here its library reads
// by itself: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and the others of OTEL_EXPORTER_OTLP_.

import { oneOf, type Setting } from './table.ts'

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

export const traceSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    default: undefined,
    unit: 'URL',
    meaning:
      'Where traces go, as OTLP over HTTP with JSON, such as `http://127.0.0.1:4318`. Empty: nothing is traced.',
    parse(text) {
      if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
        throw new Error('the URL of a collector, http:// or https://')
      }
      return text
    },
  } satisfies Setting<string>,
  OTEL_TRACES_SAMPLER: oneOf({
    default: 'parentbased_always_on',
    choices: samplers,
    meaning:
      'Which requests are traced. With `parentbased_`, the `traceparent` of a request decides where it has one.',
  }),
  OTEL_TRACES_SAMPLER_ARG: {
    default: 1,
    unit: 'share',
    meaning: 'The share of requests that a sampler with `traceidratio` traces, from 0 to 1.',
    parse(text) {
      const share = /^\d?(\.\d{1,9})?$/.test(text) && text !== '' ? Number(text) : NaN
      if (!(share >= 0 && share <= 1)) throw new Error('a number from 0 to 1')
      return share
    },
  } satisfies Setting<number>,
  OTEL_SDK_DISABLED: oneOf({
    default: 'false',
    choices: ['true', 'false'],
    meaning: '`true`: nothing is traced, where a platform sets an endpoint for everybody.',
  }),
} as const
