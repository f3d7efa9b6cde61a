// hot
import { HEADER_LENGTH } from '../protocol/frame.ts';
import { align, align32 } from '../util/bits.ts';

/**
 * A log buffer file: three terms of equal length, one after the other, padding, and 4 KiB of metadata at the very end.
 * A stream fills the terms in turn; a position counts its bytes from the initial term's start.
 */
export const PARTITION_COUNT = 3;
export const TERM_MIN_LENGTH = 65536;
export const TERM_MAX_LENGTH = 1073741824;
export const PAGE_MIN_LENGTH = 4096;
export const PAGE_MAX_LENGTH = 1073741824;
export const LOG_METADATA_LENGTH = 4096;

/** Offsets from the start of the metadata. Three 64-bit raw tails: term id in the high half, offset in the low one. */
export const LOG_TAIL_COUNTERS = 0;
export const LOG_ACTIVE_TERM_COUNT = 24;
export const LOG_END_OF_STREAM_POSITION = 128;
export const LOG_IS_CONNECTED = 136;
export const LOG_ACTIVE_TRANSPORT_COUNT = 140;
/** The id of the command or the image that made the log. */
export const LOG_CORRELATION_ID = 256;
export const LOG_INITIAL_TERM_ID = 264;
export const LOG_DEFAULT_HEADER_LENGTH = 268;
export const LOG_MTU_LENGTH = 272;
export const LOG_TERM_LENGTH = 276;
export const LOG_PAGE_SIZE = 280;
export const LOG_PUBLICATION_WINDOW_LENGTH = 284;
export const LOG_RECEIVER_WINDOW_LENGTH = 288;
export const LOG_SOCKET_SNDBUF_LENGTH = 292;
export const LOG_OS_DEFAULT_SNDBUF_LENGTH = 296;
export const LOG_OS_MAX_SNDBUF_LENGTH = 300;
export const LOG_SOCKET_RCVBUF_LENGTH = 304;
export const LOG_OS_DEFAULT_RCVBUF_LENGTH = 308;
export const LOG_OS_MAX_RCVBUF_LENGTH = 312;
export const LOG_MAX_RESEND = 316;
/** A frame header to start from; 32 of 128 bytes are used. */
export const LOG_DEFAULT_FRAME_HEADER = 320;
export const LOG_ENTITY_TAG = 448;
export const LOG_RESPONSE_CORRELATION_ID = 456;
export const LOG_LINGER_TIMEOUT_NS = 464;
export const LOG_UNTETHERED_WINDOW_LIMIT_TIMEOUT_NS = 472;
export const LOG_UNTETHERED_RESTING_TIMEOUT_NS = 480;
/** From here on single bytes. */
export const LOG_GROUP = 488;
export const LOG_IS_RESPONSE = 489;
export const LOG_REJOIN = 490;
export const LOG_RELIABLE = 491;
export const LOG_SPARSE = 492;
export const LOG_SIGNAL_EOS = 493;
export const LOG_SPIES_SIMULATE_CONNECTION = 494;
export const LOG_TETHER = 495;
export const LOG_IS_PUBLICATION_REVOKED = 496;
export const LOG_TYPE = 497;
/** 64 bits, aligned to 4 only. */
export const LOG_UNTETHERED_LINGER_TIMEOUT_NS = 500;

/** Values of {@link LOG_TYPE}. */
export const LOG_TYPE_CONCURRENT_PUBLICATION = 0;
export const LOG_TYPE_EXCLUSIVE_PUBLICATION = 1;
export const LOG_TYPE_IMAGE = 2;

const MESSAGE_MAX_LENGTH = 16777216;

/** Bytes of a log file with terms of `termLength`. */
export function logFileLength(termLength: number, pageSize: number): number {
  return align(PARTITION_COUNT * termLength + LOG_METADATA_LENGTH, pageSize);
}

/** The binary logarithm of a term length. */
export function positionBits(termLength: number): number {
  return 31 - Math.clz32(termLength);
}

/** The position of an offset in a term. Term ids wrap around, so the term id may be the smaller number. */
export function computePosition(
  termId: number,
  termOffset: number,
  bits: number,
  initialTermId: number,
): number {
  return ((termId - initialTermId) | 0) * (1 << bits) + termOffset;
}

/** The term that a position is in. */
export function termIdOf(position: number, bits: number, initialTermId: number): number {
  return (termCountOf(position, bits) + initialTermId) | 0;
}

/** How many terms lie before the one that a position is in. Below 2^31, by the protocol. */
export function termCountOf(position: number, bits: number): number {
  return (position / (1 << bits)) | 0;
}

/** Where in its term a position is. */
export function termOffsetOf(position: number, termLength: number): number {
  // A bitwise operator sees a double modulo 2^32, so this is right for positions of any size.
  return position & (termLength - 1);
}

/** Which of the three terms of the file a position is in. */
export function partitionIndexOf(position: number, bits: number): number {
  return termCountOf(position, bits) % PARTITION_COUNT;
}

/** Which of the three terms of the file holds `termId`. */
export function partitionIndexByTerm(initialTermId: number, termId: number): number {
  return ((termId - initialTermId) | 0) % PARTITION_COUNT;
}

/** Bytes of the longest message, fragmented or not. */
export function maxMessageLength(termLength: number): number {
  return Math.min(termLength >> 3, MESSAGE_MAX_LENGTH);
}

/** Bytes of a term that a message takes: its frames, each aligned. `maxPayloadLength` is that of a frame. */
export function framedLength(length: number, maxPayloadLength: number): number {
  if (length <= maxPayloadLength) return align32(length + HEADER_LENGTH);
  const lastLength = length % maxPayloadLength;
  const fullFrames = (length - lastLength) / maxPayloadLength;
  const lastFrame = lastLength === 0 ? 0 : align32(lastLength + HEADER_LENGTH);
  return fullFrames * (maxPayloadLength + HEADER_LENGTH) + lastFrame;
}
