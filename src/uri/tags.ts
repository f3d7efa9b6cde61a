import { AeronError } from '../util/errors.ts';
import type { ChannelUri } from './channel-uri.ts';

const PREFIX = 'tag:';

/** What a channel is known by, besides its addresses: `tags=channel[,entity]`. */
export interface Tags {
  /** Of the endpoint. Null: none. */
  readonly channel: number | null;
  /** Of the publication. Null: none. */
  readonly entity: number | null;
}

export const NO_TAGS: Tags = { channel: null, entity: null };

/** @throws AeronError `INVALID_CHANNEL` */
export function parseTags(uri: ChannelUri): Tags {
  const text = uri.get('tags');
  if (text === undefined) return NO_TAGS;
  const [channel = '', entity, ...more] = text.split(',');
  if (more.length > 0) throw malformed(text);
  return { channel: parseTag(channel, text), entity: entity === undefined ? null : parseTag(entity, text) };
}

/** The entity tag of `session-id=tag:…`; null when the session id is a number, or not there. @throws AeronError `INVALID_CHANNEL` */
export function parseSessionTag(uri: ChannelUri): number | null {
  const text = uri.get('session-id');
  return text?.startsWith(PREFIX) ? parseTag(text.slice(PREFIX.length), text) : null;
}

function parseTag(digits: string, text: string): number {
  const tag = Number(digits);
  if (!/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(tag)) throw malformed(text);
  return tag;
}

function malformed(text: string): AeronError {
  return new AeronError(
    'INVALID_CHANNEL',
    `'${text}' has an invalid tag: tags are whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}, tags=channel[,entity]`,
  );
}
