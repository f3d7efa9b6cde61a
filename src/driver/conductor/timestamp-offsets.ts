import { ErrorCode } from '../../cnc/error-codes.ts';
import type { ChannelUri } from '../../uri/channel-uri.ts';
import type { TimestampOffsets } from '../messages.ts';
import { RESERVED_OFFSET } from '../timestamps/frame-timestamp.ts';
import { CommandError } from './command-error.ts';

/** No timestamp is wanted. */
const NONE = -1;
const TIMESTAMP_LENGTH = 8;

const KEYS = {
  mediaReceive: 'media-rcv-ts-offset',
  channelReceive: 'channel-rcv-ts-offset',
  channelSend: 'channel-snd-ts-offset',
} as const;
type Kind = keyof typeof KEYS;
const KINDS = Object.keys(KEYS) as Kind[];

/** Which timestamps publications and subscriptions of an endpoint share. */
const KINDS_OF = { send: ['channelSend'], receive: ['mediaReceive', 'channelReceive'] } as const;

/** Where a UDP channel wants timestamps; null: nowhere. @throws CommandError INVALID_CHANNEL */
export function timestampOffsets(uri: ChannelUri, channel: string): TimestampOffsets | null {
  if (KINDS.every((kind) => !uri.has(KEYS[kind]))) return null;
  const [mediaReceive, channelReceive, channelSend] = KINDS.map((kind) => offsetOf(uri, kind, channel)) as [
    number,
    number,
    number,
  ];
  const offsets = { mediaReceive, channelReceive, channelSend };
  for (const [index, one] of KINDS.entries()) {
    for (const other of KINDS.slice(index + 1)) {
      if (offsets[one] === NONE || offsets[other] === NONE) continue;
      if (Math.abs(offsets[one] - offsets[other]) >= TIMESTAMP_LENGTH) continue;
      throw new CommandError(
        ErrorCode.INVALID_CHANNEL,
        `${KEYS[one]} and ${KEYS[other]} overlap, channel=${channel}`,
      );
    }
  }
  return offsets;
}

function offsetOf(uri: ChannelUri, kind: Kind, channel: string): number {
  const text = uri.get(KEYS[kind]);
  if (text === undefined) return NONE;
  if (text === 'reserved') return RESERVED_OFFSET;
  const offset = Number(text);
  if (/^[-+]?\d{1,10}$/.test(text) && offset === (offset | 0)) return offset;
  throw new CommandError(
    ErrorCode.INVALID_CHANNEL,
    `${KEYS[kind]}=${text}: timestamp offset must be a valid integer or the 'reserved' keyword, channel=${channel}`,
  );
}

/** All who share an endpoint have the same timestamps. @throws CommandError GENERIC_ERROR */
export function checkTimestampClash(
  kind: keyof typeof KINDS_OF,
  existing: { readonly text: string; readonly timestamps: TimestampOffsets | null },
  wanted: { readonly text: string; readonly timestamps: TimestampOffsets | null },
): void {
  for (const one of KINDS_OF[kind]) {
    const offset = wanted.timestamps?.[one] ?? NONE;
    if (offset === (existing.timestamps?.[one] ?? NONE)) continue;
    throw new CommandError(
      ErrorCode.GENERIC_ERROR,
      `option conflicts with existing subscription: ${KEYS[one]}=${offset} existingChannel=${existing.text} ` +
        `channel=${wanted.text}`,
    );
  }
}
