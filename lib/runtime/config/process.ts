// Settings: what each process shows of itself, and where it keeps files.

import { oneOf, portOrOff, type Setting } from './table.ts'

export const processSettings = {
  METRICS_PORT: portOrOff({
    default: 9464,
    meaning:
      "Port of the server's `/metrics`, on HTTP_HOST; 0 takes a free one and logs it, off opens none.",
  }),
  WORKER_METRICS_PORT: portOrOff({
    default: 9465,
    meaning:
      "Port of a worker's `/metrics` and `/health`, on HTTP_HOST. A second worker on a machine needs another: 0 takes a free one and logs it, off opens none.",
  }),
  DATA_DIR: {
    default: '.data',
    unit: 'directory',
    meaning: 'Where `npm start` keeps its Postgres and its secret.',
    parse: (text: string) => text,
  },
  BACKUP_DIR: {
    default: '',
    unit: 'directory',
    meaning:
      'Where `npm run backup` keeps its backups, and `npm start` and `npm run services` archive the WAL of their Postgres. Empty: there is no archive. Another disk than that of the data.',
    parse: (text: string) => text,
  },
  LOG_LEVEL: oneOf({
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    meaning: 'Least severe log line that is written.',
  }),
} as const satisfies Record<string, Setting<string | number>>
