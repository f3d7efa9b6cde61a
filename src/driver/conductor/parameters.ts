import { ErrorCode } from '../../cnc/error-codes.ts';
import {
  computePosition,
  maxMessageLength,
  positionBits,
  TERM_MIN_LENGTH,
} from '../../logbuffer/descriptor.ts';
import {
  type BoolKey,
  CHANNEL_PARAMETERS,
  faultOfNumber,
  type NumberKey,
  parseBool,
  parseNumber,
} from '../../uri/channel-parameters.ts';
import { messageOf } from '../../util/errors.ts';
import type { DriverOptions } from '../driver-options.ts';
import {
  type FlowControlParameters,
  groupFlowControl,
  unicastFlowControl,
} from '../flow/flow-control-uri.ts';
import { parseGroupTag } from '../group-tag.ts';
import type { UntetheredTimeouts } from '../messages.ts';
import type { Channel } from './channel.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import { CommandError } from './command-error.ts';

/** A publication that has nothing to do with response channels. */
export const NO_RESPONSE = -1;
/** A response publication that answers nobody: it keeps the endpoint open for those that will. */
export const PROTOTYPE_RESPONSE = -2;

/** Where a publication starts, when its channel says. */
export interface StartPosition {
  readonly initialTermId: number;
  readonly termId: number;
  readonly termOffset: number;
}

/** What a publication with `session-id=tag:…` has in common with the one of that tag. */
export interface TaggedSession {
  readonly sessionId: number;
  readonly termLength: number;
  readonly mtu: number;
}

/** What a publication's channel says, and the driver's settings where it does not. */
export interface PublicationParameters {
  /** Null: the driver chooses. */
  readonly sessionId: number | null;
  readonly termLength: number;
  readonly mtu: number;
  /** Null: at 0 of a random term. */
  readonly start: StartPosition | null;
  readonly isSparse: boolean;
  readonly signalEos: boolean;
  readonly lingerTimeoutNs: number;
  /** Bytes the publisher may be ahead. */
  readonly windowLength: number;
  readonly maxResend: number;
  readonly spiesSimulateConnection: boolean;
  readonly untethered: UntetheredTimeouts;
  /** It answers the image {@link responseCorrelationId}; otherwise that is the subscription for answers to it. */
  readonly isResponse: boolean;
  /** A registration id, {@link NO_RESPONSE} or {@link PROTOTYPE_RESPONSE}. */
  readonly responseCorrelationId: number;
  /** The value of `fc`; null: there is none. */
  readonly flowControl: string | null;
  /** What others may refer to it by. Null: nothing. */
  readonly entityTag: number | null;
  readonly buffers: SocketBuffers;
  /** Which of the lengths the channel itself says. */
  readonly given: { readonly termLength: boolean; readonly mtu: boolean };
}

/** Socket buffers of an endpoint in bytes; 0 leaves the system's. */
export interface SocketBuffers {
  readonly receiveBufferLength: number;
  readonly sendBufferLength: number;
}

/** What a subscription's channel says, and the driver's settings where it does not. */
export interface SubscriptionParameters {
  /** Null: every session. */
  readonly sessionId: number | null;
  readonly isReliable: boolean;
  readonly rejoin: boolean;
  /** It waits for the session of a response stream. */
  readonly isResponse: boolean;
  readonly tether: boolean;
  readonly untethered: UntetheredTimeouts;
  readonly isSparse: boolean;
  readonly windowLength: number;
  readonly nakDelayNs: number;
  /** What changes the window of an image. */
  readonly congestionControl: string;
  /** Whether streams are taken for those of a group; null: as sender and channel suggest. */
  readonly isGroup: boolean | null;
  /** What senders are told of the receiver; null: nothing. */
  readonly groupTag: bigint | null;
  readonly buffers: SocketBuffers;
}

/** `tagged` is null without `session-id=tag:…`. @throws CommandError naming the parameter and its value. */
export function publicationParameters(
  channel: Channel,
  options: DriverOptions,
  streamId: number,
  tagged: TaggedSession | null,
): PublicationParameters {
  const { uri } = channel;
  const isResponse = uri.get('control-mode') === 'response';
  const responseCorrelationId =
    parsed(channel, 'response-correlation-id', parseResponseCorrelationId) ?? NO_RESPONSE;
  const wantedStreamId = number(channel, 'stream-id');
  if (wantedStreamId !== null && wantedStreamId !== streamId) {
    throw refuse(
      `stream-id=${wantedStreamId} does not match provided streamId=${streamId}, channel=${channel.text}`,
    );
  }
  const isIpc = uri.media === 'ipc';
  const isPrototype = isResponse && responseCorrelationId === PROTOTYPE_RESPONSE;
  const wantedTermLength =
    number(channel, 'term-length') ??
    tagged?.termLength ??
    (isIpc ? options.ipcTermBufferLength : options.termBufferLength);
  const termLength = isPrototype ? TERM_MIN_LENGTH : checked('term-length', wantedTermLength);
  const mtu = number(channel, 'mtu') ?? tagged?.mtu ?? (isIpc ? options.ipcMtuLength : options.mtuLength);
  checked('mtu', mtu);
  const messageLengthMax = maxMessageLength(termLength);
  if (mtu > messageLengthMax) {
    throw refuse(
      `MTU greater than max message length for term length: mtu=${mtu} maxMessageLength=${messageLengthMax} ` +
        `termLength=${termLength} channel=${channel.text}`,
    );
  }
  if (tagged !== null) {
    sameAsTagged('term-length', termLength, tagged.termLength, channel);
    sameAsTagged('mtu', mtu, tagged.mtu, channel);
  }
  const maxResend = number(channel, 'max-resend') ?? options.maxResend;
  const buffers = socketBuffers(channel, options);
  if (!isIpc && buffers.sendBufferLength !== 0 && mtu > buffers.sendBufferLength) {
    throw refuse(`MTU greater than SO_SNDBUF for channel: mtu=${mtu} so-sndbuf=${buffers.sendBufferLength}`);
  }
  return {
    sessionId: tagged === null ? number(channel, 'session-id') : tagged.sessionId,
    termLength,
    mtu,
    flowControl: uri.get('fc') ?? null,
    start: startPosition(channel, termLength),
    isSparse: bool(channel, 'sparse') ?? options.termBufferSparseFile,
    signalEos: bool(channel, 'eos') ?? true,
    lingerTimeoutNs: number(channel, 'linger') ?? options.publicationLingerTimeoutNs,
    windowLength: publicationWindow(channel, options, termLength, mtu),
    maxResend,
    spiesSimulateConnection: bool(channel, 'ssc') ?? options.spiesSimulateConnection,
    untethered: untetheredTimeouts(channel, options),
    isResponse,
    responseCorrelationId,
    entityTag: channel.tags.entity,
    buffers,
    given: { termLength: uri.has('term-length'), mtu: uri.has('mtu') },
  };
}

/** @throws CommandError naming the parameter and its value. */
export function subscriptionParameters(channel: Channel, options: DriverOptions): SubscriptionParameters {
  // Means nothing to a subscription, but must be right, as with the official Java driver.
  startPosition(channel);
  return {
    sessionId: number(channel, 'session-id'),
    isReliable: bool(channel, 'reliable') ?? options.reliableStream,
    isResponse: channel.uri.get('control-mode') === 'response',
    rejoin: bool(channel, 'rejoin') ?? options.rejoinStream,
    tether: bool(channel, 'tether') ?? options.tetherSubscriptions,
    untethered: untetheredTimeouts(channel, options),
    isSparse: bool(channel, 'sparse') ?? options.termBufferSparseFile,
    windowLength: number(channel, 'rcv-wnd') ?? options.rcvInitialWindowLength,
    nakDelayNs: number(channel, 'nak-delay') ?? options.nakUnicastDelayNs,
    congestionControl: congestionControl(channel, options),
    isGroup: group(channel, options),
    groupTag: parsed(channel, 'gtag', parseGroupTag) ?? options.receiverGroupTag,
    buffers: socketBuffers(channel, options),
  };
}

/** @throws CommandError naming `fc` and its value. */
export function flowControlParameters(
  { flowControl: text }: PublicationParameters,
  { hasGroupSemantics }: ChannelEndpoint,
  options: DriverOptions,
): FlowControlParameters {
  try {
    return hasGroupSemantics ? groupFlowControl(text, options) : unicastFlowControl(text, options);
  } catch (error) {
    throw new CommandError(ErrorCode.GENERIC_ERROR, `fc=${text}: ${messageOf(error)}`, { cause: error });
  }
}

/** The position a publication starts at. */
export function positionOf(start: StartPosition | null, termLength: number): number {
  if (start === null) return 0;
  return computePosition(start.termId, start.termOffset, positionBits(termLength), start.initialTermId);
}

/** `termLength`: of a publication, which starts there. */
function startPosition(channel: Channel, termLength = Number.POSITIVE_INFINITY): StartPosition | null {
  const initialTermId = number(channel, 'init-term-id');
  const termId = number(channel, 'term-id');
  const termOffset = number(channel, 'term-offset');
  if (initialTermId === null && termId === null && termOffset === null) return null;
  if (initialTermId === null || termId === null || termOffset === null) {
    throw refuse(
      `params must be used as a complete set: init-term-id term-id term-offset channel=${channel.text}`,
    );
  }
  if (((termId - initialTermId) | 0) < 0) {
    throw refuse(
      `difference greater than 2^31 - 1: init-term-id=${initialTermId} when term-id=${termId} channel=${channel.text}`,
    );
  }
  if (termOffset > termLength) {
    throw refuse(`term-offset=${termOffset} > term-length=${termLength}: channel=${channel.text}`);
  }
  return { initialTermId, termId, termOffset };
}

function publicationWindow(
  channel: Channel,
  options: DriverOptions,
  termLength: number,
  mtu: number,
): number {
  const isIpc = channel.uri.media === 'ipc';
  const configured = isIpc ? options.ipcPublicationTermWindowLength : options.publicationTermWindowLength;
  const wanted = number(channel, 'pub-wnd');
  if (wanted === null) return configured === 0 ? termLength / 2 : Math.min(configured, termLength / 2);
  if (wanted < mtu) throw refuse(`pub-wnd=${wanted} cannot be less than the mtu=${mtu}`);
  if (wanted > termLength / 2)
    throw refuse(`pub-wnd=${wanted} must not exceed half the term-length=${termLength}`);
  return wanted;
}

function sameAsTagged(key: string, value: number, tagged: number, { text }: Channel): void {
  if (value === tagged) return;
  throw refuse(`${key}=${value} does not match session-id tag value: ${tagged}, channel=${text}`);
}

function parseResponseCorrelationId(text: string): number {
  if (text === 'prototype') return PROTOTYPE_RESPONSE;
  const id = Number(text);
  if (!/^-?\d{1,16}$/.test(text) || id < NO_RESPONSE || !Number.isSafeInteger(id)) {
    throw new Error("must be a number greater than or equal to -1, or 'prototype'");
  }
  return id;
}

function untetheredTimeouts(channel: Channel, options: DriverOptions): UntetheredTimeouts {
  const windowLimitNs =
    number(channel, 'untethered-window-limit-timeout') ?? options.untetheredWindowLimitTimeoutNs;
  const { untetheredLingerTimeoutNs } = options;
  const lingerNs = number(channel, 'untethered-linger-timeout') ?? untetheredLingerTimeoutNs;
  return {
    windowLimitNs,
    lingerNs: lingerNs === 0 ? windowLimitNs : lingerNs,
    restingNs: number(channel, 'untethered-resting-timeout') ?? options.untetheredRestingTimeoutNs,
  };
}

function socketBuffers(channel: Channel, options: DriverOptions): SocketBuffers {
  return {
    receiveBufferLength: number(channel, 'so-rcvbuf') ?? options.socketSoRcvbuf,
    sendBufferLength: number(channel, 'so-sndbuf') ?? options.socketSoSndbuf,
  };
}

function refuse(message: string): CommandError {
  return new CommandError(ErrorCode.GENERIC_ERROR, message);
}

function parsed<T>(channel: Channel, key: string, parse: (text: string) => T): T | null {
  const text = channel.uri.get(key) ?? null;
  if (text === null) return null;
  try {
    return parse(text);
  } catch (error) {
    throw new CommandError(ErrorCode.GENERIC_ERROR, `${key}=${text}: ${messageOf(error)}`, { cause: error });
  }
}

function number(channel: Channel, key: NumberKey): number | null {
  const value = parsed(channel, key, (text) => parseNumber(key, text));
  return value === null ? null : checked(key, value);
}

/** What a setting of the driver stands for must be right as well. */
function checked(key: NumberKey, value: number): number {
  const fault = faultOfNumber(key, value);
  if (fault !== null) throw refuse(officialText(key, value) ?? fault);
  return value;
}

/** How the official drivers put it that a value is out of range, where they do. */
function officialText(key: NumberKey, value: number): string | null {
  const { min = 0, max = 0, multipleOf = 1 } = CHANNEL_PARAMETERS[key];
  const isInRange = value >= min && value <= max;
  switch (key) {
    case 'term-length':
      if (isInRange) return `Term length not a power of 2: length=${value}`;
      return value < min
        ? `Term length less than min length of ${min}: length=${value}`
        : `Term length more than max length of ${max}: length=${value}`;
    case 'mtu':
      return value % multipleOf === 0
        ? `mtuLength must be a > HEADER_LENGTH and <= MAX_UDP_PAYLOAD_LENGTH: mtuLength=${value}`
        : `mtuLength must be a multiple of FRAME_ALIGNMENT: mtuLength=${value}`;
    case 'term-offset':
      return isInRange
        ? `term-offset=${value} must be a multiple of FRAME_ALIGNMENT`
        : `term-offset=${value} out of range`;
    case 'max-resend':
      return `invalid max-resend=${value}, must be > 0 and <= ${max}`;
    default:
      return null;
  }
}

function bool(channel: Channel, key: BoolKey): boolean | null {
  return parsed(channel, key, parseBool);
}

const GROUP_CONSIDERATIONS: Readonly<Record<string, boolean | null>> = {
  true: true,
  false: false,
  infer: null,
};

function congestionControl(channel: Channel, options: DriverOptions): string {
  const name = channel.uri.get('cc') ?? 'static';
  if (name !== 'static' && name !== 'cubic') throw refuse(`unsupported congestion control : cc=${name}`);
  return options.congestionControlSupplier === 'default' ? name : options.congestionControlSupplier;
}

function group(channel: Channel, { receiverGroupConsideration }: DriverOptions): boolean | null {
  const text = channel.uri.get('group') ?? receiverGroupConsideration;
  const isGroup = Object.hasOwn(GROUP_CONSIDERATIONS, text) ? GROUP_CONSIDERATIONS[text]! : undefined;
  if (isGroup === undefined) throw refuse(`group=${text}: expected true, false or infer`);
  return isGroup;
}
