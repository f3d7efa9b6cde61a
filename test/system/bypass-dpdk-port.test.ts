import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import {
  BURST_CAPACITY,
  DEVICE_STATISTICS,
  RX_LENGTH,
  RX_OFFSET,
  RX_WORDS,
  TX_FRAME,
  TX_LENGTH,
} from '../../src/device/device.ts';
import { DpdkDevice } from '../../src/device/dpdk/dpdk-device.ts';
import { loadDpdk } from '../../src/native/dpdk-addon.ts';
import { SKIP_WITHOUT_DPDK, virtualEal } from '../support/dpdk.ts';
import { readPcap, writePcap } from '../support/pcap.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'aeron-port-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const incoming = path.join(folder, 'in.pcap');
const outgoing = path.join(folder, 'out.pcap');

const ADDRESSES = '02000000000102000000000a';
/** An Ethernet frame with so many bytes behind the type, tagged when there is a tag. */
function frame(tag: string, length: number): Buffer {
  const body = Buffer.alloc(length, length & 0xff);
  return Buffer.concat([Buffer.from(`${ADDRESSES}${tag}88b5`, 'hex'), body]);
}
const LONG = 9300;
// As they come, to a port of VLAN 7. The longest fits no buffer of MTU 9170 as a card fills it, and one in full length.
const INCOMING = [
  frame('81000007', 60),
  frame('', 61),
  frame('81000008', 62),
  frame('8100e007', 63),
  frame('81000007', LONG),
  Buffer.from(`${ADDRESSES}8100`, 'hex'),
];

// Port 0 receives what it transmits; port 1 reads one file and writes another; port 2 has as many queues as are wanted.
const files = `rx_pcap=${incoming},tx_pcap=${outgoing}`;
const ealArguments = [...virtualEal('net_ring0'), `--vdev=net_pcap0,${files}`, '--vdev=net_null0'];
const ring = { ealArguments, portId: 0, mtu: 1500, rxQueueSize: 1024, txQueueSize: 1024 };

function statistic(device: DpdkDevice, name: string): number {
  device.readStatistics();
  return device.statistics[DEVICE_STATISTICS.indexOf(name)]!;
}

function received(device: DpdkDevice): Buffer[] {
  const frames: Buffer[] = [];
  for (let cycle = 0; cycle < 4; cycle++) {
    const count = device.receive();
    for (let i = 0; i < count; i++) {
      const offset = device.rxWords[i * RX_WORDS + RX_OFFSET]!;
      const length = device.rxWords[i * RX_WORDS + RX_LENGTH]!;
      frames.push(Buffer.from(device.memory.bytes.subarray(offset, offset + length)));
    }
  }
  return frames;
}

/** Sends a frame of 60 bytes whose last header byte is `mark`. */
function sendMarked(device: DpdkDevice, mark: number): void {
  const header = Buffer.from(`${ADDRESSES}88b5${'00'.repeat(27)}`, 'hex');
  device.memory.bytes.set(header, device.txWords[TX_FRAME]!);
  device.memory.bytes[device.txWords[TX_FRAME]! + 41] = mark;
  device.txWords[TX_LENGTH] = 0;
  device.transmit(1);
}

describe('a DPDK port as it is configured', { skip: SKIP_WITHOUT_DPDK }, () => {
  test('has frames of its VLAN only, without the tag, long ones in one piece', () => {
    writeFileSync(incoming, writePcap(INCOMING));
    writeFileSync(outgoing, '');
    const device = DpdkDevice.open({ ...ring, portId: 1, mtu: 9170, vlanId: 7 });
    assert.equal(device.capabilities.driverName, 'net_pcap');
    assert.deepEqual(
      received(device).map((bytes) => bytes.toString('hex')),
      [frame('', 60), frame('', 63), frame('', LONG)].map((bytes) => bytes.toString('hex')),
    );
    assert.equal(statistic(device, 'rxOtherVlan'), 3);
    assert.equal(statistic(device, 'rxJoined'), 1);
    assert.equal(statistic(device, 'rxUnsupported'), 0);
    sendMarked(device, 0x55);
    device.close();
    const sent = readPcap(readFileSync(outgoing));
    assert.equal(sent.length, 1);
    assert.equal(sent[0]!.length, 64, 'the least frame, and a tag');
    assert.equal(sent[0]!.subarray(0, 18).toString('hex'), `${ADDRESSES}8100000788b5`);
    assert.equal(sent[0]![45], 0x55);
  });

  test('goes on after a reset, with what waited to be sent', () => {
    const device = DpdkDevice.open(ring);
    const before = statistic(device, 'resets');
    sendMarked(device, 1);
    device.reset();
    assert.equal(device.isLinkUp(), true, 'one owner: it is over at the first look');
    assert.equal(statistic(device, 'resets') - before, 1);
    sendMarked(device, 2);
    assert.deepEqual(
      received(device).map((bytes) => bytes[41]),
      [1, 2],
    );
    assert.equal(device.txRoom, BURST_CAPACITY);
    device.close();
  });

  test('is reset when all its owners rest, and not before', () => {
    const shared = { ...ring, portId: 2, queues: 2 };
    const first = DpdkDevice.open(shared);
    const second = DpdkDevice.open({ ...shared, queue: 1 });
    second.reset();
    sendMarked(first, 3);
    assert.equal(first.txRoom, BURST_CAPACITY, 'a reset that is wanted stops nobody amid a duty cycle');
    assert.equal(first.isLinkUp(), false);
    assert.equal(first.transmit(1), 0, 'who rests takes nothing');
    assert.equal(first.receive(), 0);
    assert.equal(second.isLinkUp(), false);
    assert.equal(statistic(first, 'resets'), 0);
    assert.equal(first.isLinkUp(), true);
    assert.equal(statistic(first, 'resets'), 1);
    assert.equal(second.isLinkUp(), true);
    assert.equal(second.transmit(0), BURST_CAPACITY);
    first.close();
    second.close();
  });

  test('names what else it counts', () => {
    const device = DpdkDevice.open(ring);
    const dpdk = loadDpdk();
    const { names, values } = dpdk.extendedStatistics(0);
    assert.ok(names.includes('rx_good_packets') && names.includes('tx_good_bytes'), names.join());
    const counts = new Float64Array(values!);
    const index = names.indexOf('tx_good_packets');
    dpdk.readExtendedStatistics(0);
    const before = counts[index]!;
    sendMarked(device, 4);
    dpdk.readExtendedStatistics(0);
    assert.equal(counts[index]! - before, 1);
    received(device);
    device.close();
    assert.deepEqual(dpdk.extendedStatistics(0), { names: [] }, 'a closed port tells nothing');
    assert.deepEqual(dpdk.extendedStatistics(9999), { names: [] });
    dpdk.readExtendedStatistics(0);
  });

  test('counts what its ring does not take', () => {
    const device = DpdkDevice.open(ring);
    while (device.txRoom > 0) sendMarked(device, 5);
    assert.ok(statistic(device, 'txBackPressure') > 0);
    while (received(device).length > 0) device.transmit(0);
    device.close();
  });

  test('does not wait for frames where it has no interrupts', () => {
    const device = DpdkDevice.open({ ...ring, wantsRxInterrupts: true });
    assert.equal(device.capabilities.rxInterrupts, false);
    const startMs = performance.now();
    assert.equal(device.waitForFrame(1_000_000), false);
    assert.ok(performance.now() - startMs < 500);
    device.close();
  });
});
