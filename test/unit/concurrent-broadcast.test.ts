import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { BroadcastReceiver } from '../../src/concurrent/broadcast-receiver.ts';
import { BroadcastTransmitter } from '../../src/concurrent/broadcast-transmitter.ts';
import { Region } from '../../src/memory/region.ts';

const CAPACITY = 1024;
const OFFSET = 64;
const LENGTH = CAPACITY + BroadcastTransmitter.TRAILER_LENGTH;
const TRAILER = OFFSET + CAPACITY;

function newBroadcast() {
  const region = Region.allocate(OFFSET + LENGTH);
  return {
    region,
    transmitter: new BroadcastTransmitter(region, OFFSET, LENGTH),
    receiver: new BroadcastReceiver(region, OFFSET, LENGTH),
  };
}

function transmit(transmitter: BroadcastTransmitter, text: string): void {
  transmitter.transmit(3, Buffer.from(text), 0, text.length);
}

function receive(receiver: BroadcastReceiver): string | null {
  let text: string | null = null;
  receiver.receive((typeId, bytes, offset, length) => {
    text = `${typeId}:${bytes.toString('latin1', offset, offset + length)}`;
  });
  return text;
}

test('a message and its positions lie in memory as official clients expect them', () => {
  const { region, transmitter } = newBroadcast();
  transmit(transmitter, 'first');
  transmit(transmitter, 'second');
  const expected = '0d0000000300000066697273740000000e000000030000007365636f6e640000';
  assert.equal(region.bytes.toString('hex', OFFSET, OFFSET + 32), expected);
  assert.equal(region.view.getBigInt64(TRAILER, true), 32n);
  assert.equal(region.view.getBigInt64(TRAILER + 8, true), 32n);
  assert.equal(region.view.getBigInt64(TRAILER + 16, true), 16n);
});

test('every receiver gets every message once', () => {
  const { region, transmitter, receiver } = newBroadcast();
  const other = new BroadcastReceiver(region, OFFSET, LENGTH);
  assert.equal(receive(receiver), null);
  transmit(transmitter, 'a');
  transmit(transmitter, '');
  for (const each of [receiver, other]) {
    assert.equal(receive(each), '3:a');
    assert.equal(receive(each), '3:');
    assert.equal(receive(each), null);
  }
});

test('a receiver that comes later starts with the latest message', () => {
  const { region, transmitter } = newBroadcast();
  for (const text of ['a', 'b', 'c']) transmit(transmitter, text);
  const late = new BroadcastReceiver(region, OFFSET, LENGTH);
  assert.equal(receive(late), '3:c');
  assert.equal(receive(late), null);
});

test('a receiver that was overtaken goes on with the latest message and counts that', () => {
  const { transmitter, receiver } = newBroadcast();
  for (let i = 0; i < 200; i++) transmit(transmitter, `message ${i}`);
  assert.equal(receive(receiver), '3:message 199');
  assert.equal(receiver.lappedCount, 1);
  transmit(transmitter, 'next');
  assert.equal(receive(receiver), '3:next');
  assert.equal(receiver.lappedCount, 1);
});

test('a message that was being overwritten is not handed over', () => {
  const { region, transmitter, receiver } = newBroadcast();
  transmit(transmitter, 'doomed');
  // As if the transmitter had begun the next lap while the receiver looked: intent is published first.
  region.view.setBigInt64(TRAILER, BigInt(CAPACITY + 8), true);
  region.view.setInt32(OFFSET, 999_999, true);
  assert.equal(receive(receiver), null);
  assert.ok(receiver.lappedCount > 0);
});

test('misuse by our own code is refused', () => {
  const { transmitter } = newBroadcast();
  assert.throws(() => transmitter.transmit(0, Buffer.alloc(8), 0, 8), /type ids/);
  assert.throws(() => transmitter.transmit(1, Buffer.alloc(256), 0, 129), /eighth/);
});

test('what a receiver gets while another thread transmits is always whole', async () => {
  const messages = 50_000;
  const region = Region.allocate(LENGTH);
  const receiver = new BroadcastReceiver(region, 0, LENGTH);
  const worker = new Worker(new URL('../support/broadcast-writer.js', import.meta.url), {
    workerData: { buffer: region.buffer, handle: region.handle, messages },
  });
  const exit = once(worker, 'exit');
  let last = -1;
  const onMessage = (_typeId: number, bytes: Buffer, offset: number, length: number) => {
    const sequence = bytes.readInt32LE(offset);
    // After being lapped the latest message may be one that was already received.
    assert.ok(sequence >= last, `${sequence} after ${last}`);
    assert.equal(length, 4 + (sequence % 60));
    for (let i = 4; i < length; i++) assert.equal(bytes[offset + i], (sequence + i) & 0xff);
    last = sequence;
  };
  while (last < messages - 1) {
    if (receiver.receive(onMessage) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await exit, [0]);
});
