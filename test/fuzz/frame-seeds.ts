import {
  FLAG_BEGIN,
  FLAG_END,
  FLAG_EOS,
  FLAG_REVOKED,
  FLAG_UNFRAGMENTED,
} from '../../src/protocol/data-frame.ts';
import { writeError } from '../../src/protocol/error-frame.ts';
import {
  FLAGS,
  FRAME_LENGTH,
  TYPE,
  TYPE_DATA,
  TYPE_PAD,
  TYPE_RES,
  VERSION,
  writeFrameHeader,
} from '../../src/protocol/frame.ts';
import { writeNak } from '../../src/protocol/nak-frame.ts';
import { writeResponseSetup } from '../../src/protocol/response-setup-frame.ts';
import { writeRttm } from '../../src/protocol/rttm-frame.ts';
import { writeSetup } from '../../src/protocol/setup-frame.ts';
import { writeStatusMessage } from '../../src/protocol/status-message-frame.ts';
import type { Prng } from '../../src/util/prng.ts';
import { type Field, type Mutator, words } from './mutator.ts';

/** The stream that a frame is made for, and how far it is. */
export interface StreamPlace {
  readonly sessionId: number;
  readonly streamId: number;
  readonly initialTermId: number;
  readonly termLength: number;
  readonly mtu: number;
  readonly position: number;
}

const HEADER: readonly Field[] = [
  { offset: FRAME_LENGTH, width: 4 },
  { offset: FRAME_LENGTH, width: 4 },
  { offset: VERSION, width: 1 },
  { offset: FLAGS, width: 1 },
  { offset: TYPE, width: 2 },
];
const FIELDS: readonly Field[] = [...HEADER, ...words(8, 12, 16, 20, 24, 28, 32, 36)];
const SECOND_FRAME: readonly Field[] = words(64, 68, 72, 76, 80, 84);
const DATA_FIELDS: readonly Field[] = [...FIELDS, ...SECOND_FRAME];
const KINDS = 12;

/** Writes frames of every type, valid where they stand, into a {@link Mutator}. */
export class FrameSeeds {
  private readonly prng: Prng;
  private readonly mutator: Mutator;

  constructor(prng: Prng, mutator: Mutator) {
    this.prng = prng;
    this.mutator = mutator;
  }

  /**
   * One datagram of any kind for a stream; `receiverId` is the low half of what addresses a receiver. Returns where
   * its numbers are.
   */
  write(place: StreamPlace, receiverId: number): readonly Field[] {
    const { mutator } = this;
    const { view } = mutator;
    const { sessionId, streamId, termLength, initialTermId, mtu } = place;
    const termCount = Math.floor(place.position / termLength);
    const termId = (initialTermId + termCount) | 0;
    const termOffset = place.position - termCount * termLength;
    const flags = this.mutator.pick([0, 0, 0x80, 0x40, 0x20, 0x08]);
    const kind = this.prng.nextBelow(KINDS);
    switch (kind) {
      case 0:
      case 1:
      case 2:
      case 3:
        mutator.length = this.writeData(place, termId, termOffset);
        return DATA_FIELDS;
      case 4:
        mutator.length = this.writeHeartbeat(place, termId, termOffset);
        return FIELDS;
      case 5:
        mutator.length = writeSetup(
          view,
          0,
          flags,
          termOffset,
          sessionId,
          streamId,
          initialTermId,
          termId,
          termLength,
          mtu,
          0,
        );
        return FIELDS;
      case 6:
        mutator.length = writeStatusMessage(
          view,
          0,
          flags,
          sessionId,
          streamId,
          termId,
          termOffset,
          termLength / 4,
          receiverId,
          1,
        );
        return FIELDS;
      case 7:
        mutator.length = writeNak(view, 0, 0, sessionId, streamId, termId, this.before(termOffset), 64);
        return FIELDS;
      case 8:
        mutator.length = writeRttm(view, 0, flags, sessionId, streamId, 5, 0, 0, 0, receiverId, 0);
        return FIELDS;
      case 9:
        mutator.length = this.writeError(sessionId, streamId, receiverId);
        return FIELDS;
      case 10:
        mutator.length = writeResponseSetup(view, 0, 0, sessionId, streamId, this.prng.next());
        return FIELDS;
      default:
        mutator.length = this.writeResolution();
        return FIELDS;
    }
  }

  /** One to three frames, at the place or somewhat ahead, perhaps with padding at the end. */
  private writeData(place: StreamPlace, termId: number, placeOffset: number): number {
    const { prng, mutator } = this;
    const { view } = mutator;
    const ahead = 32 * mutator.pick([0, 0, 0, 0, 1, 2, 16, 512]);
    let termOffset = placeOffset + ahead;
    if (termOffset >= place.termLength) termOffset = placeOffset;
    let at = 0;
    for (let frames = 1 + prng.nextBelow(3); frames > 0; frames--) {
      const room = place.termLength - termOffset;
      const isPadding = room <= 256 && prng.nextBelow(2) === 0;
      const length = isPadding ? room : Math.min(room, 33 + prng.nextBelow(96));
      const flags = mutator.pick([FLAG_UNFRAGMENTED, FLAG_BEGIN, FLAG_END, 0]);
      writeFrameHeader(view, at, length, flags, isPadding ? TYPE_PAD : TYPE_DATA);
      view.setInt32(at + 8, termOffset, true);
      view.setInt32(at + 12, place.sessionId, true);
      view.setInt32(at + 16, place.streamId, true);
      view.setInt32(at + 20, termId, true);
      view.setFloat64(at + 24, 0);
      if (isPadding) return at + 32;
      const aligned = (length + 31) & ~31;
      mutator.bytes.fill(at & 0xff, at + 32, at + aligned);
      at += aligned;
      termOffset += aligned;
      if (termOffset >= place.termLength) break;
    }
    return at;
  }

  private writeHeartbeat(place: StreamPlace, termId: number, termOffset: number): number {
    const { view } = this.mutator;
    const flags =
      this.prng.nextBelow(64) > 0
        ? FLAG_UNFRAGMENTED
        : FLAG_UNFRAGMENTED | FLAG_EOS | this.mutator.pick([0, FLAG_REVOKED]);
    writeFrameHeader(view, 0, 0, flags, TYPE_DATA);
    view.setInt32(8, termOffset, true);
    view.setInt32(12, place.sessionId, true);
    view.setInt32(16, place.streamId, true);
    view.setInt32(20, termId, true);
    view.setFloat64(24, 0);
    return 32;
  }

  private writeError(sessionId: number, streamId: number, receiverId: number): number {
    const text = Buffer.from('no'.repeat(this.prng.nextBelow(16)));
    return writeError(this.mutator.view, 0, 0, sessionId, streamId, receiverId, 1, 0, 0, 13, text);
  }

  /** One to three entries of names, as name resolvers tell each other. */
  private writeResolution(): number {
    const { view, bytes } = this.mutator;
    let at = 8;
    for (let entries = 1 + this.prng.nextBelow(3); entries > 0; entries--) {
      view.setUint8(at, 1);
      view.setUint8(at + 1, 0x80);
      view.setUint16(at + 2, 8050, true);
      view.setInt32(at + 4, 0, true);
      view.setInt32(at + 8, 0x0100007f, true);
      view.setInt16(at + 12, 5, true);
      bytes.write('node1', at + 14, 'latin1');
      at += 24;
    }
    writeFrameHeader(view, 0, at, 0, TYPE_RES);
    return at;
  }

  private before(termOffset: number): number {
    return Math.max(0, termOffset - 32 * this.prng.nextBelow(8));
  }
}
