import type { CapturedFrame } from '../../capture/capture-reader.ts';
import { describeFrame } from '../../protocol/describe-frame.ts';
import type { DecodedFrame } from './decoded-frame.ts';

const NS_PER_DAY = 86_400_000_000_000n;
const NS_PER_SECOND = 1_000_000_000n;
/** Bytes of a payload that describing it may read. */
const DESCRIBED_LENGTH = 64;

/** One frame, for people: time of day (UTC), direction, addresses, what is in it. */
export function frameLine(frame: CapturedFrame, decoded: DecodedFrame): string {
  const { source, destination, sourcePort, destinationPort } = decoded;
  const from = sourcePort === null ? source : `${source}:${sourcePort}`;
  const to = destinationPort === null ? destination : `${destination}:${destinationPort}`;
  const way = frame.isOut ? 'out' : 'in ';
  const ends = from === null ? '' : ` ${from} > ${to}`;
  return `${timeOfDay(frame.epochNs)} ${way}${ends} ${contentOf(frame, decoded)}`;
}

function timeOfDay(epochNs: bigint): string {
  const ns = epochNs % NS_PER_DAY;
  const seconds = Number(ns / NS_PER_SECOND);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = parts.map((part) => String(part).padStart(2, '0')).join(':');
  return `${clock}.${String(ns % NS_PER_SECOND).padStart(9, '0')}`;
}

function contentOf({ bytes, wireLength }: CapturedFrame, decoded: DecodedFrame): string {
  const { network, transport, aeron, payloadOffset } = decoded;
  if (aeron === null || payloadOffset === null) {
    return `${transport === null || transport === 'other' ? network : transport} length=${wireLength}`;
  }
  // Describing reads words that the snap length may have cut off: they count as zero then.
  const head = Buffer.alloc(DESCRIBED_LENGTH);
  bytes.copy(head, 0, payloadOffset);
  const view = new DataView(head.buffer, head.byteOffset, DESCRIBED_LENGTH);
  const length = bytes.readUInt16BE(payloadOffset - 4) - 8;
  return describeFrame(view, 0, length);
}
