/** The ring between a driver and who captures its frames, the filter language, the file format. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CAPTURE_FILE, CaptureFile } from '../../src/capture/capture-file.ts';
import { CaptureReader } from '../../src/capture/capture-reader.ts';
import { FrameRecorder } from '../../src/capture/frame-recorder.ts';
import { decodeFrame } from '../../src/cli/capture/decoded-frame.ts';
import { parseFilter } from '../../src/cli/capture/frame-filter.ts';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../../src/cli/capture/pcapng.ts';
import { UsageError } from '../../src/cli/command.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import {
  type Device,
  RX_LENGTH,
  RX_OFFSET,
  RX_WORDS,
  setTxPayload,
  TX_WORDS,
} from '../../src/device/device.ts';
import { Region } from '../../src/memory/region.ts';
import { codeOf } from '../../src/util/errors.ts';
import { Prng } from '../../src/util/prng.ts';

const RING_LENGTH = 65_536;
const HEADER_LENGTH = 42;

/** The words of a device, and frames in its memory. */
class FrameSource {
  readonly memory: Region = Region.allocate(1 << 20);
  readonly rxWords: Int32Array = new Int32Array(64 * RX_WORDS);
  readonly txWords: Int32Array = new Int32Array(64 * TX_WORDS);
  readonly payloads: Region = Region.allocate(1 << 20);

  get device(): Device {
    return this as unknown as Device;
  }

  received(frames: readonly Buffer[]): void {
    let offset = 0;
    for (const [i, frame] of frames.entries()) {
      this.memory.bytes.set(frame, offset);
      this.rxWords[i * RX_WORDS + RX_OFFSET] = offset;
      this.rxWords[i * RX_WORDS + RX_LENGTH] = frame.length;
      offset += frame.length;
    }
  }

  /** Headers go where the device has them, payloads to another region. */
  transmitted(frames: readonly Buffer[]): void {
    let offset = 0;
    for (const [i, frame] of frames.entries()) {
      this.memory.bytes.set(frame.subarray(0, HEADER_LENGTH), offset);
      this.payloads.bytes.set(frame.subarray(HEADER_LENGTH), offset);
      this.txWords[i * TX_WORDS] = offset;
      setTxPayload(this.txWords, i, this.payloads.handle, offset, frame.length - HEADER_LENGTH, 0);
      offset += frame.length;
    }
  }

  close(): void {
    this.memory.close();
    this.payloads.close();
  }
}

describe('a capture', () => {
  let folder: string;
  let file: CaptureFile;
  let source: FrameSource;
  let clock: SimulatedClock;

  function open(snapLength: number): void {
    file = CaptureFile.create(
      join(folder, CAPTURE_FILE),
      { ringLength: RING_LENGTH, snapLength, readerPid: 7 },
      5,
    );
  }

  beforeEach(() => {
    folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
    source = new FrameSource();
    clock = new SimulatedClock();
  });

  afterEach(() => {
    file?.close();
    source.close();
    rmSync(folder, { recursive: true });
  });

  test('hands over what went by, in order, and counts what found no room', () => {
    const seed = Math.floor(Math.random() * 1e9);
    const prng = new Prng(seed);
    open(1500);
    const recorder = new FrameRecorder(file, 3, clock);
    const reader = new CaptureReader(file);
    const expected: { isOut: boolean; bytes: string; wireLength: number; epochNs: bigint }[] = [];
    let dropped = 0;
    /** Some of the last burst were dropped: which of them depends on the room. */
    let isLastBurstPartial = false;
    for (let burst = 0; burst < 400; burst++) {
      clock.advanceNs(1e6);
      const isOut = prng.nextBelow(2) === 1;
      const frames = Array.from({ length: 1 + prng.nextBelow(8) }, () => {
        const frame = Buffer.alloc(HEADER_LENGTH + prng.nextBelow(2000));
        for (let i = 0; i < frame.length; i++) frame[i] = prng.nextBelow(256);
        return frame;
      });
      const before = reader.counts(3);
      if (isOut) {
        source.transmitted(frames);
        recorder.onTransmit(source.device, frames.length);
      } else {
        source.received(frames);
        recorder.onReceive(source.device, frames.length);
      }
      const after = reader.counts(3);
      assert.equal(after.frames + after.dropped - before.frames - before.dropped, frames.length);
      dropped += after.dropped - before.dropped;
      if (after.dropped === before.dropped) {
        for (const frame of frames) {
          expected.push({
            isOut,
            bytes: frame.subarray(0, 1500).toString('hex'),
            wireLength: frame.length,
            epochNs: BigInt(clock.epochMs * 1e6),
          });
        }
      } else {
        isLastBurstPartial = true;
      }
      if (prng.nextBelow(20) === 0 || isLastBurstPartial) {
        const seen: typeof expected = [];
        reader.poll(({ ring, bytes, isOut: out, wireLength, epochNs }) => {
          assert.equal(ring, 3);
          seen.push({ isOut: out, bytes: bytes.toString('hex'), wireLength, epochNs });
          return true;
        });
        assert.deepEqual(seen.slice(0, expected.length), expected, `seed ${seed}`);
        if (!isLastBurstPartial) assert.equal(seen.length, expected.length, `seed ${seed}`);
        expected.length = 0;
        isLastBurstPartial = false;
      }
    }
    assert.ok(dropped > 0, `seed ${seed}: the ring was full now and then`);
    recorder.close();
  });

  test('writes nothing outside its ring, whatever the reader says it has read', () => {
    open(1500);
    const recorder = new FrameRecorder(file, 0, clock);
    const { head } = file.ring(0);
    const next = file.ring(1);
    source.received([Buffer.alloc(1400, 1)]);
    for (const lie of [-1, 1, 0x7fffffff, -0x80000000, 12345]) {
      file.region.i32[head >> 2] = lie;
      for (let i = 0; i < 200; i++) recorder.onReceive(source.device, 1);
    }
    assert.ok(
      file.region.bytes.subarray(next.tail).every((byte) => byte === 0),
      'the ring behind it is untouched',
    );
    recorder.close();
  });

  test('gives up what is no record, whatever the driver wrote', () => {
    open(1500);
    const reader = new CaptureReader(file);
    const ring = file.ring(0);
    for (const length of [0, -8, 7, 1 << 30, 24]) {
      file.region.i32[ring.records >> 2] = length;
      file.region.i32[(ring.records >> 2) + 1] = 1;
      file.region.i32[(ring.records >> 2) + 3] = 5000;
      file.region.i32[ring.head >> 2] = 0;
      file.region.i32[ring.tail >> 2] = 4096;
      assert.equal(
        reader.poll(() => true),
        0,
      );
      assert.equal(file.region.i32[ring.head >> 2], 4096);
      file.region.i32.fill(0, ring.records >> 2, (ring.records >> 2) + 16);
    }
  });

  test('is not attached to unless its file is what it says', () => {
    open(1500);
    const path = join(folder, CAPTURE_FILE);
    const mapped = CaptureFile.map(path);
    assert.equal(mapped?.readerPid, 7);
    mapped?.close();
    const { i32 } = file.region;
    for (const [word, value] of [
      [0, 1],
      [1, 9],
      [2, 17],
      [3, 65_537],
      [3, 1 << 29],
      [4, 0],
      [4, 1 << 20],
    ] as const) {
      const before = i32[word]!;
      i32[word] = value;
      assert.throws(
        () => CaptureFile.map(path),
        (error) => codeOf(error) === 'CAPTURE_FILE_INVALID',
        `word ${word}`,
      );
      i32[word] = before;
    }
    i32[0] = 0;
    assert.equal(CaptureFile.map(path), null, 'it is still being made');
  });
});

/** A SETUP frame, 40 bytes, of stream 1001 and session -5, from 10.0.0.1:5000 to 10.0.0.2:40123. */
const SETUP = Buffer.from(
  '0200000000020200000000010800' + // Ethernet
    '45000044000040004011000a0a0000010a000002' + // IPv4
    '13889cbb00300000' + // UDP
    '28000000000005000000000' +
    '0fbffffffe903000007000000070000000000010000000000000000000000',
  'hex',
);

describe('a filter of frames', () => {
  const setup = { ...decodeFrame(SETUP), isOut: true };
  const arp = { ...decodeFrame(Buffer.from(`${'f'.repeat(24)}0806${'00'.repeat(28)}`, 'hex')), isOut: false };

  test('is true of what it describes', () => {
    assert.deepEqual([setup.aeron, setup.streamId, setup.sessionId], ['setup', 1001, -5]);
    const cases: readonly [string, boolean, boolean][] = [
      ['arp', false, true],
      ['udp', true, false],
      ['setup', true, false],
      ['data', false, false],
      ['aeron and out', true, false],
      ['stream 1001', true, false],
      ['session -5 and stream 1001', true, false],
      ['host 10.0.0.1', true, false],
      ['src host 10.0.0.2', false, false],
      ['dst host 10.0.0.2 and dst port 40123', true, false],
      ['src port 40123', false, false],
      ['not udp', false, true],
      ['arp or setup', true, true],
      ['not (arp or setup)', false, false],
      ['in or stream 7 and udp', false, true],
      ['PORT 5000', true, false],
    ];
    for (const [text, ofSetup, ofArp] of cases) {
      const filter = parseFilter(text);
      assert.deepEqual([filter(setup), filter(arp)], [ofSetup, ofArp], text);
    }
  });

  test('that cannot be understood is refused, with the word', () => {
    const cases: readonly [string, RegExp][] = [
      ['', /expected something to look for at its end/],
      ['udp udp', /expected "and", "or" or the end at "udp"/],
      ['(udp', /expected "\)" at its end/],
      ['src udp', /expected "host" or "port" at "udp"/],
      ['port 65536', /expected a port at "65536"/],
      ['tcp', /expected a filter at "tcp"/],
    ];
    for (const [text, message] of cases) {
      assert.throws(
        () => parseFilter(text),
        (error) => error instanceof UsageError && message.test(error.message),
        text,
      );
    }
  });

  test('decodes any bytes without throwing', () => {
    const seed = Math.floor(Math.random() * 1e9);
    const prng = new Prng(seed);
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(SETUP.subarray(0, prng.nextBelow(SETUP.length + 1)));
      for (let k = prng.nextBelow(4); k > 0 && bytes.length > 0; k--)
        bytes[prng.nextBelow(bytes.length)] = prng.nextBelow(256);
      assert.doesNotThrow(() => decodeFrame(bytes), `seed ${seed}: ${bytes.toString('hex')}`);
    }
  });
});

describe('a pcapng file', () => {
  test('starts with a section and an interface, in blocks that say their length twice', () => {
    for (const block of [sectionHeader('x'), interfaceDescription('aeron-0', 'port', 96)]) {
      assert.equal(block.length % 4, 0);
      assert.equal(block.readUInt32LE(4), block.length);
      assert.equal(block.readUInt32LE(block.length - 4), block.length);
    }
    assert.equal(sectionHeader('x').subarray(0, 4).toString('hex'), '0a0d0d0a');
    assert.equal(sectionHeader('x').subarray(8, 12).toString('hex'), '4d3c2b1a');
  });

  test('has frames as the format wants them', () => {
    const block = enhancedPacket(2, 0x1234_5678_9abc_def0n, 99, Buffer.from('aabbccddee', 'hex'), true);
    assert.equal(
      block.toString('hex'),
      '06000000' +
        '34000000' +
        '02000000' +
        '78563412' +
        'f0debc9a' +
        '05000000' +
        '63000000' +
        'aabbccddee000000' +
        '0200040002000000' +
        '00000000' +
        '34000000',
    );
  });
});
