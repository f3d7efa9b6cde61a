import type { ChannelUri } from '../../uri/channel-uri.ts';

/** What a channel is asked for. */
export type ChannelUse = 'publication' | 'subscription' | 'receiveDestination';

/** Something Aeron has and this version does not. */
export interface Unsupported {
  /** What it is called in the README. */
  readonly feature: string;
  /** What a client is told. */
  readonly sentence: string;
  /** Whether a channel asks for it. */
  readonly isWanted: (uri: ChannelUri, use: ChannelUse) => boolean;
}

/** Parameters of a channel that are refused, in the order they are looked for. */
export const UNSUPPORTED_PARAMETERS: readonly Unsupported[] = [
  {
    feature: 'transport security',
    sentence: 'Aeron Transport Security (ats=true) is not supported.',
    isWanted: (uri) => uri.get('ats') === 'true',
  },
];

/** Refused by the driver's transport. */
export const NO_TRANSPORT_SENTENCE =
  'This driver has no network transport (aeron.transport=none); it carries aeron:ipc only.';

/** The sentence for the first thing this version lacks that the channel asks for, or `null`. */
export function unsupportedParameter(uri: ChannelUri, use: ChannelUse): string | null {
  return UNSUPPORTED_PARAMETERS.find(({ isWanted }) => isWanted(uri, use))?.sentence ?? null;
}
