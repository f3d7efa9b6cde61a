/** Where pings and pongs go: the same options, with the same defaults, at both ends. */
export const PING_OPTIONS = {
  'ping-channel': {
    type: 'text',
    value: 'uri',
    default: 'aeron:udp?endpoint=localhost:20123',
    help: 'channel of pings',
  },
  'ping-stream': {
    type: 'integer',
    value: 'id',
    default: 1002,
    min: -2147483648,
    max: 2147483647,
    help: 'stream of pings',
  },
  'pong-channel': {
    type: 'text',
    value: 'uri',
    default: 'aeron:udp?endpoint=localhost:20124',
    help: 'channel of pongs',
  },
  'pong-stream': {
    type: 'integer',
    value: 'id',
    default: 1003,
    min: -2147483648,
    max: 2147483647,
    help: 'stream of pongs',
  },
} as const;
