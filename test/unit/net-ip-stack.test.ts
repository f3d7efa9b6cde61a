import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { READY, UNREACHABLE, UNRESOLVED } from '../../src/net/send-state.ts';
import { formatIpv4 } from '../../src/util/ipv4.ts';
import { formatMac } from '../../src/util/mac.ts';
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

/** What the stack has sent since the last look. */
function sent(): Buffer[] {
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

  test('follows a known neighbour to another card when the old one is silent', () => {
    stack.startDatagrams(PEER_ADDRESS, 1, 2);
    exchange(arpFrame(2));
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
    const moved = '020000000099';
    exchange(arpFrame(1, { destination: BROADCAST_MAC, senderMac: moved, target: PEER_ADDRESS }));
    const question = (destination: string): Buffer =>
      arpFrame(1, { destination, senderMac: OUR_MAC, sender: OUR_ADDRESS, target: PEER_ADDRESS });
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
    assert.deepEqual(sent(), [question(PEER_MAC)], 'the card it had is asked');
    clock.advanceNs(1.01 * SECOND_NS);
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNRESOLVED);
    assert.deepEqual(sent(), [question(BROADCAST_MAC)]);
    exchange(arpFrame(2, { senderMac: moved }));
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
    stack.addDatagram(0, 0, 0);
    stack.flush();
    assert.equal(receivedFrames(peer).at(-1)!.toString('hex', 0, 6), moved);
    assert.deepEqual(counted(), { neighbourClaims: 1, neighboursMoved: 1 });
  });

  test('sends to a live neighbour whatever others say to be', () => {
    stack.startDatagrams(PEER_ADDRESS, 1, 2);
    exchange(arpFrame(2));
    for (let ms = 0; ms < 5000; ms += 50) {
      clock.advanceNs(50e6);
      assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
      stack.addDatagram(0, 0, 0);
      for (const frame of sent()) {
        assert.equal(frame.toString('hex', 0, 6), PEER_MAC);
        if (frame.readUInt16BE(12) === 0x0806) exchange(arpFrame(2));
      }
      exchange(arpFrame(2, { senderMac: '020000000666' }));
    }
    assert.equal(counted().neighbourClaims, 100);
    assert.equal(counted().neighboursMoved, undefined);
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
    assert.deepEqual(counted(), { arpMalformed: 2, arpConflicts: 1, arpDefences: 1 });
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

describe('our address', () => {
  const OTHER_MAC = '020000000077';
  const probe = arpFrame(1, { destination: BROADCAST_MAC, senderMac: OUR_MAC, sender: 0 });
  const announcement = arpFrame(1, { destination: BROADCAST_MAC, senderMac: OUR_MAC, sender: OUR_ADDRESS });
  let conflicts: string[];

  beforeEach(() => {
    const options = { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0, addressProbes: 3 };
    stack = new IpStack(device, options, clock);
    conflicts = [];
    stack.conflictListener = {
      onAddressConflict: (address, high, low) => {
        conflicts.push(`${formatIpv4(address)} ${formatMac(high, low)}`);
      },
    };
  });

  function tenth(): Buffer[] {
    clock.advanceNs(SECOND_NS / 10);
    return sent();
  }

  test('is asked for three times, then announced; nobody is answered meanwhile', () => {
    assert.deepEqual(sent(), [probe]);
    assert.equal(stack.isProbing, true);
    assert.deepEqual(exchange(arpFrame(1)), []);
    assert.deepEqual([tenth(), tenth(), tenth(), tenth()], [[probe], [probe], [announcement], []]);
    assert.equal(stack.isProbing, false);
    assert.equal(exchange(arpFrame(1)).length, 1);
    assert.deepEqual(counted(), { arpReplies: 1 });
  });

  for (const [who, frame] of [
    ['has it', arpFrame(2, { sender: OUR_ADDRESS, senderMac: OTHER_MAC, target: 0 })],
    ['asks for it too', arpFrame(1, { destination: BROADCAST_MAC, sender: 0, senderMac: OTHER_MAC })],
  ] as const) {
    test(`is not announced when somebody ${who}`, () => {
      sent();
      exchange(frame, arpFrame(1, { sender: 0, senderMac: OUR_MAC, destination: BROADCAST_MAC }));
      assert.deepEqual([tenth(), tenth(), tenth()], [[probe], [probe], []]);
      assert.deepEqual(conflicts, ['10.0.0.1 02:00:00:00:00:77']);
      assert.deepEqual(counted(), { arpConflicts: 1 });
    });
  }

  test('is defended once in ten seconds, whoever claims it how often', () => {
    sent();
    for (let i = 0; i < 5; i++) tenth();
    const claim = arpFrame(1, { destination: BROADCAST_MAC, senderMac: OTHER_MAC, sender: OUR_ADDRESS });
    assert.deepEqual(exchange(claim, claim, claim), [announcement]);
    clock.advanceNs(9 * SECOND_NS);
    assert.deepEqual(exchange(claim), []);
    clock.advanceNs(1 * SECOND_NS);
    assert.deepEqual(exchange(claim), [announcement]);
    assert.deepEqual(counted(), { arpConflicts: 5, arpDefences: 2 });
    assert.equal(conflicts.length, 2);
  });
});

describe('ICMP errors', () => {
  let unreachable: string[];

  beforeEach(() => {
    unreachable = [];
    stack.unreachableListener = {
      onDatagramUnreachable: (code, address, mtu) => {
        unreachable.push(`${code} ${formatIpv4(address)} ${mtu}`);
      },
    };
    stack.startDatagrams(PEER_ADDRESS, 40_000, 40_123);
    exchange(arpFrame(2));
    stack.startDatagrams(PEER_ADDRESS, 40_000, 40_123);
  });

  const quoted = (fields: Parameters<typeof udpFrame>[1] = {}, length = 1400): Buffer =>
    udpFrame(Buffer.alloc(length), {
      source: OUR_ADDRESS,
      destination: PEER_ADDRESS,
      sourcePort: 40_000,
      destinationPort: 40_123,
      ...fields,
    });

  /** "Destination unreachable", quoting the start of a packet. */
  function icmpError(code: number, frame = quoted(), mtu = 0, source = 0x0a0000fe): Buffer {
    const message = Buffer.concat([
      Buffer.from([3, code, 0, 0, 0, 0, mtu >> 8, mtu & 0xff]),
      frame.subarray(14, 42),
    ]);
    message.writeUInt16BE(internetChecksum(message), 2);
    return ipv4Frame(1, message, { source });
  }

  test('are told when they quote a datagram of ours, whoever sends them', () => {
    exchange(icmpError(3), icmpError(4, quoted(), 1280), icmpError(4, quoted(), 0), icmpError(1));
    assert.deepEqual(unreachable, ['3 10.0.0.2 0', '4 10.0.0.2 1280', '4 10.0.0.2 0', '1 10.0.0.2 0']);
    assert.deepEqual(counted(), {
      icmpPortUnreachable: 1,
      icmpFragmentationNeeded: 2,
      icmpUnreachable: 1,
    });
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 40_000, 40_123), READY, 'nothing changes');
  });

  test('are not believed when we sent no such thing', () => {
    exchange(
      icmpError(3, quoted({ destinationPort: 40_124 })),
      icmpError(3, quoted({ sourcePort: 40_001 })),
      icmpError(3, quoted({ destination: PEER_ADDRESS + 1 })),
      icmpError(3, quoted({ source: PEER_ADDRESS })),
      icmpError(3, quoted({ fragment: 100 })),
      icmpError(3, quoted({}, 4000)),
      // Too short for any network, and longer than the packet that was too long.
      icmpError(4, quoted(), 67),
      icmpError(4, quoted(), 1428),
      icmpError(3, ipv4Frame(6, Buffer.alloc(40), { source: OUR_ADDRESS, destination: PEER_ADDRESS })),
    );
    assert.deepEqual(unreachable, []);
    assert.deepEqual(counted(), { icmpUnmatched: 9 });
  });

  test('are malformed when there is too little of the packet, and looked at a thousand times a second', () => {
    const short = ipv4Frame(1, Buffer.from('0303fcfc00000000', 'hex'));
    const noPacket = icmpError(3, Buffer.alloc(100));
    exchange(short, noPacket);
    assert.deepEqual(counted(), { icmpMalformed: 2 });
    for (let i = 0; i < 11; i++) exchange(...new Array(100).fill(icmpError(3)));
    assert.equal(counted().icmpPortUnreachable, 998);
    assert.equal(counted().icmpIgnored, 102);
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
    const timeExceeded = echoRequest(PAYLOAD);
    timeExceeded[34] = 11;
    timeExceeded.writeUInt16BE(0, 36);
    timeExceeded.writeUInt16BE(internetChecksum(timeExceeded.subarray(34)), 36);
    const damaged = echoRequest(PAYLOAD);
    damaged[45]! ^= 1;
    assert.deepEqual(exchange(timeExceeded, damaged, ipv4Frame(1, Buffer.alloc(7))), []);
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
