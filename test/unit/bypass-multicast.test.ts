import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import type { BypassTransport } from '../../src/transport/bypass/bypass-transport.ts';
import type { EndpointOptions } from '../../src/transport/transport.ts';
import { bypassTransport } from '../support/bypass-pair.ts';
import { burstOf, endpointOptions, NO_LISTENER, Recorder } from '../support/datagrams.ts';

const PORT = 40456;
const GROUP = 0xe0141e27 | 0;
const CONTROL = GROUP + 1;
const STATIONS = 3;

let clock: SimulatedClock;
let devices: SimulatedDevice[];
let stations: BypassTransport[];

beforeEach(() => {
  clock = new SimulatedClock();
  devices = SimulatedDevice.hub(STATIONS);
  stations = devices.map((device, i) => bypassTransport(device, addressOf(i), clock));
});

function addressOf(station: number): number {
  return 0x0a000001 + station;
}

function run(cycles = 4): void {
  for (let i = 0; i < cycles; i++) {
    clock.advanceNs(1000);
    for (const station of stations) {
      station.poll(NO_LISTENER);
      station.flush();
    }
  }
}

function member(groupAddress: number, ttl = 0, interfaceAddress = 0): EndpointOptions {
  return endpointOptions({ localPort: PORT, multicast: { groupAddress, interfaceAddress, ttl } });
}

function publisher(): EndpointOptions {
  return { ...member(CONTROL), remoteAddress: GROUP, remotePort: PORT };
}

test('a datagram reaches every station in the group, and the members beside its sender', () => {
  const inboxes = stations.map(() => new Recorder());
  for (const [i, station] of stations.entries()) station.open(member(GROUP), inboxes[i]!);
  const second = new Recorder();
  stations[0]!.open(member(GROUP), second);
  const answers = new Recorder();
  const sender = stations[0]!.open(publisher(), answers);
  assert.equal(stations[0]!.send(sender, burstOf('one', 'two'), 0, 0), 2);
  run();
  for (const inbox of [...inboxes, second]) {
    assert.deepEqual(inbox.payloads, ['one', 'two']);
    assert.deepEqual(
      [inbox.datagrams[0]!.sourceAddress, inbox.datagrams[0]!.sourcePort],
      [addressOf(0), PORT],
    );
  }
  assert.deepEqual(answers.payloads, []);
  assert.equal(stations[0]!.statistics.datagramsSent, 2);
});

test('what a member sends to the control group reaches the publisher, wherever it is', () => {
  const answers = [new Recorder(), new Recorder()];
  stations[0]!.open(publisher(), answers[0]!);
  stations[1]!.open(publisher(), answers[1]!);
  const listening = stations[1]!.open(member(GROUP), new Recorder());
  stations[1]!.send(listening, burstOf('status'), CONTROL, PORT);
  run();
  for (const { payloads } of answers) assert.deepEqual(payloads, ['status']);
});

test('other ports and groups, and members that have left, hear nothing', () => {
  const left = new Recorder();
  const elsewhere = new Recorder();
  const endpoint = stations[1]!.open(member(GROUP), left);
  stations[1]!.open({ ...member(GROUP), localPort: PORT + 1 }, elsewhere);
  stations[2]!.open(member(GROUP + 2), elsewhere);
  endpoint.close();
  const sender = stations[0]!.open(publisher(), new Recorder());
  stations[0]!.send(sender, burstOf('x'), 0, 0);
  run();
  assert.deepEqual([left.payloads, elsewhere.payloads], [[], []]);
  assert.equal(stations[1]!.statistics.get('transport.noEndpoint'), 1, 'still in the group, at another port');
  assert.equal(devices[1]!.groups.length, 2);
});

test('a port of a group and the same port of our address are different', () => {
  const unicast = new Recorder();
  const group = new Recorder();
  stations[1]!.open(endpointOptions({ localPort: PORT }), unicast);
  stations[1]!.open(member(GROUP), group);
  const sender = stations[0]!.open(endpointOptions(), new Recorder());
  stations[0]!.send(sender, burstOf('?'), addressOf(1), PORT);
  run();
  stations[0]!.send(sender, burstOf('one'), addressOf(1), PORT);
  stations[0]!.send(sender, burstOf('all'), GROUP, PORT);
  run();
  assert.deepEqual([unicast.payloads, group.payloads], [['one'], ['all']]);
});

test('a sender with a member beside it waits for both, and loses nothing', () => {
  const inboxes = [new Recorder(), new Recorder()];
  stations[0]!.open(member(GROUP), inboxes[0]!);
  stations[1]!.open(member(GROUP), inboxes[1]!);
  const sender = stations[0]!.open(publisher(), new Recorder());
  const payloads = Array.from({ length: 2000 }, (_, i) => String(i));
  for (let next = 0, cycles = 0; next < payloads.length; cycles++) {
    assert.ok(cycles < 10_000, 'not accepted');
    next += stations[0]!.send(sender, burstOf(...payloads.slice(next, next + 64)), 0, 0);
    if (cycles % 8 === 7) run(1);
  }
  run(50);
  for (const inbox of inboxes) assert.deepEqual(inbox.payloads, payloads);
});

test('an interface that is not the port, and too many groups, are refused', () => {
  const station = stations[0]!;
  assert.throws(() => station.open(member(GROUP, 0, addressOf(1)), new Recorder()), {
    code: 'EADDRNOTAVAIL',
    message: /10\.0\.0\.2 is no address of the DPDK port, which has 10\.0\.0\.1/,
  });
  station.open(member(GROUP, 0, addressOf(0)), new Recorder());
  for (let i = 1; i < 64; i++) station.open(member(GROUP + 2 * i), new Recorder());
  assert.throws(() => station.open(member(GROUP + 200), new Recorder()), { code: 'ENOBUFS' });
  station.open(member(GROUP), new Recorder());
});
