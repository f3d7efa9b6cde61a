import type { Region } from '../memory/region.ts';
import { DATA_SESSION_ID, DATA_STREAM_ID, DATA_TERM_ID, FLAG_UNFRAGMENTED } from '../protocol/data-frame.ts';
import { HEADER_LENGTH, TYPE_DATA, writeFrameHeader } from '../protocol/frame.ts';
import { isPowerOfTwo } from '../util/bits.ts';
import { AeronError } from '../util/errors.ts';
import * as descriptor from './descriptor.ts';

const {
  LOG_METADATA_LENGTH,
  PAGE_MAX_LENGTH,
  PAGE_MIN_LENGTH,
  PARTITION_COUNT,
  TERM_MAX_LENGTH,
  TERM_MIN_LENGTH,
} = descriptor;

const INT64_MAX = 0x7fffffffffffffffn;

/** What a new log is made from. Lengths in bytes; what is optional is written into the metadata for others to read. */
export interface LogParameters {
  readonly logType: 'concurrentPublication' | 'exclusivePublication' | 'image';
  readonly registrationId: number;
  readonly sessionId: number;
  readonly streamId: number;
  readonly initialTermId: number;
  readonly termLength: number;
  readonly mtu: number;
  /** A multiple of 32; publications start their tails here. 0 when absent. */
  readonly startPosition?: number;
  /** 4096 when absent. */
  readonly pageSize?: number;
  /** False takes the disk or memory space at once. True when absent. */
  readonly isSparse?: boolean;
  readonly publicationWindowLength?: number;
  readonly receiverWindowLength?: number;
  readonly socketSndbufLength?: number;
  readonly osDefaultSndbufLength?: number;
  readonly osMaxSndbufLength?: number;
  readonly socketRcvbufLength?: number;
  readonly osDefaultRcvbufLength?: number;
  readonly osMaxRcvbufLength?: number;
  readonly maxResend?: number;
  /** -1 is none, and the default of publications; images have 0. */
  readonly entityTag?: number;
  /** As {@link LogParameters.entityTag}. */
  readonly responseCorrelationId?: number;
  readonly lingerTimeoutNs?: number;
  readonly untetheredWindowLimitTimeoutNs?: number;
  readonly untetheredLingerTimeoutNs?: number;
  readonly untetheredRestingTimeoutNs?: number;
  readonly isGroup?: boolean;
  readonly isResponse?: boolean;
  readonly rejoin?: boolean;
  readonly isReliable?: boolean;
  readonly signalEos?: boolean;
  readonly spiesSimulateConnection?: boolean;
  readonly tether?: boolean;
}

const LOG_TYPES = {
  concurrentPublication: descriptor.LOG_TYPE_CONCURRENT_PUBLICATION,
  exclusivePublication: descriptor.LOG_TYPE_EXCLUSIVE_PUBLICATION,
  image: descriptor.LOG_TYPE_IMAGE,
} as const;

/** Fills in the metadata of a log of zeros. */
export function writeMetadata(region: Region, metadata: number, parameters: LogParameters): void {
  const view = new DataView(region.buffer, metadata, LOG_METADATA_LENGTH);
  const isImage = parameters.logType === 'image';
  const noTag = isImage ? 0 : -1;
  const int32 = (offset: number, value: number) => view.setInt32(offset, value, true);
  const int64 = (offset: number, value: number) => view.setBigInt64(offset, BigInt(value), true);
  const bool = (offset: number, value: boolean) => view.setUint8(offset, value ? 1 : 0);

  view.setBigInt64(descriptor.LOG_END_OF_STREAM_POSITION, INT64_MAX, true);
  int64(descriptor.LOG_CORRELATION_ID, parameters.registrationId);
  int32(descriptor.LOG_INITIAL_TERM_ID, parameters.initialTermId);
  int32(descriptor.LOG_DEFAULT_HEADER_LENGTH, HEADER_LENGTH);
  int32(descriptor.LOG_MTU_LENGTH, parameters.mtu);
  int32(descriptor.LOG_TERM_LENGTH, parameters.termLength);
  int32(descriptor.LOG_PAGE_SIZE, parameters.pageSize ?? PAGE_MIN_LENGTH);
  int32(descriptor.LOG_PUBLICATION_WINDOW_LENGTH, parameters.publicationWindowLength ?? 0);
  int32(descriptor.LOG_RECEIVER_WINDOW_LENGTH, parameters.receiverWindowLength ?? 0);
  int32(descriptor.LOG_SOCKET_SNDBUF_LENGTH, parameters.socketSndbufLength ?? 0);
  int32(descriptor.LOG_OS_DEFAULT_SNDBUF_LENGTH, parameters.osDefaultSndbufLength ?? 0);
  int32(descriptor.LOG_OS_MAX_SNDBUF_LENGTH, parameters.osMaxSndbufLength ?? 0);
  int32(descriptor.LOG_SOCKET_RCVBUF_LENGTH, parameters.socketRcvbufLength ?? 0);
  int32(descriptor.LOG_OS_DEFAULT_RCVBUF_LENGTH, parameters.osDefaultRcvbufLength ?? 0);
  int32(descriptor.LOG_OS_MAX_RCVBUF_LENGTH, parameters.osMaxRcvbufLength ?? 0);
  int32(descriptor.LOG_MAX_RESEND, parameters.maxResend ?? 0);

  const header = descriptor.LOG_DEFAULT_FRAME_HEADER;
  writeFrameHeader(view, header, 0, FLAG_UNFRAGMENTED, TYPE_DATA);
  int32(header + DATA_SESSION_ID, parameters.sessionId);
  int32(header + DATA_STREAM_ID, parameters.streamId);
  int32(header + DATA_TERM_ID, parameters.initialTermId);

  int64(descriptor.LOG_ENTITY_TAG, parameters.entityTag ?? noTag);
  int64(descriptor.LOG_RESPONSE_CORRELATION_ID, parameters.responseCorrelationId ?? noTag);
  int64(descriptor.LOG_LINGER_TIMEOUT_NS, parameters.lingerTimeoutNs ?? 0);
  int64(descriptor.LOG_UNTETHERED_WINDOW_LIMIT_TIMEOUT_NS, parameters.untetheredWindowLimitTimeoutNs ?? 0);
  int64(descriptor.LOG_UNTETHERED_LINGER_TIMEOUT_NS, parameters.untetheredLingerTimeoutNs ?? 0);
  int64(descriptor.LOG_UNTETHERED_RESTING_TIMEOUT_NS, parameters.untetheredRestingTimeoutNs ?? 0);
  bool(descriptor.LOG_GROUP, parameters.isGroup ?? false);
  bool(descriptor.LOG_IS_RESPONSE, parameters.isResponse ?? false);
  bool(descriptor.LOG_REJOIN, parameters.rejoin ?? false);
  bool(descriptor.LOG_RELIABLE, parameters.isReliable ?? false);
  bool(descriptor.LOG_SPARSE, parameters.isSparse ?? true);
  bool(descriptor.LOG_SIGNAL_EOS, parameters.signalEos ?? false);
  bool(descriptor.LOG_SPIES_SIMULATE_CONNECTION, parameters.spiesSimulateConnection ?? false);
  bool(descriptor.LOG_TETHER, parameters.tether ?? false);
  view.setUint8(descriptor.LOG_TYPE, LOG_TYPES[parameters.logType]);

  if (!isImage) writeTails(view, parameters);
}

/**
 * The term of the start position is active. The other two partitions say that they last held the terms three before the
 * ones they will hold next, which is what rotation expects.
 */
function writeTails(view: DataView, parameters: LogParameters): void {
  const { initialTermId, termLength, startPosition = 0 } = parameters;
  const termCount = descriptor.termCountOf(startPosition, descriptor.positionBits(termLength));
  const termOffset = descriptor.termOffsetOf(startPosition, termLength);
  for (let i = 0; i < PARTITION_COUNT; i++) {
    const tail = descriptor.LOG_TAIL_COUNTERS + 8 * ((termCount + i) % PARTITION_COUNT);
    const termId = (initialTermId + termCount + (i === 0 ? 0 : i - PARTITION_COUNT)) | 0;
    view.setInt32(tail, i === 0 ? termOffset : 0, true);
    view.setInt32(tail + 4, termId, true);
  }
  view.setInt32(descriptor.LOG_ACTIVE_TERM_COUNT, termCount, true);
}

/** Throws AeronError `MALFORMED_LOG` when the file at `path` cannot be a log. Otherwise returns where its metadata is. */
export function checkMetadata(region: Region, path: string): number {
  const malformed = (why: string) => new AeronError('MALFORMED_LOG', `${path}: ${why}`);
  const fileLength = region.byteLength;
  if (fileLength < PARTITION_COUNT * TERM_MIN_LENGTH + LOG_METADATA_LENGTH || fileLength % 8 !== 0) {
    throw malformed(`${fileLength} bytes are no log buffer's length`);
  }
  const metadata = fileLength - LOG_METADATA_LENGTH;
  const termLength = region.view.getInt32(metadata + descriptor.LOG_TERM_LENGTH, true);
  const pageSize = region.view.getInt32(metadata + descriptor.LOG_PAGE_SIZE, true);
  if (!isPowerOfTwo(termLength) || termLength < TERM_MIN_LENGTH || termLength > TERM_MAX_LENGTH) {
    throw malformed(
      `term length ${termLength} is not a power of two from ${TERM_MIN_LENGTH} to ${TERM_MAX_LENGTH}`,
    );
  }
  if (!isPowerOfTwo(pageSize) || pageSize < PAGE_MIN_LENGTH || pageSize > PAGE_MAX_LENGTH) {
    throw malformed(
      `page size ${pageSize} is not a power of two from ${PAGE_MIN_LENGTH} to ${PAGE_MAX_LENGTH}`,
    );
  }
  const expectedLength = descriptor.logFileLength(termLength, pageSize);
  if (fileLength !== expectedLength) {
    throw malformed(
      `${fileLength} bytes, but terms of ${termLength} and pages of ${pageSize} make ${expectedLength}`,
    );
  }
  return metadata;
}
