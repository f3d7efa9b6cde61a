import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BURST_CAPACITY,
  DEVICE_STATISTICS,
  RX_FLAGS,
  RX_LENGTH,
  RX_OFFSET,
  RX_SUM,
  RX_SUMMED,
  RX_WORDS,
  TX_FLAGS,
  TX_FRAME,
  TX_HANDLE,
  TX_LENGTH,
  TX_OFFSET,
  TX_UDP_CHECKSUM,
  TX_WORDS,
} from '../../src/device/device.ts';
import { DpdkDevice } from '../../src/device/dpdk/dpdk-device.ts';
import { Region } from '../../src/memory/region.ts';
import { SKIP_WITHOUT_DPDK, virtualEal } from '../support/dpdk.ts';
import { internetChecksum } from '../support/frames.ts';

// Port 0 receives what it transmits, by way of a ring of 1024; port 1 swallows everything and receives empty frames.
const ealArguments = [...virtualEal('net_ring0'), '--vdev=net_null0'];
const options = { ealArguments, portId: 0, mtu: 1500, rxQueueSize: 1024, txQueueSize: 1024 };
const HEADER = Buffer.from('ff'.repeat(42), 'hex');

function fillSlot(
  device: DpdkDevice,
  slot: number,
  region: Region,
  offset: number,
  length: number,
  flags = 0,
): void {
  const word = slot * TX_WORDS;
  device.memory.bytes.set(HEADER, device.txWords[word + TX_FRAME]!);
  device.txWords[word + TX_HANDLE] = region.handle;
  device.txWords[word + TX_OFFSET] = offset;
  device.txWords[word + TX_LENGTH] = length;
  device.txWords[word + TX_FLAGS] = flags;
}

function frameAt(device: DpdkDevice, index: number): Buffer {
  const offset = device.rxWords[index * RX_WORDS + RX_OFFSET]!;
  return device.memory.bytes.subarray(offset, offset + device.rxWords[index * RX_WORDS + RX_LENGTH]!);
}

function statistic(device: DpdkDevice, name: string): number {
  device.readStatistics();
  return device.statistics[DEVICE_STATISTICS.indexOf(name)]!;
}

describe('a DPDK port', { skip: SKIP_WITHOUT_DPDK }, () => {
  test('carries frames of every length behind their headers, short ones padded', () => {
    const device = DpdkDevice.open(options);
    const region = Region.allocate(65536);
    for (let i = 0; i < region.byteLength; i++) region.bytes[i] = (i * 31) >> 3;
    for (let length = 0; length <= 1472; length++) {
      const offset = (length * 37) % 60000;
      fillSlot(device, 0, region, offset, length);
      assert.equal(device.transmit(1), BURST_CAPACITY);
      assert.equal(device.receive(), 1);
      const frame = frameAt(device, 0);
      assert.equal(frame.length, Math.max(60, 42 + length));
      assert.deepEqual(frame.subarray(0, 42), HEADER);
      assert.ok(frame.subarray(42, 42 + length).equals(region.bytes.subarray(offset, offset + length)));
      assert.ok(frame.subarray(42 + length).every((byte) => byte === 0));
    }
    assert.equal(device.capabilities.driverName, 'net_ring');
    assert.equal(device.mtu, 1500);
    assert.equal(device.isLinkUp(), true);
    device.close();
  });

  test('completes and sums up UDP checksums', () => {
    const device = DpdkDevice.open(options);
    const region = Region.allocate(4096);
    for (let i = 0; i < 4096; i++) region.bytes[i] = i * 7 + 251;
    for (const length of [0, 1, 2, 3, 4, 5, 17, 18, 100, 1471, 1472]) {
      fillSlot(device, 0, region, length, length, TX_UDP_CHECKSUM);
      const header = device.txWords[TX_FRAME]!;
      device.memory.view.setUint16(header + 40, 0x1234); // The pseudo-header's sum.
      const whole = Buffer.concat([HEADER.subarray(34), region.bytes.subarray(length, 2 * length)]);
      whole.writeUInt16BE(0x1234, 6);
      const expected = internetChecksum(whole) || 0xffff;
      device.transmit(1);
      assert.equal(device.receive(), 1);
      const frame = frameAt(device, 0);
      assert.equal(frame.readUInt16BE(40), expected, `length ${length}`);
      assert.ok(device.rxWords[RX_FLAGS]! & RX_SUMMED);
      assert.equal(
        device.rxWords[RX_SUM]! || 0xffff,
        ~internetChecksum(frame.subarray(34)) & 0xffff || 0xffff,
      );
    }
    device.close();
  });

  test('keeps what the ring does not take, sends it first, and loses nothing', () => {
    const device = DpdkDevice.open(options);
    const region = Region.allocate(8192);
    for (let i = 0; i < 2048; i++) region.i32[i] = i;
    let sent = 0;
    while (device.txRoom > 0) {
      const count = device.txRoom;
      for (let i = 0; i < count; i++) fillSlot(device, i, region, 4 * sent++, 4);
      device.transmit(count);
    }
    assert.ok(sent > 1024, 'the ring and the backlog hold them');
    assert.equal(device.transmit(0), 0);
    let received = 0;
    for (let count = device.receive(); count > 0; count = device.receive()) {
      for (let i = 0; i < count; i++) assert.equal(frameAt(device, i).readInt32LE(42), received++);
      device.transmit(0);
    }
    assert.equal(received, sent);
    assert.equal(device.txRoom, BURST_CAPACITY);
    device.close();
  });

  test('drops frames whose payload does not exist, and counts them', () => {
    const device = DpdkDevice.open(options);
    const region = Region.allocate(128);
    const before = statistic(device, 'txInvalid');
    fillSlot(device, 0, region, 100, 29);
    fillSlot(device, 1, region, 0, 128);
    fillSlot(device, 2, region, 0, 128);
    device.txWords[2 * TX_WORDS + TX_HANDLE] = 65535;
    fillSlot(device, 3, region, 0, 1 << 30);
    fillSlot(device, 4, region, -8, 16);
    assert.equal(device.transmit(5), BURST_CAPACITY);
    assert.equal(device.receive(), 1);
    assert.equal(frameAt(device, 0).length, 170);
    assert.equal(statistic(device, 'txInvalid') - before, 4);
    device.close();
  });

  test('gives every buffer back when it is closed and opened again', () => {
    const available: number[] = [];
    for (let i = 0; i < 20; i++) {
      const device = DpdkDevice.open(options);
      const region = Region.allocate(64);
      for (let slot = 0; slot < BURST_CAPACITY; slot++) fillSlot(device, slot, region, 0, 64);
      device.transmit(BURST_CAPACITY);
      assert.equal(device.receive(), BURST_CAPACITY);
      assert.equal(device.receive(), 0);
      available.push(statistic(device, 'poolAvailable'));
      device.close();
    }
    assert.deepEqual(new Set(available).size, 1, String(available));
  });

  test('is one of several: the process shares DPDK, not the port', () => {
    const device = DpdkDevice.open(options);
    const other = DpdkDevice.open({ ...options, portId: 1 });
    assert.equal(other.capabilities.driverName, 'net_null');
    assert.equal(other.receive(), BURST_CAPACITY);
    assert.throws(() => DpdkDevice.open(options), {
      code: 'DPDK_PORT_BUSY',
      message: /port 0 is open already/,
    });
    assert.throws(() => DpdkDevice.open({ ...options, portId: 7 }), {
      code: 'DPDK_NO_PORT',
      message: /port 7 does not exist; ports: 2/,
    });
    assert.throws(() => DpdkDevice.open({ ...options, ealArguments: ['--no-huge'] }), {
      code: 'DPDK_ALREADY_INITIALISED',
      message: /once per process/,
    });
    other.close();
    device.close();
    device.close();
    assert.equal(device.receive(), 0);
    assert.equal(device.transmit(1), 0);
    assert.equal(device.isLinkUp(), false);
  });

  test('has a queue pair for each of several owners, and stops with the last', () => {
    const shared = { ...options, portId: 1, queues: 2 };
    assert.throws(() => DpdkDevice.open({ ...shared, queue: 1 }), {
      code: 'DPDK_PORT',
      message: /queue 1 is wanted before queue 0/,
    });
    const first = DpdkDevice.open(shared);
    const second = DpdkDevice.open({ ...shared, queue: 1 });
    assert.notEqual(first.memory.handle, second.memory.handle);
    assert.equal(first.isLinkUp(), true);
    assert.equal(second.isLinkUp(), true);
    assert.throws(() => DpdkDevice.open({ ...shared, queue: 1 }), { code: 'DPDK_PORT_BUSY' });
    assert.throws(() => DpdkDevice.open({ ...shared, queue: 2 }), { code: 'DPDK_PORT' });
    first.close();
    assert.equal(second.receive(), BURST_CAPACITY);
    assert.throws(() => DpdkDevice.open(shared), { code: 'DPDK_PORT_BUSY' });
    second.close();
    DpdkDevice.open({ ...shared, queues: 1 }).close();
  });

  test('refuses an MTU that it cannot carry', () => {
    assert.throws(() => DpdkDevice.open({ ...options, portId: 1, mtu: 20 }), {
      code: 'DPDK_PORT',
      message: /MTU 20 is outside the port's 68 to /,
    });
  });
});
