import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ManyToOneRingBuffer } from '../../src/concurrent/many-to-one-ring-buffer.ts';
import { Region } from '../../src/memory/region.ts';

const CAPACITY = 1024;
const OFFSET = 128;
const LENGTH = CAPACITY + ManyToOneRingBuffer.TRAILER_LENGTH;
const TRAILER = OFFSET + CAPACITY;

function newRing(): { region: Region; ring: ManyToOneRingBuffer } {
  const region = Region.allocate(OFFSET + LENGTH + 64);
  region.bytes.fill(0xee, 0, OFFSET);
  region.bytes.fill(0xee, OFFSET + LENGTH);
  return { region, ring: new ManyToOneRingBuffer(region, OFFSET, LENGTH) };
}

function write(ring: ManyToOneRingBuffer, text: string, typeId = 1): boolean {
  return ring.write(typeId, Buffer.from(text), 0, text.length);
}

function readAll(ring: ManyToOneRingBuffer, limit = 1000): string[] {
  const texts: string[] = [];
  ring.read((typeId, bytes, offset, length) => {
    texts.push(`${typeId}:${bytes.toString('latin1', offset, offset + length)}`);
  }, limit);
  return texts;
}

/** Moves the tail as if every byte were claimed. */
function claimAll(region: Region, ring: ManyToOneRingBuffer): void {
  region.view.setInt32(TRAILER + 128, ring.consumerPosition() + CAPACITY, true);
}

test('a message lies in the ring as official clients expect it', () => {
  const { region, ring } = newRing();
  assert.equal(ring.write(7, Buffer.from('..hello'), 2, 5), true);
  const record = region.bytes.toString('hex', OFFSET, OFFSET + 24);
  assert.equal(record, '0d0000000700000068656c6c6f0000000000000000000000');
  assert.equal(region.view.getInt32(TRAILER + 128, true), 16);
  assert.equal(ring.producerPosition(), 16);
  assert.equal(ring.consumerPosition(), 0);
});

test('reading hands messages over in order, zeroes them and moves the head', () => {
  const { region, ring } = newRing();
  for (const text of ['a', 'bc', '']) assert.equal(write(ring, text), true);
  assert.deepEqual(readAll(ring, 2), ['1:a', '1:bc']);
  assert.deepEqual(readAll(ring), ['1:']);
  assert.deepEqual(readAll(ring), []);
  assert.ok(region.bytes.subarray(OFFSET, TRAILER).every((byte) => byte === 0));
  assert.equal(ring.consumerPosition(), 40);
  assert.equal(region.view.getInt32(TRAILER + 384, true), 40);
});

test('a message that a handler throws at is consumed', () => {
  const { ring } = newRing();
  write(ring, 'bad');
  write(ring, 'good');
  const fail = () => {
    throw new Error('refused');
  };
  assert.throws(() => ring.read(fail, 10), /refused/);
  assert.deepEqual(readAll(ring), ['1:good']);
});

test('a full ring takes nothing more until something is read', () => {
  const { ring } = newRing();
  const text = 'x'.repeat(ring.maxMessageLength);
  assert.equal(ring.maxMessageLength, 128);
  let written = 0;
  while (write(ring, text)) written++;
  assert.equal(written, 7);
  assert.equal(readAll(ring, 1).length, 1);
  assert.equal(write(ring, text), true, 'where the first message was');
  assert.equal(write(ring, 'x'), false);
  assert.equal(readAll(ring).length, 6);
  assert.equal(readAll(ring).length, 1);
});

test('a message that does not fit before the end is written at the start, behind padding', () => {
  const { region, ring } = newRing();
  const text = 'y'.repeat(120);
  for (let i = 0; i < 7; i++) write(ring, text);
  readAll(ring);
  write(ring, 'z'.repeat(100));
  assert.equal(ring.producerPosition(), 896 + 112);
  assert.equal(write(ring, text), true);
  assert.equal(region.view.getInt32(OFFSET + 1008, true), 16);
  assert.equal(region.view.getInt32(OFFSET + 1012, true), -1);
  assert.equal(ring.producerPosition(), 1024 + 128);
  assert.equal(readAll(ring).length, 1, 'a read stops at the end of the ring');
  assert.deepEqual(readAll(ring), [`1:${text}`]);
  assert.equal(ring.consumerPosition(), 1024 + 128);
});

test('correlation ids and heartbeats are where official clients look for them', () => {
  const { region, ring } = newRing();
  assert.equal(ring.nextCorrelationId(), 0);
  assert.equal(ring.nextCorrelationId(), 1);
  assert.equal(region.view.getBigInt64(TRAILER + 512, true), 2n);
  assert.equal(ring.consumerHeartbeatMs(), 0);
  ring.setConsumerHeartbeatMs(1_700_000_000_123.7);
  assert.equal(ring.consumerHeartbeatMs(), 1_700_000_000_123);
  assert.equal(region.view.getBigInt64(TRAILER + 640, true), 1_700_000_000_123n);
  ring.setConsumerHeartbeatMs(-1);
  assert.equal(ring.consumerHeartbeatMs(), -1);
  assert.equal(region.view.getBigInt64(TRAILER + 640, true), -1n);
});

test('positions beyond 4 GiB work like small ones', () => {
  const { region, ring } = newRing();
  const start = 2n ** 32n - 512n;
  for (const field of [128, 256, 384]) region.view.setBigInt64(TRAILER + field, start, true);
  for (let i = 0; i < 40; i++) {
    assert.equal(write(ring, `message ${i}`), true);
    // At the end of the ring the first read finds padding only.
    assert.deepEqual([...readAll(ring), ...readAll(ring)], [`1:message ${i}`]);
  }
  assert.equal(ring.consumerPosition(), ring.producerPosition());
  assert.ok(ring.consumerPosition() > 2 ** 32);
});

test('misuse by our own code is refused', () => {
  const { ring } = newRing();
  assert.throws(() => ring.write(0, Buffer.alloc(8), 0, 8), /type ids/);
  assert.throws(() => ring.write(1, Buffer.alloc(256), 0, 129), /eighth/);
  assert.throws(() => new ManyToOneRingBuffer(Region.allocate(2000), 0, 1000), /power of two/);
});

test('a record that claims more than the ring has is cut at the end of the ring', () => {
  const { region, ring } = newRing();
  for (const claimed of [2147483647, CAPACITY + 8]) {
    claimAll(region, ring);
    region.view.setInt32(OFFSET + 4, 5, true);
    region.view.setInt32(OFFSET, claimed, true);
    const lengths: number[] = [];
    assert.equal(
      ring.read((_typeId, _bytes, offset, length) => {
        assert.ok(offset >= OFFSET && offset + length <= TRAILER);
        lengths.push(length);
      }, 10),
      1,
    );
    assert.deepEqual(lengths, [CAPACITY - 8]);
  }
  assert.ok(region.bytes.subarray(0, OFFSET).every((byte) => byte === 0xee));
  assert.ok(region.bytes.subarray(OFFSET + LENGTH).every((byte) => byte === 0xee));
});

test('a record that claims more than was claimed does not lead the head beyond the tail', () => {
  const { region, ring } = newRing();
  while (ring.producerPosition() < CAPACITY / 2) write(ring, 'filler');
  region.view.setInt32(OFFSET, 0x7fffffff, true);
  readAll(ring);
  assert.equal(ring.consumerPosition(), ring.producerPosition());
  // Producers that came to the end of the ring would wait for room at its start, where the head waited for them.
  for (let i = 0; i < 3 * CAPACITY; i++) {
    assert.equal(write(ring, 'more'), true, `message ${i}`);
    assert.deepEqual(readAll(ring), ['1:more']);
  }
});

test('a record shorter than its header is skipped', () => {
  const { region, ring } = newRing();
  claimAll(region, ring);
  region.view.setInt32(OFFSET, 3, true);
  assert.deepEqual(readAll(ring), []);
  assert.equal(ring.consumerPosition(), 8);
});

test('unblocking turns a message that was never finished into padding', () => {
  const { region, ring } = newRing();
  write(ring, 'unfinished');
  write(ring, 'next');
  region.view.setInt32(OFFSET, -18, true);
  assert.deepEqual(readAll(ring), []);
  assert.equal(ring.unblock(), true);
  assert.deepEqual(readAll(ring), ['1:next']);
  assert.equal(ring.unblock(), false);
});

test('unblocking covers space that was claimed and never touched, up to the next message', () => {
  const { region, ring } = newRing();
  write(ring, 'a'.repeat(40));
  write(ring, 'next');
  region.bytes.fill(0, OFFSET, OFFSET + 48);
  assert.deepEqual(readAll(ring), []);
  assert.equal(ring.unblock(), true);
  assert.equal(region.view.getInt32(OFFSET, true), 48);
  assert.deepEqual(readAll(ring), ['1:next']);
});

test('unblocking leaves alone what may still be written', () => {
  const { region, ring } = newRing();
  assert.equal(ring.unblock(), false, 'an empty ring');
  write(ring, 'a'.repeat(40));
  assert.equal(ring.unblock(), false, 'a message that is ready');
  region.bytes.fill(0, OFFSET, OFFSET + 48);
  assert.equal(ring.unblock(), false, 'the last claim, with nothing behind it');
});

test('threads write at once and every message arrives whole and in its writer’s order', async () => {
  const writers = 2;
  const messagesPerWriter = 20_000;
  const region = Region.allocate(4096 + ManyToOneRingBuffer.TRAILER_LENGTH);
  const ring = new ManyToOneRingBuffer(region, 0, region.byteLength);
  const workers = Array.from(
    { length: writers },
    (_, writer) =>
      new Worker(new URL('../support/ring-buffer-writer.js', import.meta.url), {
        workerData: { buffer: region.buffer, handle: region.handle, writer, messages: messagesPerWriter },
      }),
  );
  const exits = workers.map((worker) => once(worker, 'exit'));
  const next = new Array<number>(writers).fill(0);
  let received = 0;
  const onMessage = (typeId: number, bytes: Buffer, offset: number, length: number) => {
    const writer = typeId - 1;
    const sequence = bytes.readInt32LE(offset);
    assert.equal(sequence, next[writer]);
    assert.equal(length, 4 + (sequence % 60));
    for (let i = 4; i < length; i++) assert.equal(bytes[offset + i], (sequence + i) & 0xff);
    next[writer] = sequence + 1;
    received++;
  };
  while (received < writers * messagesPerWriter) {
    // Workers need the event loop to start, and to say that they failed.
    if (ring.read(onMessage, 1000) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await Promise.all(exits), [[0], [0]]);
  assert.equal(ring.nextCorrelationId(), writers * messagesPerWriter);
  assert.equal(ring.consumerPosition(), ring.producerPosition());
  assert.ok(region.bytes.subarray(0, 4096).every((byte) => byte === 0));
});
