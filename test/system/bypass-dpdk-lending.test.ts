import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  DEVICE_STATISTICS,
  RX_LENGTH,
  RX_OFFSET,
  TX_BY_REFERENCE,
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
import { dpdkLender } from '../../src/transport/bypass/dpdk-lender.ts';
import { SKIP_WITHOUT_DPDK, virtualEal } from '../support/dpdk.ts';
import { internetChecksum } from '../support/frames.ts';

// Port 0 receives what it transmits, by way of a ring that holds what it was given until it is received.
const options = {
  ealArguments: virtualEal('net_ring0'),
  portId: 0,
  mtu: 1500,
  rxQueueSize: 1024,
  txQueueSize: 1024,
  txReferenceMin: 64,
};
const HEADER = Buffer.from('ff'.repeat(42), 'hex');

function fillSlot(device: DpdkDevice, slot: number, region: Region, offset: number, length: number): void {
  const word = slot * TX_WORDS;
  const header = device.txWords[word + TX_FRAME]!;
  device.memory.bytes.set(HEADER, header);
  device.memory.view.setUint16(header + 40, 0x1234); // The pseudo-header's sum.
  device.txWords[word + TX_HANDLE] = region.handle;
  device.txWords[word + TX_OFFSET] = offset;
  device.txWords[word + TX_LENGTH] = length;
  device.txWords[word + TX_FLAGS] = TX_UDP_CHECKSUM | TX_BY_REFERENCE;
}

function received(device: DpdkDevice): Buffer {
  assert.equal(device.receive(), 1);
  const offset = device.rxWords[RX_OFFSET]!;
  return Buffer.from(device.memory.bytes.subarray(offset, offset + device.rxWords[RX_LENGTH]!));
}

function byReference(device: DpdkDevice): number {
  device.readStatistics();
  return device.statistics[DEVICE_STATISTICS.indexOf('txByReference')]!;
}

/** A region with bytes that tell places apart. */
function filledRegion(): Region {
  const region = Region.allocate(65_536);
  for (let i = 0; i < region.byteLength; i++) region.bytes[i] = (i * 31) >> 3;
  return region;
}

describe('memory lent to a DPDK port', { skip: SKIP_WITHOUT_DPDK }, () => {
  test('is sent from where it lies, byte for byte and with the checksum of a copy', () => {
    const device = DpdkDevice.open(options);
    assert.equal(device.capabilities.txReferenceMin, 64);
    const region = filledRegion();
    const copied: Buffer[] = [];
    const lender = dpdkLender(0);
    for (const isLent of [false, true]) {
      if (isLent) assert.equal(lender.lend(region), '');
      const before = byReference(device);
      for (let length = 64; length <= 1472; length++) {
        fillSlot(device, 0, region, (length * 37) % 60_000, length);
        device.transmit(1);
        const frame = received(device);
        if (!isLent) copied.push(frame);
        else assert.deepEqual(frame, copied[length - 64]);
        const whole = Buffer.concat([HEADER.subarray(34, 40), Buffer.of(0x12, 0x34), frame.subarray(42)]);
        assert.equal(frame.readUInt16BE(40), internetChecksum(whole) || 0xffff, `length ${length}`);
      }
      assert.equal(byReference(device) - before, isLent ? 1409 : 0);
    }
    device.receive(); // Gives the last frame back.
    assert.equal(lender.takeBack(region), true);
    device.close();
  });

  test('is not given back while a frame refers to it, and sent as copies afterwards', () => {
    const device = DpdkDevice.open(options);
    const region = filledRegion();
    const lender = dpdkLender(0);
    assert.equal(lender.takeBack(region), true, 'what was never lent');
    assert.equal(lender.lend(region), '');
    assert.match(lender.lend(region), /lent already/);
    for (let i = 0; i < 64; i++) fillSlot(device, i, region, 64 * i, 1000);
    device.transmit(64);
    for (let i = 0, left = 64; left > 0; i++) {
      assert.equal(lender.takeBack(region), false, `with ${left} frames on their way`);
      left -= device.receive();
      assert.ok(i < 64, 'they arrive');
    }
    device.receive();
    assert.equal(lender.takeBack(region), true);
    const before = byReference(device);
    fillSlot(device, 0, region, 0, 1000);
    device.transmit(1);
    assert.ok(received(device).subarray(42).equals(region.bytes.subarray(0, 1000)));
    assert.equal(byReference(device), before);
    region.close();
    device.close();
  });

  test('comes back when the port closes, whatever it had not sent', () => {
    const device = DpdkDevice.open(options);
    const region = filledRegion();
    const lender = dpdkLender(0);
    lender.lend(region);
    // More than the ring takes: the rest waits in the addon.
    while (device.txRoom > 0) {
      const count = device.txRoom;
      for (let i = 0; i < count; i++) fillSlot(device, i, region, 64 * i, 1000);
      device.transmit(count);
    }
    assert.equal(lender.takeBack(region), false);
    while (device.receive() > 0);
    device.close();
    assert.equal(lender.takeBack(region), true);
    assert.match(lender.lend(region), /not open/);
  });
});
