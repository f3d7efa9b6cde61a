/** What the sender of a stream of stream-fixtures.ts sends to its receivers, and what they send back. */
import { Region } from '../../src/memory/region.ts';
import { FLAG_UNFRAGMENTED, writeHeartbeat } from '../../src/protocol/data-frame.ts';
import { TYPE_DATA, TYPE_PAD } from '../../src/protocol/frame.ts';
import { writeSetup } from '../../src/protocol/setup-frame.ts';
import type { SentDatagram } from './scripted-transport.ts';
import { INITIAL_TERM_ID, MTU, SESSION_ID, STREAM_ID, TERM_LENGTH } from './stream-fixtures.ts';

/** Types of frames. */
export const NAK = 2;
export const SM = 3;
export const ERR = 4;
export const RTTM = 6;

const scratch = Region.allocate(65536);

/** A datagram with one data frame of `frameLength` at a position. */
export function data(position: number, frameLength: number, fill = 0x5a, type: number = TYPE_DATA): Buffer {
  const termOffset = position % TERM_LENGTH;
  const termId = (INITIAL_TERM_ID + Math.floor(position / TERM_LENGTH)) | 0;
  const length = type === TYPE_PAD ? 32 : (frameLength + 31) & ~31;
  const view = scratch.view;
  scratch.bytes.fill(0, 0, length).fill(fill, 32, Math.max(32, Math.min(frameLength, length)));
  writeHeartbeat(view, 0, FLAG_UNFRAGMENTED, termOffset, SESSION_ID, STREAM_ID, termId);
  view.setInt32(0, frameLength, true);
  view.setUint16(6, type, true);
  return Buffer.from(scratch.bytes.subarray(0, length));
}

/** A heartbeat, which at a later position than what has come announces what is between. */
export function heartbeat(position: number, flags = 0): Buffer {
  const offset = position % TERM_LENGTH;
  const termId = (INITIAL_TERM_ID + Math.floor(position / TERM_LENGTH)) | 0;
  const all = FLAG_UNFRAGMENTED | flags;
  const length = writeHeartbeat(scratch.view, 0, all, offset, SESSION_ID, STREAM_ID, termId);
  return Buffer.from(scratch.bytes.subarray(0, length));
}

export function setup(
  activeTermId: number = INITIAL_TERM_ID,
  termOffset = 0,
  sessionId: number = SESSION_ID,
): Buffer {
  const length = writeSetup(
    scratch.view,
    0,
    0,
    termOffset,
    sessionId,
    STREAM_ID,
    INITIAL_TERM_ID,
    activeTermId,
    TERM_LENGTH,
    MTU,
    0,
  );
  return Buffer.from(scratch.bytes.subarray(0, length));
}

/** The datagrams of one type of frame. */
export function ofType(sent: readonly SentDatagram[], type: number): SentDatagram[] {
  return sent.filter(({ view }) => view.getUint16(6, true) === type);
}
