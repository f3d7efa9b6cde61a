/** Options that several commands have, with the same names and meanings. */

export const DIR = {
  type: 'text',
  short: 'd',
  value: 'folder',
  help: "the driver's folder (default: AERON_DIR, or this user's)",
} as const;

export const CHANNEL = {
  type: 'text',
  short: 'c',
  value: 'uri',
  default: 'aeron:udp?endpoint=localhost:20121',
  help: 'channel',
} as const;

export const STREAM = {
  type: 'integer',
  short: 's',
  value: 'id',
  default: 1001,
  min: -2147483648,
  max: 2147483647,
  help: 'stream',
} as const;

export const EMBEDDED = {
  type: 'flag',
  short: 'e',
  help: 'start a driver inside this process, in a folder of its own unless --dir is given',
} as const;

export const JSON_OUTPUT = { type: 'flag', help: 'print JSON' } as const;

/** The file of `src/nic/nic-state.ts`. */
export const NIC_STATE = {
  type: 'text',
  value: 'file',
  help: 'where taken cards are recorded (default: /var/lib/aeron-bypass/nic.json)',
} as const;
