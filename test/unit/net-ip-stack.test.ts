import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack, READY, UNREACHABLE, UNRESOLVED } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { Prng } from '../../src/util/prng.ts';
import {
  arpFrame,
  BROADCAST_MAC,
  echoRequest,
  hex,
  internetChecksum,
  ipv4Frame,
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  receivedFrames,
  udpFrame,
} from '../support/frames.ts';

const SECOND_NS = 1e9;
const PAYLOAD = Buffer.from('payload');

let device: SimulatedDevice;
let peer: SimulatedDevice;
let stack: IpStack;
let clock: SimulatedClock;
let datagrams: { payload: string; source: number; sourcePort: number; destinationPort: number }[];

const listener = {
  onUdp(offset: number, length: number, source: number, sourcePort: number, destinationPort: number): void {
    const payload = device.memory.bytes.toString('latin1', offset, offset + length);
    datagrams.push({ payload, source, sourcePort, destinationPort });
  },
};

beforeEach(() => {
  [device, peer] = SimulatedDevice.pair();
  clock = new SimulatedClock();
  stack = new IpStack(device, { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0 }, clock);
  datagrams = [];
});

/** Lets frames arrive and be answered; returns what the stack sent meanwhile, without its announcement. */
function exchange(...frames: Buffer[]): Buffer[] {
  stack.flush();
  receivedFrames(peer);
  for (const frame of frames) {
    assert.equal(device.inject(frame), true);
    stack.receive(listener);
  }
  stack.flush();
  return receivedFrames(peer);
}

/** The counters that are not zero, except those of frames and the link. */
function counted(): Record<string, number> {
  const entries = NET_STATISTICS.map((name, i): [string, number] => [name, stack.statistics[i]!]);
  return Object.fromEntries(
    entries.filter(
      ([name, value]) => value !== 0 && !/^(rx|tx)(Frames|Datagram)|^link|arpRequests/.test(name),
    ),
  );
}

describe('ARP', () => {
  test('announces our address when the link comes up', () => {
    stack.flush();
    const announcement = arpFrame(1, {
      destination: BROADCAST_MAC,
      senderMac: OUR_MAC,
      sender: OUR_ADDRESS,
      target: OUR_ADDRESS,
    });
    assert.deepEqual(receivedFrames(peer), [announcement]);
    peer.connected = false;
    clock.advanceNs(SECOND_NS);
    stack.flush();
    peer.connected = true;
    clock.advanceNs(SECOND_NS);
    stack.flush();
    assert.deepEqual(receivedFrames(peer), [announcement]);
  });

  test('answers requests for our address, broadcast or not, and no others', () => {
    const reply = arpFrame(2, {
      destination: PEER_MAC,
      senderMac: OUR_MAC,
      sender: OUR_ADDRESS,
      targetMac: PEER_MAC,
      target: PEER_ADDRESS,
    });
    assert.deepEqual(exchange(arpFrame(1, { destination: BROADCAST_MAC })), [reply]);
    assert.deepEqual(exchange(arpFrame(1)), [reply]);
    assert.deepEqual(exchange(arpFrame(1, { sender: 0 })).length, 1, 'a probe of RFC 5227');
    assert.deepEqual(exchange(arpFrame(1, { target: PEER_ADDRESS + 1 })), []);
    assert.deepEqual(counted(), { arpReplies: 3, arpUnsolicited: 1 });
  });

  test('resolves a neighbour that is wanted, then sends to it', () => {
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNRESOLVED);
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNRESOLVED);
    stack.flush();
    const request = arpFrame(1, {
      destination: BROADCAST_MAC,
      senderMac: OUR_MAC,
      sender: OUR_ADDRESS,
      target: PEER_ADDRESS,
    });
    assert.deepEqual(receivedFrames(peer).filter((frame) => frame.equals(request)).length, 1);
    exchange(arpFrame(2));
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
  });

  test('calls a neighbour that stays silent for a second unreachable, and goes on asking', () => {
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNRESOLVED);
    clock.advanceNs(SECOND_NS);
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNREACHABLE);
    stack.flush();
    assert.equal(receivedFrames(peer).length, 3, 'two requests and the announcement');
    exchange(arpFrame(2));
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
  });

  test('learns nothing from strangers', () => {
    exchange(arpFrame(2), arpFrame(1, { destination: BROADCAST_MAC, target: PEER_ADDRESS }), arpFrame(1));
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNRESOLVED);
    assert.deepEqual(counted(), { arpUnsolicited: 2, arpReplies: 1 });
  });

  test('follows a known neighbour to another card', () => {
    stack.startDatagrams(PEER_ADDRESS, 1, 2);
    exchange(arpFrame(2));
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
    const moved = '020000000099';
    exchange(arpFrame(1, { destination: BROADCAST_MAC, senderMac: moved, target: PEER_ADDRESS }));
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
    stack.addDatagram(0, 0, 0);
    stack.flush();
    assert.equal(receivedFrames(peer).at(-1)!.toString('hex', 0, 6), moved);
  });

  test('takes no group address as a neighbour and counts who claims ours', () => {
    stack.startDatagrams(PEER_ADDRESS, 1, 2);
    exchange(
      arpFrame(2, { senderMac: '010000000002' }),
      arpFrame(2, { senderMac: '000000000000' }),
      arpFrame(2, { sender: OUR_ADDRESS }),
      arpFrame(2, { sender: OUR_ADDRESS, senderMac: OUR_MAC }),
    );
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNRESOLVED);
    assert.deepEqual(counted(), { arpMalformed: 2, arpConflicts: 1 });
  });

  test('answers a thousand requests a second', () => {
    const requests: Buffer[] = new Array(100).fill(arpFrame(1));
    let replies = 0;
    for (let i = 0; i < 12; i++) replies += exchange(...requests).length;
    assert.equal(replies, 1000);
    assert.deepEqual(counted(), { arpReplies: 1000, arpRepliesLimited: 200 });
    clock.advanceNs(SECOND_NS);
    assert.equal(exchange(arpFrame(1)).length, 1);
  });
});

describe('ICMP', () => {
  test('echoes a ping to the card it came from', () => {
    const payload = Buffer.from('0123456789'.repeat(10));
    const [reply] = exchange(echoRequest(payload));
    assert.equal(reply!.toString('hex', 0, 14), `${PEER_MAC}${OUR_MAC}0800`);
    assert.equal(internetChecksum(reply!.subarray(14, 34)), 0);
    assert.equal(reply!.toString('hex', 26, 34), '0a0000020a000001'.replace(/^(.{8})(.{8})$/, '$2$1'));
    assert.equal(internetChecksum(reply!.subarray(34)), 0);
    assert.equal(reply!.toString('hex', 34, 36), '0000');
    assert.equal(reply!.toString('hex', 38, 42), 'beef0007');
    assert.deepEqual(reply!.subarray(42), payload);
  });

  test('echoes the largest packet and one without payload', () => {
    const largest = exchange(echoRequest(Buffer.alloc(1472, 7)));
    assert.equal(largest[0]!.length, 1514);
    assert.equal(exchange(echoRequest(Buffer.alloc(0)))[0]!.length, 42);
  });

  test('ignores other messages, wrong checksums, and too many', () => {
    const unreachable = echoRequest(PAYLOAD);
    unreachable[34] = 3;
    unreachable.writeUInt16BE(0, 36);
    unreachable.writeUInt16BE(internetChecksum(unreachable.subarray(34)), 36);
    const damaged = echoRequest(PAYLOAD);
    damaged[45]! ^= 1;
    assert.deepEqual(exchange(unreachable, damaged, ipv4Frame(1, Buffer.alloc(7))), []);
    assert.deepEqual(counted(), { icmpIgnored: 1, icmpMalformed: 2 });
    let replies = 0;
    for (let i = 0; i < 11; i++) replies += exchange(...new Array(100).fill(echoRequest(PAYLOAD))).length;
    assert.equal(replies, 1000);
    assert.equal(counted().icmpRepliesLimited, 100);
  });
});

describe('UDP', () => {
  test('delivers datagrams with and without a checksum, with padding and with IP options', () => {
    const padded = Buffer.concat([udpFrame(PAYLOAD), Buffer.alloc(11, 0xee)]);
    exchange(
      udpFrame(PAYLOAD),
      udpFrame(PAYLOAD, { checksum: false }),
      padded,
      udpFrame(PAYLOAD, { options: '01010101' }),
      udpFrame(Buffer.alloc(0)),
    );
    const expected = { source: PEER_ADDRESS, sourcePort: 4000, destinationPort: 5000 };
    assert.deepEqual(datagrams, [
      ...new Array(4).fill({ payload: 'payload', ...expected }),
      { payload: '', ...expected },
    ]);
    assert.deepEqual(counted(), {});
  });

  test('drops and counts by reason', () => {
    const frame = udpFrame(PAYLOAD);
    const altered = (offset: number, bytes: string): Buffer => {
      const copy = Buffer.from(frame);
      hex(bytes).copy(copy, offset);
      return copy;
    };
    exchange(
      altered(45, '58'), // Payload.
      altered(38, '0007'), // UDP length below its header.
      altered(38, '0100'), // UDP length beyond the packet.
      altered(24, 'ffff'), // Header checksum.
      altered(12, '86dd'), // IPv6.
      altered(12, '8100'), // VLAN.
      altered(0, PEER_MAC),
      udpFrame(PAYLOAD, { destinationMac: BROADCAST_MAC }),
      udpFrame(PAYLOAD, { destination: PEER_ADDRESS }),
      udpFrame(PAYLOAD, { source: OUR_ADDRESS }),
      udpFrame(PAYLOAD, { source: 0x7f000001 }),
      udpFrame(PAYLOAD, { source: 0xe0000001 | 0 }),
      udpFrame(PAYLOAD, { fragment: 0x2000 }),
      udpFrame(PAYLOAD, { fragment: 0x0010 }),
      ipv4Frame(6, PAYLOAD),
      Buffer.alloc(13),
    );
    assert.deepEqual(datagrams, []);
    assert.deepEqual(counted(), {
      udpChecksumWrong: 1,
      udpMalformed: 2,
      ipv4Checksum: 1,
      ethernetTypeUnsupported: 2,
      ethernetNotOurs: 2,
      ipv4NotOurs: 1,
      ipv4SourceInvalid: 3,
      ipv4Fragments: 2,
      ipv4ProtocolUnsupported: 1,
      ethernetMalformed: 1,
    });
  });
});

describe('whatever arrives', () => {
  const frames = {
    udp: udpFrame(Buffer.alloc(100, 1)),
    icmp: echoRequest(Buffer.alloc(100, 1)),
    arp: arpFrame(1),
  };

  for (const [name, frame] of Object.entries(frames)) {
    test(`drops every truncation of a frame (${name}) and counts it once`, () => {
      for (let length = 0; length < frame.length; length++) {
        const before = stack.statistics.slice();
        assert.deepEqual(exchange(frame.subarray(0, length)), [], `length ${length}`);
        const reasons = Object.values(counted()).reduce((sum, value) => sum + value, 0);
        assert.equal(reasons, length + 1, `length ${length} after ${before}`);
      }
      assert.deepEqual(datagrams, []);
    });
  }

  test('delivers nothing of frames with one bit flipped, except where no checksum looks', () => {
    for (let bit = 14 * 8; bit < frames.udp.length * 8; bit++) {
      const damaged = Buffer.from(frames.udp);
      damaged[bit >>> 3]! ^= 1 << (bit & 7);
      exchange(damaged);
    }
    assert.deepEqual(datagrams, []);
  });

  test('survives random bytes behind plausible headers', () => {
    const seed = 20_260_101;
    const prng = new Prng(seed);
    for (let round = 0; round < 20_000; round++) {
      const pattern = Object.values(frames)[prng.nextBelow(3)]!;
      const frame = Buffer.from(pattern.subarray(0, prng.nextBelow(pattern.length + 1)));
      for (let i = prng.nextBelow(8); i > 0 && frame.length > 12; i--) {
        frame[12 + prng.nextBelow(frame.length - 12)] = prng.next() & 0xff;
      }
      assert.equal(device.inject(frame), true);
      stack.receive(listener);
      if (round % 16 === 0) {
        stack.flush();
        receivedFrames(peer);
      }
      clock.advanceNs(1e6);
    }
    for (const { payload } of datagrams) assert.ok(payload.length <= 100, `seed ${seed}`);
  });
});
