import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import {
  COUNTER_ALLOCATED,
  COUNTER_METADATA_LENGTH,
  COUNTER_RECLAIMED,
  COUNTER_UNUSED,
  COUNTER_VALUE_LENGTH,
  CountersManager,
  CountersReader,
} from '../../src/concurrent/counters.ts';
import { Region } from '../../src/memory/region.ts';

const COUNT = 4;
const METADATA = 64;
const VALUES = METADATA + COUNT * COUNTER_METADATA_LENGTH;

function newCounters() {
  const region = Region.allocate(VALUES + COUNT * COUNTER_VALUE_LENGTH);
  const metadata = { region, offset: METADATA, length: COUNT * COUNTER_METADATA_LENGTH };
  const values = { region, offset: VALUES, length: COUNT * COUNTER_VALUE_LENGTH };
  const clock = new SimulatedClock();
  return {
    region,
    clock,
    manager: new CountersManager(metadata, values, clock, 1000),
    reader: new CountersReader(metadata, values),
  };
}

test('an allocated counter has every field at the offset of the format', () => {
  const { region, manager } = newCounters();
  manager.allocate({ typeId: 1, label: 'first' });
  const id = manager.allocate({
    typeId: 7,
    label: 'second',
    key: Buffer.from([1, 2, 3]),
    registrationId: 11,
    ownerId: 12,
    referenceId: 13,
  });
  assert.equal(id, 1);
  manager.setValue(id, -5);
  const metadata = region.bytes.subarray(METADATA + 512, METADATA + 1024);
  assert.equal(metadata.readInt32LE(0), COUNTER_ALLOCATED);
  assert.equal(metadata.readInt32LE(4), 7);
  assert.equal(metadata.readBigInt64LE(8), 0x7fffffffffffffffn);
  assert.deepEqual([...metadata.subarray(16, 20)], [1, 2, 3, 0]);
  assert.equal(metadata.readInt32LE(128), 6);
  assert.equal(metadata.toString('latin1', 132, 139), 'second\0');
  const values = region.bytes.subarray(VALUES + 128, VALUES + 256);
  assert.deepEqual(
    [0, 8, 16, 24].map((offset) => values.readBigInt64LE(offset)),
    [-5n, 11n, 12n, 13n],
  );
});

test('readers see what was allocated, and find it by type and registration id', () => {
  const { manager, reader } = newCounters();
  manager.allocate({ typeId: 1, label: 'one', registrationId: 5 });
  manager.allocate({ typeId: 2, label: 'two', registrationId: 5, ownerId: 9, key: Buffer.from('key') });
  manager.allocate({ typeId: 2, label: 'three', registrationId: 6, referenceId: 2 ** 40 });
  manager.setValue(1, 123456789012);
  manager.free(0);
  assert.equal(reader.maxCounterId, COUNT - 1);
  assert.equal(reader.findByTypeAndRegistration(2, 6), 2);
  assert.equal(reader.findByTypeAndRegistration(1, 5), -1, 'freed');
  assert.equal(reader.findByTypeAndRegistration(3, 5), -1);
  const seen: string[] = [];
  reader.forEach((counter) => {
    const key = counter.key.toString('latin1').replaceAll('\0', '');
    const { id, typeId, label, registrationId, ownerId, referenceId, value } = counter;
    seen.push([id, typeId, label, registrationId, ownerId, referenceId, value, key].join(' '));
  });
  assert.deepEqual(seen, ['1 2 two 5 9 0 123456789012 key', '2 2 three 6 0 1099511627776 0 ']);
  assert.equal(reader.state(0), COUNTER_RECLAIMED);
  assert.equal(reader.state(3), COUNTER_UNUSED);
});

test('a freed counter is reused after its timeout, with nothing of its past', () => {
  const { manager, reader, clock } = newCounters();
  const key = Buffer.from('past');
  for (let id = 0; id < COUNT; id++) {
    const counter = { typeId: 1, label: 'a long label', key, registrationId: 1, ownerId: 2, referenceId: 3 };
    assert.equal(manager.allocate(counter), id);
  }
  manager.setValue(2, 99);
  manager.free(2);
  manager.free(2);
  assert.throws(() => manager.allocate({ typeId: 1, label: 'x' }), { code: 'COUNTERS_EXHAUSTED' });
  clock.advanceNs(999e6);
  assert.throws(() => manager.allocate({ typeId: 1, label: 'x' }), /all 4 counters are in use/);
  clock.advanceNs(1e6);
  assert.equal(manager.allocate({ typeId: 6, label: 'new' }), 2);
  const { key: newKey, ...rest } = reader.counter(2);
  assert.ok(newKey.every((byte) => byte === 0));
  const clean = { registrationId: 0, ownerId: 0, referenceId: 0, value: 0 };
  assert.deepEqual(rest, { id: 2, typeId: 6, label: 'new', ...clean });
  assert.throws(() => manager.allocate({ typeId: 1, label: 'x' }), { code: 'COUNTERS_EXHAUSTED' });
});

test('new ids are used before freed ones come due, and the earliest freed one first', () => {
  const { manager, clock } = newCounters();
  for (let id = 0; id < 3; id++) manager.allocate({ typeId: 1, label: '' });
  manager.free(1);
  manager.free(0);
  assert.equal(manager.allocate({ typeId: 1, label: '' }), 3);
  clock.advanceNs(1e9);
  assert.equal(manager.allocate({ typeId: 1, label: '' }), 1);
  assert.equal(manager.allocate({ typeId: 1, label: '' }), 0);
});

test('labels and keys that are too long are cut and spoil nothing', () => {
  const { manager, reader } = newCounters();
  manager.allocate({ typeId: 1, label: 'x'.repeat(1000), key: Buffer.alloc(1000, 7) });
  manager.allocate({ typeId: 2, label: 'neighbour' });
  assert.equal(reader.label(0), 'x'.repeat(380));
  assert.ok(reader.key(0).every((byte) => byte === 7));
  assert.equal(reader.label(1), 'neighbour');
  manager.setLabel(0, 'shorter');
  assert.equal(reader.label(0), 'shorter');
});

test('a label length that another process spoiled does not lead outside the label', () => {
  const { manager, reader, region } = newCounters();
  manager.allocate({ typeId: 1, label: 'fine' });
  region.view.setInt32(METADATA + 128, 1_000_000, true);
  assert.equal(reader.label(0).length, 380);
  region.view.setInt32(METADATA + 128, -1, true);
  assert.equal(reader.label(0), '');
});

test('ids change after allocation', () => {
  const { manager, reader } = newCounters();
  const id = manager.allocate({ typeId: 1, label: '' });
  manager.setRegistrationId(id, 1);
  manager.setOwnerId(id, -1);
  manager.setReferenceId(id, 2 ** 33);
  assert.deepEqual([reader.registrationId(id), reader.ownerId(id), reader.referenceId(id)], [1, -1, 2 ** 33]);
});

test('an id out of range is a caller’s error', () => {
  const { reader } = newCounters();
  assert.throws(() => reader.value(COUNT), /in range/);
  assert.throws(() => reader.state(-1), /in range/);
});

test('an atomic counter publishes what its writer does', () => {
  const { region, manager, reader } = newCounters();
  const id = manager.allocate({ typeId: 1, label: '' });
  const counter = new AtomicCounter(region, VALUES, id);
  counter.increment();
  assert.equal(reader.value(id), 1);
  counter.add(2 ** 32);
  assert.equal(reader.value(id), 2 ** 32 + 1);
  counter.setMax(7);
  assert.equal(counter.getVolatile(), 2 ** 32 + 1);
  counter.setMax(2 ** 33);
  counter.set(counter.get() - 1);
  assert.equal(reader.value(id), 2 ** 33 - 1);
  counter.set(-1);
  assert.equal(reader.value(id), -1);
  counter.increment();
  assert.equal(reader.value(id), 0);
});
