import type { GroupTag } from './messages.ts';

/** What `gtag` and the settings hold: a 64-bit integer. Throws an Error for anything else. */
export function parseGroupTag(text: string): bigint {
  const tag = /^[-+]?\d{1,19}$/.test(text) ? BigInt(text.replace('+', '')) : null;
  if (tag === null || tag !== BigInt.asIntN(64, tag)) throw new Error('expected a 64-bit integer');
  return tag;
}

/** The halves of a tag, for a frame. */
export function groupTagOf(tag: bigint): GroupTag {
  return { low: Number(BigInt.asIntN(32, tag)), high: Number(BigInt.asIntN(32, tag >> 32n)) };
}
