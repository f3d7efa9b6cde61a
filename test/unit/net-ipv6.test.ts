/** IPv6 packet by packet: RFC 8200, 4861, 4862, 4443 and 3810, and what a stranger may not do. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { Region } from '../../src/memory/region.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { READY, UNREACHABLE, UNRESOLVED } from '../../src/net/send-state.ts';
import { formatIpAddress, parseIpAddress } from '../../src/util/ip-text.ts';
import { hex, OUR_ADDRESS, OUR_MAC, PEER_MAC, receivedFrames } from '../support/frames.ts';
import {
  address6,
  icmpv6Frame,
  ipv6Frame,
  OUR_IPV6,
  OUR_LINK_LOCAL,
  PEER_IPV6,
  PEER_LINK_LOCAL,
  udp6Frame,
} from '../support/ipv6-frames.ts';

const SECOND_NS = 1e9;
const OURS = parseIpAddress(OUR_IPV6)!;
const PEER = parseIpAddress(PEER_IPV6)!;
const OTHER_MAC = '02000000000a';
const SOLICITED_NODE = 'ff02::1:ff00:1';
const ALL_NODES = 'ff02::1';
const GROUP = 'ff15::aa:1';

let device: SimulatedDevice;
let peer: SimulatedDevice;
let stack: IpStack;
let clock: SimulatedClock;
let heard: string[];
let isWanted: boolean;

const listener = { onUdp: (): void => assert.fail('not IPv4') };

beforeEach(() => {
  [device, peer] = SimulatedDevice.pair();
  clock = new SimulatedClock();
  heard = [];
  isWanted = true;
  const ipv6 = {
    addresses: [{ address: OURS, prefixLength: 64 }],
    gatewayAddress: parseIpAddress('2001:db8::fe')!,
  };
  const options = { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0, ipv6 };
  stack = new IpStack(device, options, clock);
  stack.ipv6Listener = {
    onIpv6Udp(offset, length, source, sourcePort, destination, port): boolean {
      const payload = device.memory.bytes.toString('latin1', offset, offset + length);
      heard.push(
        `${formatIpAddress(source)} ${sourcePort} ${formatIpAddress(destination)} ${port} ${payload}`,
      );
      return isWanted;
    },
  };
});

/** Lets frames arrive, then time pass; returns what the stack sent of IPv6 meanwhile. */
function exchange(seconds: number, ...frames: Buffer[]): Buffer[] {
  for (const frame of frames) {
    assert.equal(device.inject(frame), true);
    stack.receive(listener);
  }
  const sent: Buffer[] = [];
  for (let tenths = 0; tenths <= seconds * 10; tenths++) {
    stack.flush();
    sent.push(...receivedFrames(peer).filter((frame) => frame.readUInt16BE(12) === 0x86dd));
    clock.advanceNs(SECOND_NS / 10);
  }
  return sent;
}

/** Past the time in which others could say that our addresses are theirs. */
function settle(): void {
  exchange(12);
}

function count(name: string): number {
  return stack.statistics[NET_STATISTICS.indexOf(name)]!;
}

/** Only this is counted of the frames. */
function assertCounted(name: string, ...frames: Buffer[]): void {
  for (const frame of frames) {
    const before = count(name);
    assert.deepEqual(exchange(0, frame), []);
    assert.equal(count(name), before + 1, `${name}: ${frame.toString('hex')}`);
  }
}

const solicitation = (target: string, options = ''): string =>
  `8700 0000 00000000 ${address6(target)} ${options}`;
const advertisement = (target: string, flags: string, options = ''): string =>
  `8800 0000 ${flags} ${address6(target)} ${options}`;
const sourceMac = (mac: string): string => `0101 ${mac}`;
const targetMac = (mac: string): string => `0201 ${mac}`;
const fromNeighbour = { hopLimit: 255 };
const ours = { destinationMac: PEER_MAC, sourceMac: OUR_MAC };

function unicastState(): number {
  return stack.ipv6!.startDatagrams(OURS, PEER, 5000, 4000);
}

/** The peer answers, and has that address. */
function answer(mac = PEER_MAC, flags = '60000000'): Buffer {
  return icmpv6Frame(advertisement(PEER_IPV6, flags, targetMac(mac)), fromNeighbour);
}

describe('addresses', () => {
  test('are asked for before they are used, and told then', () => {
    const sent = exchange(0);
    const group = {
      ...ours,
      source: '::',
      hopLimit: 255,
      destination: SOLICITED_NODE,
      destinationMac: '3333ff000001',
    };
    assert.deepEqual(sent.slice(0, 2), [
      icmpv6Frame(solicitation(OUR_IPV6), group),
      icmpv6Frame(solicitation(OUR_LINK_LOCAL), group),
    ]);
    assert.equal(unicastState(), UNRESOLVED);
    assertCounted('ipv6NotOurs', udp6Frame(Buffer.from('early')));
    const later = exchange(1);
    const all = { ...ours, hopLimit: 255, destination: ALL_NODES, destinationMac: '333300000001' };
    assert.deepEqual(
      later.filter((frame) => frame[54] === 136),
      [
        icmpv6Frame(advertisement(OUR_IPV6, '20000000', targetMac(OUR_MAC)), { ...all, source: OUR_IPV6 }),
        icmpv6Frame(advertisement(OUR_LINK_LOCAL, '20000000', targetMac(OUR_MAC)), {
          ...all,
          source: OUR_LINK_LOCAL,
        }),
      ],
    );
    exchange(0, udp6Frame(Buffer.from('in time')));
    assert.deepEqual(heard, [`${PEER_IPV6} 4000 ${OUR_IPV6} 5000 in time`]);
  });

  for (const [who, frame] of [
    [
      'has it',
      icmpv6Frame(advertisement(OUR_IPV6, '20000000', targetMac(PEER_MAC)), {
        ...fromNeighbour,
        destination: ALL_NODES,
      }),
    ],
    [
      'wants it, too',
      icmpv6Frame(solicitation(OUR_IPV6), { ...fromNeighbour, source: '::', destination: SOLICITED_NODE }),
    ],
  ] as const) {
    test(`are not used when somebody else ${who}`, () => {
      exchange(0);
      assertCounted('ndConflicts', frame);
      settle();
      assert.equal(unicastState(), UNREACHABLE);
      assertCounted('ipv6NotOurs', udp6Frame(Buffer.from('x')));
      assert.deepEqual(
        exchange(
          0,
          icmpv6Frame(solicitation(OUR_IPV6, sourceMac(PEER_MAC)), {
            ...fromNeighbour,
            destination: SOLICITED_NODE,
          }),
        ),
        [],
      );
    });
  }

  test('stay ours when somebody claims one later, and that is counted', () => {
    settle();
    assertCounted(
      'ndConflicts',
      icmpv6Frame(advertisement(OUR_IPV6, '20000000', targetMac(OTHER_MAC)), {
        ...fromNeighbour,
        destination: ALL_NODES,
      }),
    );
    exchange(0, udp6Frame(Buffer.from('still')));
    assert.equal(heard.length, 1);
  });
});

describe('neighbours', () => {
  beforeEach(settle);

  test('get an answer, straight to their card', () => {
    const [toUnicast] = exchange(
      0,
      icmpv6Frame(solicitation(OUR_IPV6, sourceMac(PEER_MAC)), {
        ...fromNeighbour,
        destination: SOLICITED_NODE,
      }),
    );
    const reply = { ...ours, hopLimit: 255, source: OUR_IPV6, destination: PEER_IPV6 };
    assert.deepEqual(toUnicast, icmpv6Frame(advertisement(OUR_IPV6, '60000000', targetMac(OUR_MAC)), reply));
    const probe = icmpv6Frame(solicitation(OUR_IPV6), {
      ...fromNeighbour,
      source: '::',
      destination: SOLICITED_NODE,
    });
    const all = { ...reply, destination: ALL_NODES, destinationMac: '333300000001' };
    assert.deepEqual(exchange(0, probe), [
      icmpv6Frame(advertisement(OUR_IPV6, '20000000', targetMac(OUR_MAC)), all),
    ]);
    assert.equal(count('ndReplies'), 2);
  });

  test('are asked for once a second, and sent to when they answer', () => {
    assert.equal(unicastState(), UNRESOLVED);
    assert.equal(unicastState(), UNRESOLVED);
    assert.deepEqual(exchange(0), [
      icmpv6Frame(solicitation(PEER_IPV6, sourceMac(OUR_MAC)), {
        ...ours,
        hopLimit: 255,
        source: OUR_IPV6,
        destination: 'ff02::1:ff00:2',
        destinationMac: '3333ff000002',
      }),
    ]);
    exchange(0, answer());
    assert.equal(unicastState(), READY);
    const region = Region.allocate(64);
    let offset = 0;
    for (const text of ['hello', 'six by six', '']) {
      region.bytes.write(text, offset);
      assert.equal(stack.ipv6!.addDatagram(region.handle, offset, text.length), true);
      offset += text.length;
    }
    const swapped = { source: OUR_IPV6, destination: PEER_IPV6, ...ours };
    const expected = ['hello', 'six by six', ''].map((text) => udp6Frame(Buffer.from(text), swapped));
    // The checksum does not see which port is which.
    for (const frame of expected) frame.writeUInt32BE((5000 << 16) | 4000, 54);
    assert.deepEqual(exchange(0), expected);
  });

  test('are reached through the gateway when they are not of our network', () => {
    const far = parseIpAddress('2001:db9::7')!;
    assert.equal(stack.ipv6!.startDatagrams(OURS, far, 1, 2), UNRESOLVED);
    const [asked] = exchange(0);
    assert.equal(asked!.subarray(62, 78).toString('hex'), address6('2001:db8::fe'));
    assert.equal(stack.ipv6!.startDatagrams(OURS, parseIpAddress('::1')!, 1, 2), UNREACHABLE);
  });

  test('that are silent for a second count as absent', () => {
    assert.equal(unicastState(), UNRESOLVED);
    exchange(1);
    assert.equal(unicastState(), UNREACHABLE);
  });

  test('that live are not moved by what another card says, before they have been asked and stayed silent', () => {
    unicastState();
    exchange(0, answer());
    const { neighbours } = stack.ipv6!.nd;
    const entry = neighbours.find(PEER);
    // What may not override what is known is not even looked into.
    assertCounted('ndUnsolicited', answer(OTHER_MAC, '00000000'), answer(OTHER_MAC, '40000000'));
    assert.equal(count('ndClaims'), 0);
    exchange(0, answer(OTHER_MAC, '20000000'));
    assert.equal(count('ndClaims'), 1);
    assert.equal(neighbours.macLow(entry), 2);
    assert.equal(unicastState(), READY);
    const question = { ...ours, hopLimit: 255, source: OUR_IPV6, destination: PEER_IPV6 };
    assert.deepEqual(exchange(0), [icmpv6Frame(solicitation(PEER_IPV6, sourceMac(OUR_MAC)), question)]);
    exchange(0, answer());
    exchange(12);
    assert.equal(neighbours.macLow(entry), 2, 'it has answered');
    exchange(0, answer(OTHER_MAC, '20000000'));
    unicastState();
    exchange(11);
    assert.equal(unicastState(), UNRESOLVED);
    exchange(0, answer(OTHER_MAC, '60000000'));
    assert.equal(unicastState(), READY);
    assert.equal(neighbours.macLow(entry), 10);
  });

  test('that nobody asked for make no entry, however many there are', () => {
    unicastState();
    exchange(0, answer());
    for (let i = 0; i < 3000; i++) {
      const stranger = `2001:db8::${(i + 0x100).toString(16)}`;
      const frame =
        i % 2 === 0
          ? icmpv6Frame(advertisement(stranger, '20000000', targetMac(OTHER_MAC)), {
              ...fromNeighbour,
              source: stranger,
            })
          : icmpv6Frame(solicitation(OUR_IPV6, sourceMac(OTHER_MAC)), {
              ...fromNeighbour,
              source: stranger,
              destination: SOLICITED_NODE,
            });
      assert.equal(device.inject(frame), true);
      stack.receive(listener);
      receivedFrames(peer);
    }
    assert.equal(stack.ipv6!.nd.neighbours.size, 1);
    assert.equal(unicastState(), READY);
    assert.equal(count('ndReplies'), 1000, 'a second’s worth');
    assert.equal(count('ndRepliesLimited'), 500);
  });

  test('from behind a router, or malformed, are not believed', () => {
    const own = sourceMac(PEER_MAC);
    const to = { ...fromNeighbour, destination: SOLICITED_NODE };
    assertCounted(
      'ndMalformed',
      icmpv6Frame(solicitation(OUR_IPV6, own), { ...to, hopLimit: 254 }),
      icmpv6Frame(solicitation(OUR_IPV6, '0100 000000000000'), to),
      icmpv6Frame(solicitation(OUR_IPV6, '0102 000000000000'), to),
      icmpv6Frame(solicitation(OUR_IPV6, `${'0e01 000000000000'.repeat(17)}`), to),
      icmpv6Frame(solicitation(OUR_IPV6, sourceMac('333300000001')), to),
      icmpv6Frame(solicitation('ff02::1', own), to),
      icmpv6Frame(solicitation(OUR_IPV6, own), { ...to, source: '::' }),
      icmpv6Frame(solicitation(OUR_IPV6), { ...fromNeighbour, source: '::' }),
      icmpv6Frame('8701 0000 00000000 20010db8000000000000000000000001', to),
      icmpv6Frame('8700 0000 00000000 20010db8', to),
      icmpv6Frame(advertisement(PEER_IPV6, '60000000', targetMac(PEER_MAC)), {
        ...fromNeighbour,
        destination: ALL_NODES,
      }),
    );
    const wrong = icmpv6Frame(solicitation(OUR_IPV6, own), to);
    wrong[56]! ^= 1;
    assertCounted('icmpv6Malformed', wrong);
  });

  test('that are routers are not listened to', () => {
    const router = { ...fromNeighbour, source: PEER_LINK_LOCAL, destination: ALL_NODES };
    assertCounted(
      'icmpv6Ignored',
      icmpv6Frame('8600 0000 40000708 00000000 00000000', router),
      icmpv6Frame(`8900 0000 00000000 ${address6(PEER_LINK_LOCAL)} ${address6('2001:db9::7')}`, router),
    );
  });
});

describe('messages', () => {
  beforeEach(settle);

  test('are echoed to whoever asks, up to a thousand a second', () => {
    for (const address of [OUR_IPV6, OUR_LINK_LOCAL]) {
      const body = 'beef 0007 112233445566778899';
      const request = icmpv6Frame(`8000 0000 ${body}`, { destination: address });
      const reply = { ...ours, source: address, destination: PEER_IPV6 };
      assert.deepEqual(exchange(0, request), [icmpv6Frame(`8100 0000 ${body}`, reply)]);
    }
    const request = icmpv6Frame('8000 0000 beef0007');
    exchange(1);
    for (let i = 0; i < 1100; i++) {
      device.inject(request);
      stack.receive(listener);
      if (i % 32 === 0) receivedFrames(peer);
    }
    assert.equal(count('icmpv6Limited'), 100);
    assertCounted('icmpv6Ignored', icmpv6Frame('8000 0000 beef0007', { destination: ALL_NODES }));
  });

  test('say which ports nobody has, a hundred times a second, and quote no more than fits anywhere', () => {
    isWanted = false;
    for (const length of [10, 1400]) {
      const request = udp6Frame(Buffer.alloc(length, 7));
      const quote = request.subarray(14, 14 + 1232).toString('hex');
      const error = icmpv6Frame(`0104 0000 00000000 ${quote}`, {
        ...ours,
        source: OUR_IPV6,
        destination: PEER_IPV6,
      });
      assert.deepEqual(exchange(0, request), [error]);
    }
    exchange(1);
    for (let i = 0; i < 150; i++) {
      device.inject(udp6Frame(Buffer.alloc(10)));
      stack.receive(listener);
      receivedFrames(peer);
    }
    assert.equal(count('icmpv6Limited'), 50);
  });
});

describe('packets', () => {
  beforeEach(settle);
  const payload = Buffer.from('payload');
  /** The datagram of {@link udp6Frame} behind extension headers; `next` of the last of them must be 17 (11). */
  const behind = (firstHeader: number, extensions: string): Buffer =>
    udp6Frame(payload, { firstHeader, extensions });
  const PAD = '0104 00000000';

  test('are read behind extension headers that may be skipped', () => {
    for (const frame of [
      behind(0, `1100 ${PAD}`),
      behind(60, `1100 ${PAD}`),
      behind(0, `3c00 0502 0000 0000 1101 0100 0000 0000 ${'00'.repeat(8)}`),
      behind(43, '1100 0000 00000000'),
      behind(44, '1100 0000 12345678'),
      behind(60, `${`3c00 ${PAD}`.repeat(7)} 1100 ${PAD}`),
    ]) {
      heard = [];
      exchange(0, frame);
      assert.deepEqual(heard, [`${PEER_IPV6} 4000 ${OUR_IPV6} 5000 payload`], frame.toString('hex'));
    }
  });

  test('are dropped, and counted, where more is wanted of us than that', () => {
    assertCounted(
      'ipv6Extensions',
      behind(60, '1100 8004 00000000'),
      behind(60, '1100 c204 00000000'),
      behind(60, '1100 01ff 00000000'),
      behind(43, '1100 0001 00000000'),
    );
    assertCounted('ipv6Fragments', behind(44, '1100 0001 12345678'), behind(44, '3a00 0008 12345678'));
    assertCounted(
      'ipv6Malformed',
      behind(60, `${`3c00 ${PAD}`.repeat(9)}`),
      behind(60, '11ff 0104 00000000'),
      ipv6Frame(60, hex('1100 00')),
      ipv6Frame(17, payload).subarray(0, 50),
      Buffer.concat([ipv6Frame(17, payload).subarray(0, 14), hex('40'), ipv6Frame(17, payload).subarray(15)]),
    );
    assertCounted(
      'ipv6ProtocolUnsupported',
      ipv6Frame(6, payload),
      ipv6Frame(59, payload),
      behind(60, `0000 ${PAD}`),
    );
  });

  test('must have a checksum that is right', () => {
    const wrong = udp6Frame(payload);
    wrong[wrong.length - 1]! ^= 1;
    const behindOption = udp6Frame(payload, { firstHeader: 60, extensions: `1100 ${PAD}` });
    behindOption[behindOption.length - 1]! ^= 1;
    assertCounted('udpChecksumWrong', udp6Frame(payload, { checksum: 0 }), wrong, behindOption);
    assertCounted('udpMalformed', ipv6Frame(17, hex('0fa0 1388 0007 0000')), ipv6Frame(17, hex('0fa0 1388')));
    // What a switch adds to a short frame is not summed.
    exchange(0, Buffer.concat([udp6Frame(Buffer.alloc(0)), hex('dead')]));
    assert.equal(heard.length, 1);
  });

  test('come from one host, and to one of our addresses', () => {
    assertCounted(
      'ipv6SourceInvalid',
      udp6Frame(payload, { source: '::' }),
      udp6Frame(payload, { source: '::1' }),
      udp6Frame(payload, { source: 'ff02::1' }),
      udp6Frame(payload, { source: OUR_IPV6 }),
    );
    assertCounted(
      'ipv6NotOurs',
      udp6Frame(payload, { destination: '2001:db8::3' }),
      udp6Frame(payload, { destination: GROUP }),
      udp6Frame(payload, { destinationMac: '333300000001' }),
    );
  });
});

describe('groups', () => {
  const routers = {
    ...ours,
    source: OUR_LINK_LOCAL,
    hopLimit: 1,
    firstHeader: 0,
    extensions: '3a00 0502 0000 0100',
  };
  const toV2Routers = { ...routers, destination: 'ff02::16', destinationMac: '333300000016' };
  const fromRouter = {
    source: PEER_LINK_LOCAL,
    hopLimit: 1,
    firstHeader: 0,
    extensions: '3a00 0502 0000 0100',
  };
  const join = icmpv6Frame(`8f00 0000 0000 0001 04000000 ${address6(GROUP)}`, toV2Routers);

  beforeEach(() => {
    settle();
    stack.joinGroup(parseIpAddress(GROUP)!);
  });

  test('are told to routers twice when they are joined and left, and let in by the card', () => {
    assert.deepEqual(exchange(0), [join]);
    assert.deepEqual(exchange(2), [join]);
    assert.deepEqual(exchange(100), []);
    assert.ok(device.groups.includes(0x00aa0001));
    assert.ok(device.groups.includes(0xff000001 | 0), 'neighbours ask there');
    exchange(0, udp6Frame(Buffer.from('to all'), { destination: GROUP }));
    assert.deepEqual(heard, [`${PEER_IPV6} 4000 ${GROUP} 5000 to all`]);
    stack.leaveGroup(parseIpAddress(GROUP)!);
    const leave = icmpv6Frame(`8f00 0000 0000 0001 03000000 ${address6(GROUP)}`, toV2Routers);
    assert.deepEqual(exchange(0), [leave]);
    assert.deepEqual(exchange(2), [leave]);
    assert.ok(!device.groups.includes(0x00aa0001));
  });

  test('are told when a router asks, within its time, those of our addresses too', () => {
    exchange(30);
    const query = `8200 0000 03e8 0000 ${address6('::')} 02 7d 0000`;
    const [answered] = exchange(1, icmpv6Frame(query, { ...fromRouter, destination: ALL_NODES }));
    const records = [SOLICITED_NODE, GROUP].map((group) => `02000000 ${address6(group)}`);
    assert.deepEqual(answered, icmpv6Frame(`8f00 0000 0000 0002 ${records.join('')}`, toV2Routers));
    const specific = `8200 0000 03e8 0000 ${address6(GROUP)} 02 7d 0000`;
    const one = icmpv6Frame(`8f00 0000 0000 0001 02000000 ${address6(GROUP)}`, toV2Routers);
    assert.deepEqual(exchange(1, icmpv6Frame(specific, { ...fromRouter, destination: GROUP })), [one]);
    assert.equal(count('mldQueries'), 2);
  });

  test('are told in version 1 where a router speaks that', () => {
    exchange(30);
    const query = icmpv6Frame(`8200 0000 03e8 0000 ${address6('::')}`, {
      ...fromRouter,
      destination: ALL_NODES,
    });
    const report = (group: string): Buffer =>
      icmpv6Frame(`8300 0000 0000 0000 ${address6(group)}`, {
        ...routers,
        destination: group,
        destinationMac: `3333${address6(group).slice(24)}`,
      });
    const sent = exchange(1, query);
    assert.deepEqual(new Set(sent.map(String)), new Set([report(GROUP), report(SOLICITED_NODE)].map(String)));
    stack.leaveGroup(parseIpAddress(GROUP)!);
    const done = { ...routers, destination: 'ff02::2', destinationMac: '333300000002' };
    assert.deepEqual(exchange(0), [icmpv6Frame(`8400 0000 0000 0000 ${address6(GROUP)}`, done)]);
  });

  test('are told to nobody who is not a router of this link', () => {
    exchange(30);
    const query = `8200 0000 03e8 0000 ${address6('::')} 02 7d 0000`;
    const to = { ...fromRouter, destination: ALL_NODES };
    assertCounted(
      'mldMalformed',
      icmpv6Frame(query, { ...to, hopLimit: 64 }),
      icmpv6Frame(query, { ...to, source: PEER_IPV6 }),
      icmpv6Frame(query.slice(0, -5), to),
    );
    assert.deepEqual(exchange(2), []);
  });
});
