import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  LENDING_NONE,
  LENDING_TO_DEVICE,
  LENDING_TO_PROCESSOR,
  offloadNames,
  type PortWishes,
  planPort,
  RSS_IPV4_UDP,
  RX_IPV4_CHECKSUM,
  RX_SCATTER,
  RX_UDP_CHECKSUM,
  RX_VLAN_STRIP,
  TX_FAST_FREE,
  TX_IPV4_CHECKSUM,
  TX_SEGMENTS,
  TX_UDP_CHECKSUM_INSERT,
  TX_VLAN_INSERT,
} from '../../src/device/dpdk/port-plan.ts';
import type { PortDescription } from '../../src/native/dpdk-addon.ts';

const PORT: PortDescription = {
  driverName: 'net_fake',
  deviceName: '0000:01:00.0',
  mac: [2, 0, 0, 0, 0, 1],
  mtu: 1500,
  mtuMin: 68,
  mtuMax: 9216,
  frameLengthMax: 9234,
  rxQueuesMax: 8,
  txQueuesMax: 4,
  rxRingMin: 64,
  rxRingMax: 4096,
  txRingMin: 64,
  txRingMax: 4096,
  rxBufferLengthMin: 0,
  offloads: 8191,
  iovaMode: 'va',
};
const plan = (
  wishes: Partial<PortWishes>,
  port: Partial<PortDescription> = {},
): ReturnType<typeof planPort> => planPort({ ...PORT, ...port }, wishes);

describe('the plan for a port', () => {
  test('is as wished where the port can', () => {
    const { notes, ...setup } = plan({});
    assert.deepEqual(notes, []);
    assert.deepEqual(setup, {
      queues: 1,
      mtu: 1500,
      rxRingLength: 1024,
      txRingLength: 1024,
      offloads: RX_IPV4_CHECKSUM | RX_UDP_CHECKSUM | TX_IPV4_CHECKSUM | TX_UDP_CHECKSUM_INSERT | TX_FAST_FREE,
      vlanId: 0,
      isPromiscuous: false,
      hasRxInterrupts: false,
      lending: LENDING_NONE,
      bufferLength: 2048,
      bufferCount: 1024 + 1024 + 256 + 1024,
      poolCacheLength: 256,
      poolOperations: '',
    });
  });

  test('lends payloads where they can be read from, and says why not elsewhere', () => {
    const card = plan({ txReferenceMin: 512 });
    assert.equal(card.lending, LENDING_TO_DEVICE);
    assert.equal(card.offloads & (TX_SEGMENTS | TX_FAST_FREE), TX_SEGMENTS);
    assert.deepEqual(card.notes, []);
    assert.equal(
      plan({ txReferenceMin: 512 }, { driverName: 'net_vhost', iovaMode: 'pa' }).lending,
      LENDING_TO_PROCESSOR,
    );
    const cases: [Partial<PortDescription>, RegExp][] = [
      [{ offloads: 4095 }, /payloads are copied: the port sends frames in one piece/],
      [
        { driverName: 'net_virtio_user' },
        /payloads are copied: the port's other end reaches no memory but DPDK's own/,
      ],
      [{ iovaMode: 'pa' }, /payloads are copied: without an IOMMU/],
      [
        { driverName: 'net_memif', deviceName: 'net_memif0' },
        /payloads are copied: this kind of virtual port/,
      ],
    ];
    for (const [port, note] of cases) {
      const { lending, offloads, notes } = plan({ txReferenceMin: 512 }, port);
      assert.equal(lending, LENDING_NONE);
      assert.equal(offloads & (TX_SEGMENTS | TX_FAST_FREE), TX_FAST_FREE);
      assert.match(notes.join(), note);
    }
  });

  test('brings rings within the limits of the driver, and says so', () => {
    // vmxnet3 has no transmit ring below 512, and no ring above 4096.
    const vmxnet3 = plan(
      { rxQueueSize: 8192, txQueueSize: 100 },
      { rxRingMin: 128, txRingMin: 512, rxRingMax: 4096, txRingMax: 4096 },
    );
    assert.equal(vmxnet3.rxRingLength, 4096);
    assert.equal(vmxnet3.txRingLength, 512);
    assert.deepEqual(vmxnet3.notes, [
      '8192 receive descriptors are wanted, the port has 4096 (it takes powers of two from 128 to 4096)',
      '100 transmit descriptors are wanted, the port has 512 (it takes powers of two from 512 to 4096)',
    ]);
  });

  test('has rings of powers of two, which every driver takes', () => {
    assert.equal(plan({ rxQueueSize: 1000 }).rxRingLength, 1024);
    assert.equal(plan({ rxQueueSize: 65536 }, { rxRingMax: 0 }).rxRingLength, 32768);
    assert.equal(plan({ txQueueSize: 5000 }, { txRingMax: 5000 }).txRingLength, 4096);
    assert.equal(plan({ rxQueueSize: 256 }, { rxRingMin: 256, rxRingMax: 256 }).rxRingLength, 256);
  });

  test('keeps a long frame in one buffer, and takes it in pieces too', () => {
    assert.equal(plan({ mtu: 9000 }).bufferLength, 9216);
    assert.equal(plan({ mtu: 9216 }).bufferLength, 10240);
    assert.equal(plan({}, { rxBufferLengthMin: 3000 }).bufferLength, 3072);
    assert.equal(plan({ mtu: 9000 }).offloads & RX_SCATTER, RX_SCATTER);
    assert.equal(plan({ mtu: 9000 }, { offloads: 0 }).offloads, 0);
    assert.equal(plan({ mtu: 1500 }).offloads & RX_SCATTER, 0);
  });

  test('leaves tags to the port where there are any', () => {
    const both = RX_VLAN_STRIP | TX_VLAN_INSERT;
    assert.equal(plan({}).offloads & both, 0);
    assert.equal(plan({ vlanId: 7 }).offloads & both, both);
    assert.equal(plan({ vlanId: 7 }, { offloads: TX_VLAN_INSERT }).offloads, TX_VLAN_INSERT);
    assert.equal(plan({ vlanId: 7, usesOffloads: false }).offloads, TX_FAST_FREE);
  });

  test('shares arrivals out among several queues, and says when the port does not', () => {
    assert.equal(plan({ queues: 4 }).offloads & RSS_IPV4_UDP, RSS_IPV4_UDP);
    assert.deepEqual(plan({ queues: 4 }).notes, []);
    assert.match(plan({ queues: 2 }, { offloads: 0 }).notes[0]!, /does not share arrivals out/);
  });

  test('is refused where the port cannot: queues, MTU', () => {
    assert.throws(() => plan({ queues: 5 }), {
      code: 'DPDK_PORT',
      message: /5 queue pairs are wanted, .* 8 receive and 4 transmit queues/,
    });
    assert.throws(() => plan({ mtu: 9217 }), { code: 'DPDK_PORT', message: /MTU 9217 .* 68 to 9216/ });
    // net_tap names no true MTU, but a true frame.
    const tap = { mtuMax: 65535, frameLengthMax: 1522 };
    assert.equal(plan({ mtu: 1504 }, tap).mtu, 1504);
    assert.throws(() => plan({ mtu: 1505 }, tap), { code: 'DPDK_PORT', message: /1505 .* 68 to 1504/ });
    assert.throws(() => plan({ mtu: 67 }), { code: 'DPDK_PORT' });
  });

  test('names what is offloaded', () => {
    assert.deepEqual(offloadNames(RX_UDP_CHECKSUM | TX_VLAN_INSERT), ['rx-udp-checksum', 'tx-vlan-insert']);
  });
});
