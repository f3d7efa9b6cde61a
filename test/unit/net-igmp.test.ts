/** What routers and switches are told of groups, packet by packet. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { multicastLow } from '../../src/net/ethernet.ts';
import { GROUPS_MAX } from '../../src/net/group-membership.ts';
import { maxResponseTime } from '../../src/net/igmp.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { Prng } from '../../src/util/prng.ts';
import {
  hex,
  internetChecksum,
  ipv4Frame,
  OUR_ADDRESS,
  PEER_ADDRESS,
  receivedFrames,
  udpFrame,
} from '../support/frames.ts';

const SECOND_NS = 1e9;
const GROUP = 0xe0141e27 | 0;
const OTHER_GROUP = 0xef010203 | 0;
const ALL_SYSTEMS = 0xe0000001 | 0;
const ROUTER_ALERT = '94040000';

/** 224.20.30.39, as a router and every member would write it. */
const JOIN_V3 = message('000016', 'e0000016', '2200 dbc2 0000 0001 04000000 e0141e27');
const LEAVE_V3 = message('000016', 'e0000016', '2200 dcc2 0000 0001 03000000 e0141e27');
const ANSWER_V3 = message('000016', 'e0000016', '2200 ddc2 0000 0001 02000000 e0141e27');
const REPORT_V2 = message('141e27', 'e0141e27', '1600 ebc3 e0141e27');
const LEAVE_V2 = message('000002', 'e0000002', '1700 eac3 e0141e27');
const REPORT_V1 = message('141e27', 'e0141e27', '1200 efc3 e0141e27');

let device: SimulatedDevice;
let peer: SimulatedDevice;
let stack: IpStack;
let clock: SimulatedClock;
let heard: string[];

/** A frame of ours with an IGMP message. */
function message(macLow: string, destination: string, igmp: string): Buffer {
  const bytes = hex(igmp);
  const length = (24 + bytes.length).toString(16).padStart(4, '0');
  const header = hex(`46c0 ${length} 0000 4000 0102 0000 0a000001 ${destination} ${ROUTER_ALERT}`);
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([hex(`01005e${macLow} 020000000001 0800`), header, bytes]);
}

function macOf(group: number): string {
  return `01005e${(group & 0x7fffff).toString(16).padStart(6, '0')}`;
}

/** A frame of the router's with an IGMP message, whose checksum is filled in. */
function fromRouter(destination: number, igmp: string, source = PEER_ADDRESS): Buffer {
  const bytes = hex(igmp);
  bytes.writeUInt16BE(internetChecksum(bytes), 2);
  const options = ROUTER_ALERT;
  return ipv4Frame(2, bytes, { source, destination, options, destinationMac: macOf(destination) });
}

const query = {
  v3: (group = 0, code = 100): Buffer =>
    fromRouter(group === 0 ? ALL_SYSTEMS : group, `11 ${byte(code)} 0000 ${word(group)} 027d 0000`),
  v2: (group = 0, code = 100): Buffer =>
    fromRouter(group === 0 ? ALL_SYSTEMS : group, `11 ${byte(code)} 0000 ${word(group)}`),
  v1: (): Buffer => fromRouter(ALL_SYSTEMS, '1100 0000 00000000'),
};

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

beforeEach(() => {
  [device, peer] = SimulatedDevice.pair();
  clock = new SimulatedClock();
  stack = new IpStack(device, { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0 }, clock);
  heard = [];
  stack.groupListener = {
    onGroupUdp(offset, length, source, sourcePort, group, port): void {
      const payload = device.memory.bytes.toString('latin1', offset, offset + length);
      heard.push(`${source}:${sourcePort} → ${group}:${port} ${payload}`);
    },
  };
  stack.flush();
  receivedFrames(peer);
});

const listener = { onUdp: (): void => assert.fail('not a datagram for our address') };

/** Lets frames arrive, then time pass; returns what the stack sent meanwhile. */
function exchange(seconds: number, ...frames: Buffer[]): Buffer[] {
  for (const frame of frames) {
    assert.equal(device.inject(frame), true);
    stack.receive(listener);
  }
  const sent: Buffer[] = [];
  for (let tenths = 0; tenths <= seconds * 10; tenths++) {
    stack.flush();
    sent.push(...receivedFrames(peer));
    clock.advanceNs(SECOND_NS / 10);
  }
  return sent;
}

/** Joins a group and lets it be told. */
function join(group: number): void {
  stack.joinGroup(group);
  exchange(20);
}

function count(name: string): number {
  return stack.statistics[NET_STATISTICS.indexOf(name)]!;
}

test('says twice that it joined, and twice that it left', () => {
  stack.joinGroup(GROUP);
  assert.deepEqual(device.groups, [multicastLow(GROUP), multicastLow(ALL_SYSTEMS)]);
  assert.deepEqual(exchange(0), [JOIN_V3]);
  assert.deepEqual(exchange(2), [JOIN_V3]);
  assert.deepEqual(exchange(300), []);
  stack.joinGroup(GROUP);
  stack.leaveGroup(GROUP);
  assert.deepEqual(exchange(300), [], 'somebody wants it still');
  stack.leaveGroup(GROUP);
  assert.deepEqual(exchange(0), [LEAVE_V3]);
  assert.deepEqual(exchange(2), [LEAVE_V3]);
  assert.deepEqual(exchange(300), []);
  assert.deepEqual(device.groups, []);
  assert.equal(count('igmpReports'), 4);
});

test('says again where it is when the link comes up', () => {
  join(GROUP);
  peer.connected = false;
  exchange(1);
  peer.connected = true;
  assert.ok(exchange(1).some((frame) => frame.equals(JOIN_V3)));
});

test('answers a query of version 3 within the time that it wants, in one report for all groups', () => {
  join(GROUP);
  join(OTHER_GROUP);
  const answer = exchange(10, query.v3());
  assert.equal(answer.length, 1);
  assert.equal(answer[0]!.toString('hex', 38, 42).slice(0, 4), '2200');
  assert.deepEqual(answer[0]!.subarray(42), hex('0000 0002 02000000 e0141e27 02000000 ef010203'));
  assert.equal(internetChecksum(answer[0]!.subarray(38)), 0);
  assert.deepEqual(exchange(10, query.v3(GROUP)), [ANSWER_V3]);
  assert.deepEqual(exchange(1, query.v3(GROUP, 0)), [ANSWER_V3], 'at once');
  assert.deepEqual(exchange(10, query.v3(0xe0000105 | 0)), [], 'a group of others');
  assert.equal(count('igmpQueries'), 4);
});

test('answers a query from an address of none, as switches send them', () => {
  join(GROUP);
  const bytes = hex('1164 0000 00000000 027d 0000');
  bytes.writeUInt16BE(internetChecksum(bytes), 2);
  const frame = ipv4Frame(2, bytes, {
    source: 0,
    destination: ALL_SYSTEMS,
    options: ROUTER_ALERT,
    destinationMac: macOf(ALL_SYSTEMS),
  });
  assert.deepEqual(exchange(10, frame), [ANSWER_V3]);
});

test('speaks version 2 for 260 s after a router did, a report for each group', () => {
  join(GROUP);
  assert.deepEqual(exchange(10, query.v2()), [REPORT_V2]);
  stack.joinGroup(OTHER_GROUP);
  assert.equal(exchange(11).length, 2, 'of the second group');
  stack.leaveGroup(OTHER_GROUP);
  assert.equal(exchange(11).length, 1);
  stack.leaveGroup(GROUP);
  assert.deepEqual(exchange(20), [LEAVE_V2]);
  exchange(260);
  stack.joinGroup(GROUP);
  assert.deepEqual(exchange(0), [JOIN_V3]);
});

test('speaks version 1 with a router that knows no other: nobody is told of leaving', () => {
  join(GROUP);
  assert.deepEqual(exchange(10, query.v1()), [REPORT_V1]);
  stack.leaveGroup(GROUP);
  assert.deepEqual(exchange(20), []);
  assert.deepEqual(device.groups, []);
});

test('leaves the answer to another member that was first, in version 2', () => {
  join(GROUP);
  exchange(10, query.v2());
  assert.deepEqual(exchange(10, query.v2(), fromRouter(GROUP, '1600 0000 e0141e27')), []);
  assert.equal(count('igmpReportsSuppressed'), 1);
  assert.deepEqual(exchange(10, query.v2(), fromRouter(GROUP, '1600 0000 e0141e29')), [REPORT_V2]);
});

test('ignores what is no IGMP, or does not concern members, and counts it', () => {
  join(GROUP);
  const wrong = fromRouter(ALL_SYSTEMS, '1164 0000 00000000');
  wrong[wrong.length - 1]! ^= 1;
  assert.deepEqual(exchange(10, wrong, fromRouter(ALL_SYSTEMS, '1164 0000 00000000 00')), []);
  assert.deepEqual(exchange(10, fromRouter(ALL_SYSTEMS, '1164 0000 0a000001')), [], 'a group that is none');
  assert.equal(count('igmpMalformed'), 3);
  assert.deepEqual(exchange(10, fromRouter(0xe0000002 | 0, '1700 0000 e0141e27')), []);
  assert.equal(count('igmpIgnored'), 1);
});

test('a flood of queries causes a bounded number of answers', () => {
  join(GROUP);
  let answers = 0;
  for (let i = 0; i < 3000; i++) {
    device.inject(query.v3(0, 0));
    stack.receive(listener);
    stack.flush();
    answers += receivedFrames(peer).length;
  }
  assert.equal(answers, 1000);
  assert.ok(count('igmpReportsLimited') > 0);
});

test('is in a bounded number of groups', () => {
  for (let i = 0; i < GROUPS_MAX; i++) stack.joinGroup(0xef000001 + 2 * i);
  assert.throws(() => stack.joinGroup(GROUP), { code: 'ENOBUFS', message: /64 multicast groups/ });
  const [report] = exchange(0);
  assert.equal(report!.readUInt16BE(44), GROUPS_MAX);
  assert.equal(internetChecksum(report!.subarray(38)), 0);
});

test('response times of version 3 have an exponent from 128 on', () => {
  assert.deepEqual(
    [0, 127, 128, 143, 255].map((code) => maxResponseTime(code, 3)),
    [0, 127, 128, 248, 31_744],
  );
  assert.equal(maxResponseTime(255, 2), 255);
  assert.equal(maxResponseTime(0, 1), 100);
});

test('hears datagrams of groups it is in, with the address that belongs to them, and no others', () => {
  join(GROUP);
  const payload = Buffer.from('quote');
  const to = (destination: number, destinationMac = macOf(destination), source = PEER_ADDRESS): Buffer =>
    udpFrame(payload, { destination, destinationMac, source, destinationPort: 7 });
  const right = to(GROUP);
  const corrupt = to(GROUP);
  corrupt[corrupt.length - 1]! ^= 1;
  const sharingMac = GROUP ^ 0x01000000;
  exchange(0, right, to(OTHER_GROUP), to(sharingMac), to(GROUP, macOf(OTHER_GROUP)), corrupt);
  exchange(0, to(GROUP, macOf(GROUP), GROUP), to(GROUP, macOf(GROUP), OUR_ADDRESS));
  assert.deepEqual(heard, [`${PEER_ADDRESS}:4000 → ${GROUP}:7 quote`]);
  assert.equal(count('ipv4NotOurs'), 3);
  assert.equal(count('udpChecksumWrong'), 1);
  assert.equal(count('ipv4SourceInvalid'), 2);
  stack.hearsEveryGroup = true;
  exchange(0, to(OTHER_GROUP));
  assert.equal(heard.length, 2);
});

test('sends to the address of a group without asking anybody, with the time to live that is wanted', () => {
  stack.startGroupDatagrams(GROUP, 40456, 40457, 9);
  stack.addDatagram(0, 0, 0);
  stack.startGroupDatagrams(GROUP, 40456, 40457, 1);
  stack.addDatagram(0, 0, 0);
  const [far, near] = exchange(0);
  assert.equal(far!.toString('hex', 0, 12), `${macOf(GROUP)}020000000001`);
  assert.deepEqual([far![22], near![22]], [9, 1]);
  assert.equal(internetChecksum(far!.subarray(14, 34)), 0);
  assert.equal(far!.readInt32BE(30), GROUP);
  assert.deepEqual([far!.readUInt16BE(34), far!.readUInt16BE(36)], [40456, 40457]);
});

test('survives messages of random bytes', (t) => {
  const seed = 2236;
  t.diagnostic(`seed ${seed}`);
  const prng = new Prng(seed);
  join(GROUP);
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(Array.from({ length: prng.nextBelow(24) }, () => prng.nextBelow(256)));
    if (bytes.length > 0) bytes[0] = [0x11, 0x12, 0x16, 0x17, 0x22][prng.nextBelow(5)]!;
    if (bytes.length >= 4) bytes.writeUInt16BE(0, 2);
    if (bytes.length >= 4) bytes.writeUInt16BE(internetChecksum(bytes), 2);
    device.inject(ipv4Frame(2, bytes, { destination: ALL_SYSTEMS, destinationMac: macOf(ALL_SYSTEMS) }));
    stack.receive(listener);
    clock.advanceNs(1e7);
    stack.flush();
    receivedFrames(peer);
  }
  assert.ok(stack.membership.isMember(GROUP));
  assert.ok(count('igmpQueries') > 0 && count('igmpMalformed') > 0 && count('igmpIgnored') > 0);
});
