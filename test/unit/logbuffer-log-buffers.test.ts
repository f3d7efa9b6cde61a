import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import type { LogParameters } from '../../src/logbuffer/log-metadata.ts';
import { rotateLog } from '../../src/logbuffer/rotate-log.ts';
import { AeronError } from '../../src/util/errors.ts';

const directory = mkdtempSync('/dev/shm/aeron-bypass-logs-');
after(() => rmSync(directory, { recursive: true }));

const TERM_LENGTH = 65536;
const METADATA = 3 * TERM_LENGTH;

let files = 0;
function nextPath(): string {
  return join(directory, `${files++}.logbuffer`);
}

const publication: LogParameters = {
  logType: 'concurrentPublication',
  registrationId: 0x1122334455,
  sessionId: -7,
  streamId: 1001,
  initialTermId: 0x7ffffffe,
  termLength: TERM_LENGTH,
  mtu: 1408,
};

/** Makes a log and gives back its metadata as the file has it. */
function metadataOf(parameters: LogParameters): Buffer {
  const path = nextPath();
  const log = LogBuffers.create(path, parameters);
  log.close();
  return readFileSync(path).subarray(-4096);
}

test('a log file is three terms and the metadata, rounded up to pages', () => {
  const path = nextPath();
  LogBuffers.create(path, publication).close();
  assert.equal(statSync(path).size, 3 * TERM_LENGTH + 4096);
  const large = nextPath();
  LogBuffers.create(large, { ...publication, pageSize: 65536 }).close();
  assert.equal(statSync(large).size, 4 * TERM_LENGTH);
  assert.equal(LogBuffers.map(large).metadata, 4 * TERM_LENGTH - 4096);
});

test('a new publication log has every field at the offset of the format', () => {
  const metadata = metadataOf({
    ...publication,
    publicationWindowLength: 1,
    receiverWindowLength: 2,
    socketSndbufLength: 3,
    osDefaultSndbufLength: 4,
    osMaxSndbufLength: 5,
    socketRcvbufLength: 6,
    osDefaultRcvbufLength: 7,
    osMaxRcvbufLength: 8,
    maxResend: 9,
    lingerTimeoutNs: 10,
    untetheredWindowLimitTimeoutNs: 11,
    untetheredRestingTimeoutNs: 12,
    untetheredLingerTimeoutNs: 13,
    isReliable: true,
    signalEos: true,
    tether: true,
  });
  const expected = Buffer.alloc(4096);
  // Tails: the initial term, and the terms before it that make rotation succeed.
  expected.writeInt32LE(0x7ffffffe, 4);
  expected.writeInt32LE(0x7ffffffc, 12);
  expected.writeInt32LE(0x7ffffffd, 20);
  expected.writeBigInt64LE(0x7fffffffffffffffn, 128);
  expected.writeBigInt64LE(0x1122334455n, 256);
  expected.writeInt32LE(0x7ffffffe, 264);
  expected.writeInt32LE(32, 268);
  expected.writeInt32LE(1408, 272);
  expected.writeInt32LE(TERM_LENGTH, 276);
  expected.writeInt32LE(4096, 280);
  for (let i = 0; i < 9; i++) expected.writeInt32LE(i + 1, 284 + 4 * i);
  expected.set(Buffer.from('0000000000c0010000000000f9ffffffe9030000feffff7f0000000000000000', 'hex'), 320);
  expected.writeBigInt64LE(-1n, 448);
  expected.writeBigInt64LE(-1n, 456);
  expected.writeBigInt64LE(10n, 464);
  expected.writeBigInt64LE(11n, 472);
  expected.writeBigInt64LE(12n, 480);
  expected.set([0, 0, 0, 1, 1, 1, 0, 1, 0, 0], 488);
  expected.writeBigInt64LE(13n, 500);
  assert.deepEqual(metadata, expected);
});

test('booleans and the log type are single bytes', () => {
  const flags = {
    isGroup: true,
    isResponse: true,
    rejoin: true,
    isSparse: false,
    spiesSimulateConnection: true,
  };
  const metadata = metadataOf({ ...publication, logType: 'exclusivePublication', ...flags });
  assert.deepEqual([...metadata.subarray(488, 498)], [1, 1, 1, 0, 0, 0, 1, 0, 0, 1]);
});

test('an image log has no tails and no tags', () => {
  const metadata = metadataOf({ ...publication, logType: 'image' });
  assert.ok(metadata.subarray(0, 128).every((byte) => byte === 0));
  assert.ok(metadata.subarray(448, 464).every((byte) => byte === 0));
  assert.equal(metadata[497], 2);
});

test('a publication that starts elsewhere has its tail and its term count there', () => {
  const position = 4 * TERM_LENGTH + 96;
  const metadata = metadataOf({ ...publication, initialTermId: 10, startPosition: position });
  // Term 14 is the active one, in partition 1; 12 and 13 held the others, by what rotation expects.
  assert.deepEqual([metadata.readInt32LE(8), metadata.readInt32LE(12)], [96, 14]);
  assert.deepEqual([metadata.readInt32LE(16), metadata.readInt32LE(20)], [0, 12]);
  assert.deepEqual([metadata.readInt32LE(0), metadata.readInt32LE(4)], [0, 13]);
  assert.equal(metadata.readInt32LE(24), 4);
});

test('a mapped log knows what it was made with', () => {
  const path = nextPath();
  const created = LogBuffers.create(path, { ...publication, startPosition: 128 });
  const adopted = LogBuffers.adopt(created.region.buffer, created.region.handle);
  const mapped = LogBuffers.map(path);
  for (const log of [created, mapped, adopted]) {
    assert.equal(log.metadata, METADATA);
    assert.equal(log.termLength, TERM_LENGTH);
    assert.equal(log.bits, 16);
    assert.equal(log.initialTermId, 0x7ffffffe);
    assert.equal(log.mtu, 1408);
    assert.equal(log.sessionId, -7);
    assert.equal(log.streamId, 1001);
    assert.equal(log.registrationId, 0x1122334455);
    assert.equal(log.producerPosition(), 128);
    assert.equal(log.isConnected(), false);
    assert.equal(log.endOfStreamPosition(), Number.POSITIVE_INFINITY);
    assert.equal(log.activeTransportCount(), 0);
    assert.equal(log.isRevoked(), false);
  }
  mapped.setConnected(true);
  mapped.setEndOfStreamPosition(2 ** 40 + 32);
  mapped.setActiveTransportCount(2);
  mapped.setRevoked();
  assert.equal(created.isConnected(), true);
  assert.equal(created.endOfStreamPosition(), 2 ** 40 + 32);
  assert.equal(created.activeTransportCount(), 2);
  assert.equal(created.isRevoked(), true);
  mapped.setConnected(false);
  assert.equal(created.isConnected(), false);
  mapped.close();
  created.close();
});

test('a file that cannot be a log is refused with the reason', () => {
  const isMalformed = (why: RegExp) => (error: unknown) =>
    error instanceof AeronError && error.code === 'MALFORMED_LOG' && why.test(error.message);
  const broken = (change: (bytes: Buffer) => void) => {
    const path = nextPath();
    LogBuffers.create(path, publication).close();
    const bytes = readFileSync(path);
    change(bytes);
    writeFileSync(path, bytes);
    return path;
  };
  const termLength = broken((bytes) => bytes.writeInt32LE(65537, METADATA + 276));
  assert.throws(() => LogBuffers.map(termLength), isMalformed(/term length 65537/));
  const longer = broken((bytes) => bytes.writeInt32LE(131072, METADATA + 276));
  assert.throws(() => LogBuffers.map(longer), isMalformed(/make 397312/));
  const pageSize = broken((bytes) => bytes.writeInt32LE(0, METADATA + 280));
  assert.throws(() => LogBuffers.map(pageSize), isMalformed(/page size 0/));
  const short = broken(() => {});
  truncateSync(short, 4096);
  assert.throws(() => LogBuffers.map(short), isMalformed(/4096 bytes/));
  assert.throws(() => LogBuffers.map(join(directory, 'missing')), { code: 'ENOENT' });
});

test('a log is not made over another', () => {
  const path = nextPath();
  LogBuffers.create(path, publication).close();
  assert.throws(() => LogBuffers.create(path, publication), { code: 'EEXIST' });
});

test('rotation moves the tail and the count once, over the wrap of term ids', () => {
  const log = LogBuffers.create(nextPath(), publication);
  let termId = log.initialTermId;
  for (let termCount = 0; termCount < 7; termCount++) {
    assert.equal(rotateLog(log, termCount, termId), true);
    assert.equal(rotateLog(log, termCount, termId), false);
    termId = (termId + 1) | 0;
    assert.equal(log.activeTermCount(), termCount + 1);
    assert.equal(log.rawTailTermId((termCount + 1) % 3), termId);
    assert.equal(log.rawTailOffset((termCount + 1) % 3), 0);
    assert.equal(log.producerPosition(), (termCount + 1) * TERM_LENGTH);
  }
  log.close();
});

test('a tail beyond the end of the term reads as the end', () => {
  const log = LogBuffers.create(nextPath(), publication);
  log.region.i32[log.rawTailIndex(0)] = TERM_LENGTH + 4096;
  assert.equal(log.rawTailOffset(0), TERM_LENGTH);
  assert.equal(log.producerPosition(), TERM_LENGTH);
  log.close();
});
