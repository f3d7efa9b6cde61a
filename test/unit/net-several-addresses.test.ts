/** A host with several IPv4 addresses on one card, and one with none. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack, type IpStackOptions } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { Route } from '../../src/net/route.ts';
import { READY, UNREACHABLE, UNRESOLVED } from '../../src/net/send-state.ts';
import { parseIpAddress } from '../../src/util/ip-text.ts';
import { formatIpv4, parseIpv4 } from '../../src/util/ipv4.ts';
import {
  arpFrame,
  BROADCAST_MAC,
  echoRequest,
  fragments,
  hex,
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  receivedFrames,
  udpFrame,
} from '../support/frames.ts';
import { OUR_IPV6, udp6Frame } from '../support/ipv6-frames.ts';

const SECOND_NS = 1e9;
const at = (text: string): number => parseIpv4(text)!;
const SECOND = at('10.1.0.1');
const THIRD = at('10.2.0.1');
const OURS = [OUR_ADDRESS, SECOND, THIRD];
const OTHER_MAC = '020000000077';

let device: SimulatedDevice;
let peer: SimulatedDevice;
let stack: IpStack;
let clock: SimulatedClock;
let heard: string[];

const listener = {
  onUdp: (offset: number, length: number): void => {
    heard.push(device.memory.bytes.toString('latin1', offset, offset + length));
  },
};

function start(options: Partial<IpStackOptions>): void {
  [device, peer] = SimulatedDevice.pair();
  clock = new SimulatedClock();
  heard = [];
  stack = new IpStack(
    device,
    { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0, ...options },
    clock,
  );
  stack.groupListener = {
    onGroupUdp: (offset, length, source, _sourcePort, destination): void => {
      const payload = device.memory.bytes.toString('latin1', offset, offset + length);
      heard.push(`${formatIpv4(source)} ${formatIpv4(destination)} ${payload}`);
    },
  };
  stack.reassemble({
    onReassembledUdp: (_region, _offset, length, _source, _sourcePort, destination): void => {
      heard.push(`${formatIpv4(destination)} ${length}`);
    },
  });
}

function exchange(...frames: Buffer[]): Buffer[] {
  for (const frame of frames) {
    assert.equal(device.inject(frame), true);
    stack.receive(listener);
  }
  stack.flush();
  return receivedFrames(peer);
}

function tenth(): Buffer[] {
  clock.advanceNs(SECOND_NS / 10);
  return exchange();
}

function count(name: string): number {
  return stack.statistics[NET_STATISTICS.indexOf(name)]!;
}

const question = (sender: number, target: number): Buffer =>
  arpFrame(1, { destination: BROADCAST_MAC, senderMac: OUR_MAC, sender, target });

describe('several addresses', () => {
  beforeEach(() => {
    start({
      furtherAddresses: [
        { address: SECOND, prefixLength: 24 },
        { address: THIRD, prefixLength: 16 },
      ],
    });
  });

  test('are each announced, and answered for', () => {
    assert.deepEqual(
      exchange(),
      OURS.map((address) => question(address, address)),
    );
    for (const target of OURS) {
      assert.deepEqual(exchange(arpFrame(1, { destination: BROADCAST_MAC, target })), [
        arpFrame(2, {
          destination: PEER_MAC,
          senderMac: OUR_MAC,
          sender: target,
          targetMac: PEER_MAC,
          target: PEER_ADDRESS,
        }),
      ]);
    }
    assert.deepEqual(exchange(arpFrame(1, { target: at('10.1.0.3') })), []);
  });

  test('answer ping, each from itself, and hear datagrams, whole and in pieces', () => {
    exchange();
    for (const destination of OURS) {
      const [reply] = exchange(echoRequest(hex('1122'), { destination, source: at('10.1.0.9') }));
      assert.equal(reply!.readInt32BE(26), destination);
      assert.equal(reply!.readInt32BE(30), at('10.1.0.9'));
      exchange(udpFrame(Buffer.from(formatIpv4(destination)), { destination, source: at('10.9.0.9') }));
    }
    exchange(...fragments(udpFrame(Buffer.alloc(3000), { destination: SECOND, checksum: false }), 1480));
    assert.deepEqual(heard, [
      '10.0.0.1',
      '10.9.0.9 10.1.0.1 10.1.0.1',
      '10.9.0.9 10.2.0.1 10.2.0.1',
      '10.1.0.1 3000',
    ]);
  });

  test('are nobody else’s sources', () => {
    exchange();
    for (const destination of OURS) {
      for (const source of OURS) exchange(udpFrame(Buffer.from('x'), { destination, source }));
    }
    assert.deepEqual(heard, []);
    assert.equal(count('ipv4SourceInvalid'), 9);
  });

  test('speak to the neighbours of their networks, others by the gateway', () => {
    exchange();
    const hops: Record<string, string> = {
      '10.0.0.7': '10.0.0.1',
      '10.1.0.7': '10.1.0.1',
      '10.2.7.7': '10.2.0.1',
    };
    for (const [neighbour, own] of Object.entries(hops)) {
      assert.equal(stack.route.sourceFor(at(neighbour)), at(own));
      assert.equal(stack.startDatagrams(at(neighbour), 1, 2, at(own)), UNRESOLVED);
      assert.deepEqual(exchange(), [question(at(own), at(neighbour))]);
      exchange(arpFrame(2, { sender: at(neighbour), target: at(own) }));
      // Whatever the sender is bound to is the source.
      for (const source of OURS) {
        assert.equal(stack.startDatagrams(at(neighbour), 1, 2, source), READY);
        stack.addDatagram(0, 0, 0);
        assert.equal(exchange()[0]!.readInt32BE(26), source);
      }
    }
    assert.equal(stack.startDatagrams(at('10.1.0.255'), 1, 2), UNREACHABLE, 'a broadcast address');
    assert.equal(stack.startDatagrams(at('192.168.0.1'), 1, 2), UNREACHABLE);
    const route = new Route(OUR_ADDRESS, 0, 0, [], [{ address: SECOND, prefixLength: 24 }]);
    assert.equal(route.sourceFor(at('10.1.0.9')), SECOND, 'the smallest network counts');
    assert.equal(route.sourceFor(at('10.9.0.9')), OUR_ADDRESS);
    const gateway = new Route(OUR_ADDRESS, 24, at('10.1.0.254'), [], [{ address: SECOND, prefixLength: 24 }]);
    assert.equal(gateway.sourceFor(at('192.168.0.1')), SECOND, 'that of the gateway’s network');
  });

  test('that quote what one of them sent are heard as errors', () => {
    exchange();
    stack.startDatagrams(at('10.1.0.7'), 5000, 4000, SECOND);
    exchange(arpFrame(2, { sender: at('10.1.0.7'), target: SECOND }));
    assert.equal(stack.startDatagrams(at('10.1.0.7'), 5000, 4000, SECOND), READY);
    const quote = udpFrame(Buffer.alloc(0), {
      source: SECOND,
      destination: at('10.1.0.7'),
      sourcePort: 5000,
      destinationPort: 4000,
    }).subarray(14);
    const error = echoRequest(Buffer.alloc(0), { destination: SECOND });
    const message = Buffer.concat([hex('0303 0000 00000000'), quote]);
    let sum = 0;
    for (let i = 0; i < message.length; i += 2) sum += message.readUInt16BE(i);
    message.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 2);
    const frame = Buffer.concat([error.subarray(0, 34), message]);
    frame.writeUInt16BE(20 + message.length, 16);
    frame.writeUInt16BE(0, 24);
    let header = 0;
    for (let i = 14; i < 34; i += 2) header += frame.readUInt16BE(i);
    frame.writeUInt16BE(~((header & 0xffff) + (header >>> 16)) & 0xffff, 24);
    exchange(frame);
    assert.equal(count('icmpPortUnreachable'), 1);
  });
});

describe('several addresses that may be others’', () => {
  test('are asked for, each; who has one of them is named, and the others are announced', () => {
    start({ addressProbes: 2, furtherAddresses: [{ address: SECOND, prefixLength: 24 }] });
    const conflicts: string[] = [];
    stack.conflictListener = {
      onAddressConflict: (address) => {
        conflicts.push(formatIpv4(address));
      },
    };
    const probes = [question(0, OUR_ADDRESS), question(0, SECOND)];
    assert.deepEqual(exchange(), probes);
    assert.equal(stack.isProbing, true);
    // Two who ask for the same one get in each other's way, those who ask for another do not.
    exchange(arpFrame(1, { destination: BROADCAST_MAC, sender: 0, target: THIRD, senderMac: OTHER_MAC }));
    exchange(arpFrame(1, { destination: BROADCAST_MAC, sender: 0, target: SECOND, senderMac: OTHER_MAC }));
    assert.deepEqual(conflicts, ['10.1.0.1']);
    assert.deepEqual(exchange(arpFrame(1)), [], 'nobody is answered meanwhile');
    assert.deepEqual([tenth(), tenth()], [probes, [question(OUR_ADDRESS, OUR_ADDRESS)]]);
    assert.equal(stack.isProbing, false);
    exchange(arpFrame(1, { destination: BROADCAST_MAC, sender: OUR_ADDRESS, senderMac: OTHER_MAC }));
    assert.deepEqual(conflicts, ['10.1.0.1', '10.0.0.1']);
  });
});

describe('a host without IPv4', () => {
  beforeEach(() => {
    const ipv6 = {
      addresses: [{ address: parseIpAddress(OUR_IPV6)!, prefixLength: 64 }],
      gatewayAddress: 0,
    };
    start({ address: 0, prefixLength: 0, ipv6 });
  });

  test('says nothing of it, hears nothing of it, and has no way to it', () => {
    const frames = [
      arpFrame(1, { destination: BROADCAST_MAC }),
      arpFrame(1, { target: 0 }),
      arpFrame(2),
      echoRequest(hex('1122'), { destination: 0 }),
      udpFrame(Buffer.from('x')),
      udpFrame(Buffer.from('x'), { destination: 0 }),
      udpFrame(Buffer.from('x'), { destination: -1 }),
      udpFrame(Buffer.from('x'), { destination: 0xe0000001 | 0, destinationMac: '01005e000001' }),
    ];
    const sent = exchange(...frames);
    for (let i = 0; i < 40; i++) sent.push(...tenth());
    assert.ok(sent.length > 0);
    assert.ok(sent.every((frame) => frame.readUInt16BE(12) === 0x86dd));
    assert.deepEqual(heard, []);
    assert.equal(count('ethernetNotOurs'), frames.length);
    assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNREACHABLE);
    assert.equal(stack.startDatagrams(0, 1, 2), UNREACHABLE);
  });

  test('hears IPv6', () => {
    const sources: number[] = [];
    stack.ipv6Listener = { onIpv6Udp: (_offset, length) => sources.push(length) > 0 };
    exchange();
    for (let i = 0; i < 12; i++) tenth();
    exchange(udp6Frame(Buffer.from('six')));
    assert.deepEqual(sources, [3]);
  });
});
