import { AeronError } from '../util/errors.ts';
import {
  type BoolKey,
  CHANNEL_PARAMETERS,
  type ChannelParameter,
  type NumberKey,
  type ParameterKey,
} from './channel-parameters.ts';
import { ChannelUri } from './channel-uri.ts';
import { formatDuration, formatSize, parseDurationNs, parseSize } from './units.ts';

/** Parameters whose values are numbers, or a word. */
const NUMBER_OR_WORD = {
  gtag: '',
  'media-rcv-ts-offset': 'reserved',
  'channel-rcv-ts-offset': 'reserved',
  'channel-snd-ts-offset': 'reserved',
  'response-correlation-id': 'prototype',
} as const;

type NumberOrWordKey = keyof typeof NUMBER_OR_WORD;
type Key = ParameterKey | NumberOrWordKey | 'response-endpoint' | 'ats';

type CamelCase<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text;

type ValueOf<K extends Key> = K extends 'session-id'
  ? number | `tag:${number}`
  : K extends NumberOrWordKey
    ? number | bigint | (typeof NUMBER_OR_WORD)[K]
    : K extends NumberKey
      ? number | string
      : K extends BoolKey | 'ats'
        ? boolean
        : K extends 'control-mode'
          ? 'dynamic' | 'manual' | 'response'
          : K extends 'group'
            ? 'true' | 'false' | 'infer'
            : string;

/**
 * Every parameter of a channel, typed: `termLength` is `term-length`. Sizes in bytes, or as text with k, m or g;
 * durations in nanoseconds, or as text with s, ms, us or ns. The response endpoint (`responseEndpoint`) is for
 * applications, `ats` for official premium drivers.
 */
export type ChannelParameters = {
  readonly [K in Key as CamelCase<K>]?: ValueOf<K> | null;
};

/** A channel to be built. */
export type ChannelSpec = ChannelParameters & {
  readonly media: 'udp' | 'ipc';
  /** True: a spy of a publication on this machine. */
  readonly isSpy?: boolean;
};

/**
 * The channel with these parameters, as text.
 *
 * ```ts
 * buildChannel({ media: 'udp', endpoint: 'localhost:20121', termLength: '64k', linger: '1s' });
 * // aeron:udp?endpoint=localhost:20121|term-length=64k|linger=1s
 * ```
 *
 * Throws AeronError `INVALID_CHANNEL` for a value that no driver takes, and for parameters that do not go together.
 */
export function buildChannel({ media, isSpy, ...parameters }: ChannelSpec): string {
  // A UDP channel without parameters is none yet: it gets its own in the next step.
  const scheme = `${isSpy === true ? 'aeron-spy:' : ''}aeron:${media}`;
  return modify(scheme, new Map(), parameters);
}

/**
 * The channel with some parameters changed: what is null is taken away, what is not named stays as it is, also what
 * nobody knows. Throws as {@link buildChannel}.
 */
export function modifyChannel(channel: string, parameters: ChannelParameters): string {
  const uri = ChannelUri.parse(channel);
  const mark = channel.indexOf('?');
  return modify(mark < 0 ? channel : channel.slice(0, mark), new Map(uri.entries()), parameters);
}

/**
 * The parameters with which a publication starts at a position of an earlier stream, to go on where that ended: spread
 * them into {@link buildChannel}. Throws AeronError `INVALID_CHANNEL` for a position that is no frame's.
 */
export function initialPosition(
  position: number,
  initialTermId: number,
  termLength: number,
): Pick<ChannelParameters, 'initTermId' | 'termId' | 'termOffset' | 'termLength'> {
  checkNumber('term-length', CHANNEL_PARAMETERS['term-length'], termLength);
  if (!(Number.isSafeInteger(position) && position >= 0 && position % 32 === 0)) {
    throw invalid(`position ${position} is not a multiple of 32 from 0 on`);
  }
  const termCount = Math.floor(position / termLength);
  return {
    initTermId: initialTermId,
    termId: (initialTermId + termCount) | 0,
    termOffset: position % termLength,
    termLength,
  };
}

function modify(scheme: string, values: Map<string, string>, parameters: ChannelParameters): string {
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    const key = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (value === null) values.delete(key);
    else values.set(key, textOf(key, value));
  }
  checkTogether(scheme, values);
  const query = Array.from(values, ([key, value]) => `${key}=${value}`).join('|');
  return ChannelUri.parse(query === '' ? scheme : `${scheme}?${query}`).toString();
}

function textOf(key: string, value: string | number | bigint | boolean): string {
  const refused = (expected: string) => invalid(`${key}=${value}: expected ${expected}`);
  if (key in NUMBER_OR_WORD) {
    const word = NUMBER_OR_WORD[key as NumberOrWordKey];
    if (value === word && word !== '') return word;
    const isInteger =
      typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);
    if (!isInteger) throw refused(word === '' ? 'an integer' : `an integer, or ${word}`);
    return String(value);
  }
  if (key === 'session-id' && typeof value === 'string') {
    if (!/^tag:\d+$/.test(value)) throw refused('an integer, or tag:<n>');
    return value;
  }
  const parameter = parameterOf(key);
  switch (parameter.kind) {
    case 'bool':
      if (typeof value !== 'boolean') throw refused('true or false');
      return String(value);
    case 'choice':
      if (!parameter.values!.includes(String(value))) throw refused(parameter.values!.join(', '));
      return String(value);
    case 'int':
      return String(checkNumber(key, parameter, Number(value)));
    case 'size':
      return formatSize(
        checkNumber(key, parameter, typeof value === 'string' ? parseSize(value) : Number(value)),
      );
    case 'duration':
      return formatDuration(
        checkNumber(key, parameter, typeof value === 'string' ? parseDurationNs(value) : Number(value)),
      );
    default:
      if (value === '' || String(value).includes('|')) throw refused('text without |');
      return String(value);
  }
}

function parameterOf(key: string): ChannelParameter {
  if (key in CHANNEL_PARAMETERS) return CHANNEL_PARAMETERS[key as ParameterKey];
  const common = { of: 'both', media: 'both', default: '', help: '' } as const;
  if (key === 'response-endpoint') return { kind: 'address', ...common };
  if (key === 'ats') return { kind: 'bool', ...common };
  throw invalid(`'${key}' is no parameter of a channel`);
}

function checkNumber(
  key: string,
  { min, max, multipleOf, isPowerOfTwo }: ChannelParameter,
  value: number,
): number {
  const low = min ?? 0;
  const high = max ?? Number.MAX_SAFE_INTEGER;
  if (!Number.isInteger(value) || value < low || value > high) {
    throw invalid(`${key}=${value}: expected an integer from ${low} to ${high}`);
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) {
    throw invalid(`${key}=${value}: expected a multiple of ${multipleOf}`);
  }
  if (isPowerOfTwo === true && !Number.isInteger(Math.log2(value))) {
    throw invalid(`${key}=${value}: expected a power of two`);
  }
  return value;
}

function checkTogether(scheme: string, values: ReadonlyMap<string, string>): void {
  const start = ['init-term-id', 'term-id', 'term-offset'].filter((key) => values.has(key));
  if (start.length !== 0 && start.length !== 3) {
    throw invalid(`${start.join(', ')} alone: init-term-id, term-id and term-offset go together`);
  }
  const mode = values.get('control-mode');
  const hasWay = values.has('endpoint') || values.has('control') || values.has('tags');
  if (scheme.endsWith('udp') && !hasWay && mode !== 'manual' && mode !== 'response') {
    throw invalid('a udp channel needs endpoint, control, tags, or control-mode manual or response');
  }
  if (mode === 'dynamic' && !values.has('control')) {
    throw invalid('control-mode=dynamic needs control, the address that receivers turn to');
  }
}

function invalid(why: string): AeronError {
  return new AeronError('INVALID_CHANNEL', why);
}
