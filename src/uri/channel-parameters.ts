import { isPowerOfTwo } from '../util/bits.ts';
import { parseDurationNs, parseSize } from './units.ts';

/** What a parameter's text is. */
export type ParameterKind =
  | 'bool'
  | 'int'
  /** Bytes: `64k`, `16m`, `1g`. */
  | 'size'
  /** Nanoseconds: `100us`, `5s`; a bare number is nanoseconds. */
  | 'duration'
  | 'choice'
  /** `host:port`. */
  | 'address'
  | 'text';

/** One parameter of a channel. */
export interface ChannelParameter {
  readonly kind: ParameterKind;
  /** What it is read of: publications, subscriptions, or both. Of others it is ignored. */
  readonly of: 'publications' | 'subscriptions' | 'both';
  readonly media: 'udp' | 'ipc' | 'both';
  /** What holds without it: a setting of the driver, or what is said here. */
  readonly default: string;
  /** Smallest and largest value, both allowed. */
  readonly min?: number;
  readonly max?: number;
  readonly multipleOf?: number;
  readonly isPowerOfTwo?: boolean;
  /** Of a choice. */
  readonly values?: readonly string[];
  /** One line for the reference page. */
  readonly help: string;
}

/** Parameters whose values are numbers: of sizes bytes, of durations nanoseconds. */
export type NumberKey =
  | 'session-id'
  | 'stream-id'
  | 'term-length'
  | 'mtu'
  | 'init-term-id'
  | 'term-id'
  | 'term-offset'
  | 'pub-wnd'
  | 'linger'
  | 'max-resend'
  | 'untethered-window-limit-timeout'
  | 'untethered-linger-timeout'
  | 'untethered-resting-timeout'
  | 'rcv-wnd'
  | 'nak-delay'
  | 'so-rcvbuf'
  | 'so-sndbuf'
  | 'ttl';
export type BoolKey = 'eos' | 'sparse' | 'ssc' | 'reliable' | 'rejoin' | 'tether';
export type ChoiceKey = 'control-mode' | 'group';
/** Parameters that have a syntax of their own, or none. */
export type TextKey =
  | 'endpoint'
  | 'interface'
  | 'control'
  | 'tags'
  | 'alias'
  | 'fc'
  | 'gtag'
  | 'response-correlation-id'
  | 'cc'
  | 'media-rcv-ts-offset'
  | 'channel-rcv-ts-offset'
  | 'channel-snd-ts-offset';
export type ParameterKey = NumberKey | BoolKey | ChoiceKey | TextKey;

const INT32 = { kind: 'int', min: -2147483648, max: 2147483647 } as const;
const TERM_LENGTH_MAX = 1073741824;
const MTU_MAX = 65504;

/** Every parameter that a driver reads; others are kept and mean nothing to it. */
// biome-ignore format: one entry reads best as one or two lines
export const CHANNEL_PARAMETERS: Readonly<Record<ParameterKey, ChannelParameter>> = {
  endpoint: { kind: 'address', of: 'both', media: 'udp', default: '',
    help: 'where publications send to and subscriptions receive at; port 0 of a subscription takes a free one' },
  interface: { kind: 'text', of: 'both', media: 'udp', default: 'any',
    help: 'the local address or interface: address[:port][/prefix] or {name}' },
  control: { kind: 'address', of: 'both', media: 'udp', default: '',
    help: 'of publications the local address, port 0 takes a free one; of subscriptions where the sender listens' },
  'control-mode': { kind: 'choice', of: 'both', media: 'both', values: ['dynamic', 'manual', 'response'], default: '',
    help: 'how receivers are found: they come to control, or destinations are added by hand; or a response channel' },
  tags: { kind: 'text', of: 'both', media: 'both', default: '',
    help: 'channel[,entity]: whole numbers by which other channels name this endpoint and this publication' },
  alias: { kind: 'text', of: 'both', media: 'both', default: '', help: 'a name for people; the driver ignores it' },
  'session-id': { ...INT32, of: 'both', media: 'both',
    default: 'the driver chooses; subscriptions: every session',
    help: 'the session; of publications also tag:entity, the session of the publication with that entity tag' },
  'stream-id': { ...INT32, of: 'publications', media: 'both', default: 'that of the command',
    help: 'must be the stream that is asked for' },
  'term-length': { kind: 'size', min: 65536, max: TERM_LENGTH_MAX, isPowerOfTwo: true, of: 'publications', media: 'both',
    default: 'aeron.term.buffer.length, aeron.ipc.term.buffer.length', help: 'term of the log' },
  mtu: { kind: 'size', min: 64, max: MTU_MAX, multipleOf: 32, of: 'publications', media: 'both',
    default: 'aeron.mtu.length, aeron.ipc.mtu.length', help: 'largest datagram payload, or frame of IPC' },
  'init-term-id': { ...INT32, of: 'publications', media: 'both', default: 'random',
    help: 'first term of the stream; goes with term-id and term-offset' },
  'term-id': { ...INT32, of: 'publications', media: 'both', default: 'init-term-id',
    help: 'term in which the publication starts: not before init-term-id' },
  'term-offset': { kind: 'int', min: 0, max: TERM_LENGTH_MAX, multipleOf: 32, of: 'publications', media: 'both',
    default: '0', help: 'where in that term it starts' },
  'pub-wnd': { kind: 'size', min: 0, max: TERM_LENGTH_MAX, of: 'publications', media: 'both',
    default: 'aeron.publication.term.window.length, aeron.ipc.publication.term.window.length',
    help: 'bytes the publisher may be ahead: from mtu to half a term' },
  linger: { kind: 'duration', of: 'publications', media: 'both', default: 'aeron.publication.linger.timeout',
    help: 'a closed publication answers NAKs for so long' },
  eos: { kind: 'bool', of: 'publications', media: 'udp', default: 'true', help: 'receivers are told of the end of the stream' },
  sparse: { kind: 'bool', of: 'both', media: 'both', default: 'aeron.term.buffer.sparse.file',
    help: 'take the pages of the log when they are first touched' },
  ssc: { kind: 'bool', of: 'publications', media: 'udp', default: 'aeron.spies.simulate.connection',
    help: 'spies alone connect the publication' },
  'max-resend': { kind: 'int', min: 1, max: 256, of: 'publications', media: 'udp', default: 'aeron.max.resend',
    help: 'retransmissions at a time, of a stream to a group' },
  fc: { kind: 'text', of: 'publications', media: 'udp', default: 'aeron.multicast.FlowControl.supplier',
    help: 'flow control of a group: max, min or tagged, with g:[tag][/size], t:timeout and rrwm:n' },
  reliable: { kind: 'bool', of: 'subscriptions', media: 'udp', default: 'aeron.reliable.stream',
    help: 'ask again for what was lost; false: fill the gap' },
  rejoin: { kind: 'bool', of: 'subscriptions', media: 'both', default: 'aeron.rejoin.stream',
    help: 'join a stream again after its image went away' },
  tether: { kind: 'bool', of: 'subscriptions', media: 'both', default: 'aeron.tether.subscriptions',
    help: 'false: the subscriber is left behind when it holds the stream back for too long' },
  'untethered-window-limit-timeout': { kind: 'duration', of: 'both', media: 'both',
    default: 'aeron.untethered.window.limit.timeout', help: 'so long an untethered subscriber may hold the stream back' },
  'untethered-linger-timeout': { kind: 'duration', of: 'both', media: 'both',
    default: 'aeron.untethered.linger.timeout', help: 'so long it still counts after its image went' },
  'untethered-resting-timeout': { kind: 'duration', of: 'both', media: 'both',
    default: 'aeron.untethered.resting.timeout', help: 'after so long it comes back' },
  group: { kind: 'choice', of: 'subscriptions', media: 'udp', values: ['true', 'false', 'infer'],
    default: 'aeron.receiver.group.consideration', help: 'whether there are other receivers, so that NAKs wait' },
  gtag: { kind: 'text', of: 'subscriptions', media: 'udp', default: 'aeron.receiver.group.tag',
    help: 'group tag that senders are told: a 64-bit integer' },
  'response-correlation-id': { kind: 'text', of: 'publications', media: 'both', default: '',
    help: 'of requests the id of the subscription for responses; with control-mode=response that of the image, or prototype' },
  'rcv-wnd': { kind: 'size', min: 0, max: TERM_LENGTH_MAX, of: 'subscriptions', media: 'udp',
    default: 'aeron.rcv.initial.window.length', help: 'receiver window: at most so-rcvbuf' },
  'nak-delay': { kind: 'duration', of: 'subscriptions', media: 'udp', default: 'aeron.nak.unicast.delay',
    help: 'wait before the first NAK of a gap, of a stream with one receiver' },
  cc: { kind: 'text', of: 'subscriptions', media: 'udp', default: 'static',
    help: 'congestion control: how the receiver window changes' },
  'so-rcvbuf': { kind: 'size', min: 0, max: INT32.max, of: 'both', media: 'udp', default: 'aeron.socket.so_rcvbuf',
    help: 'receive buffer of the socket; channels that share an endpoint say the same' },
  'so-sndbuf': { kind: 'size', min: 0, max: INT32.max, of: 'both', media: 'udp', default: 'aeron.socket.so_sndbuf',
    help: 'send buffer of the socket: at least mtu' },
  ttl: { kind: 'int', min: 0, max: INT32.max, of: 'both', media: 'udp', default: 'aeron.socket.multicast.ttl',
    help: 'time to live of multicast; more than 255 is 255' },
  'media-rcv-ts-offset': { kind: 'text', of: 'subscriptions', media: 'udp', default: 'none',
    help: 'where in messages to write when the machine had them, ns since 1970: bytes of the payload, or reserved' },
  'channel-rcv-ts-offset': { kind: 'text', of: 'subscriptions', media: 'udp', default: 'none',
    help: 'the same, when the receiver had them' },
  'channel-snd-ts-offset': { kind: 'text', of: 'publications', media: 'udp', default: 'none',
    help: 'where in the first message of each datagram to write when it was sent' },
};

/** The number that a parameter's text means. @throws Error that says what is wrong with the text, not with the value. */
export function parseNumber(key: NumberKey, text: string): number {
  switch (CHANNEL_PARAMETERS[key].kind) {
    case 'size':
      return parseSize(text);
    case 'duration':
      return parseDurationNs(text);
    default:
      if (!/^[-+]?\d{1,15}$/.test(text)) throw new Error('expected an integer');
      return Number(text);
  }
}

/** What is wrong with a number, for which a setting may stand as well as a channel; `null`: nothing. */
export function faultOfNumber(key: NumberKey, value: number): string | null {
  const {
    min = 0,
    max = Number.MAX_SAFE_INTEGER,
    multipleOf = 1,
    isPowerOfTwo: needsPower = false,
  } = CHANNEL_PARAMETERS[key];
  const isInRange = value >= min && value <= max;
  if (needsPower) {
    return isInRange && isPowerOfTwo(value)
      ? null
      : `${key}=${value} is not a power of two from ${min} to ${max}`;
  }
  if (multipleOf > 1) {
    const fits = isInRange && value % multipleOf === 0;
    return fits ? null : `${key}=${value} is not a multiple of ${multipleOf} from ${min} to ${max}`;
  }
  if (isInRange) return null;
  if (min === INT32.min) return `${key}=${value} does not fit into 32 bits`;
  return `${key}=${value} is outside ${min} to ${max}`;
}

/** @throws Error unless it is `true` or `false`. */
export function parseBool(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new Error('expected true or false');
}

/** @throws Error unless it is one of the parameter's values. */
export function parseChoice(key: ChoiceKey, text: string): string {
  const { values = [] } = CHANNEL_PARAMETERS[key];
  if (values.includes(text)) return text;
  throw new Error(`expected ${values.join(', ')}`);
}
