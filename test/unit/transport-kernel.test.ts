import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Region } from '../../src/memory/region.ts';
import { type KernelTransport, openKernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import { type BurstListener, DatagramBurst, type EndpointOptions } from '../../src/transport/transport.ts';
import { formatIpv4 } from '../../src/util/ipv4.ts';
import { burstOf, endpointOptions, NO_LISTENER, pollUntil, Recorder } from '../support/datagrams.ts';

const LOOPBACK = 0x7f000001;
const GROUP = 0xe0141e27 | 0;

let transport: KernelTransport;
beforeEach(() => {
  transport = openKernelTransport();
});
afterEach(() => {
  transport.close();
});

function options(some: Partial<EndpointOptions> = {}): EndpointOptions {
  const bufferLengths = { receiveBufferLength: 2 * 1024 * 1024, sendBufferLength: 2 * 1024 * 1024 };
  return endpointOptions({ localAddress: LOOPBACK, ...bufferLengths, ...some });
}

function connectedTo(remotePort: number): EndpointOptions {
  return options({ remoteAddress: LOOPBACK, remotePort });
}

test('datagrams of every size arrive whole, with the address and port of their sender', () => {
  const inbox = new Recorder();
  const receiver = transport.open(options(), inbox);
  const sender = transport.open(options(), new Recorder());
  const data = Region.allocate(65536);
  for (let i = 0; i < data.byteLength; i++) data.bytes[i] = i * 7;
  const burst = new DatagramBurst();
  for (const length of [
    0,
    1,
    31,
    32,
    33,
    1408,
    1472,
    1473,
    9000,
    65503,
    65504,
    transport.maxDatagramLength,
  ]) {
    burst.clear();
    burst.add(data.handle, 29, length);
    assert.equal(transport.send(sender, burst, LOOPBACK, receiver.localPort), 1);
    pollUntil(transport, () => inbox.datagrams.length > 0);
    const { payload, sourceAddress, sourcePort } = inbox.datagrams.pop()!;
    assert.ok(payload === data.bytes.toString('latin1', 29, 29 + length), `${length} bytes`);
    assert.equal(formatIpv4(sourceAddress), '127.0.0.1');
    assert.equal(sourcePort, sender.localPort);
  }
  data.close();
});

test('a burst is one datagram for each of its ranges, in order, from several regions', () => {
  const inbox = new Recorder();
  const receiver = transport.open(options(), inbox);
  const sender = transport.open(connectedTo(receiver.localPort), new Recorder());
  const burst = burstOf('a', 'bc', 'def');
  const other = Region.allocate(64);
  other.bytes.write('ghij', 60);
  burst.add(other.handle, 60, 4);
  assert.equal(transport.send(sender, burst, 0, 0), 4);
  pollUntil(transport, () => inbox.datagrams.length === 4);
  assert.deepEqual(inbox.payloads, ['a', 'bc', 'def', 'ghij']);
});

test('bytes of datagrams stay as they are until the burst ends, which a poll bounds to 64 datagrams', () => {
  let seen: { region: Region; offset: number; length: number }[] = [];
  const receiver = transport.open(options(), {
    onDatagram: (region, offset, length) => seen.push({ region, offset, length }),
  });
  const sender = transport.open(connectedTo(receiver.localPort), new Recorder());
  const expected = Array.from({ length: 150 }, (_, i) => `datagram ${i}`);
  for (let i = 0; i < 150; i += 50) transport.send(sender, burstOf(...expected.slice(i, i + 50)), 0, 0);
  const texts: string[] = [];
  let bursts = 0;
  const listener: BurstListener = {
    onBurstEnd: () => {
      bursts++;
      assert.ok(seen.length <= 64);
      for (const { region, offset, length } of seen)
        texts.push(region.bytes.toString('utf8', offset, offset + length));
      seen = [];
    },
  };
  pollUntil(transport, () => texts.length === 150, listener);
  assert.deepEqual(texts, expected);
  assert.ok(bursts >= 3);
  assert.equal(transport.poll(listener), 0);
  assert.equal(seen.length, 0);
});

test('a connected endpoint hears its remote address only', () => {
  const peer = transport.open(options(), new Recorder());
  const stranger = transport.open(options(), new Recorder());
  const inbox = new Recorder();
  const connected = transport.open(connectedTo(peer.localPort), inbox);
  transport.send(stranger, burstOf('stranger'), LOOPBACK, connected.localPort);
  transport.send(peer, burstOf('peer'), LOOPBACK, connected.localPort);
  pollUntil(transport, () => inbox.datagrams.length > 0);
  transport.poll(NO_LISTENER);
  assert.deepEqual(inbox.payloads, ['peer']);
});

test('reconnect turns a connected endpoint to another remote address, and leaves an open one alone', () => {
  const before = new Recorder();
  const after = new Recorder();
  const first = transport.open(options(), before);
  const second = transport.open(options(), after);
  const sender = transport.open(connectedTo(first.localPort), new Recorder());
  transport.send(sender, burstOf('one'), 0, 0);
  sender.reconnect(LOOPBACK, second.localPort);
  transport.send(sender, burstOf('two'), 0, 0);
  second.reconnect(LOOPBACK, first.localPort);
  transport.send(first, burstOf('three'), LOOPBACK, second.localPort);
  transport.send(sender, burstOf('four'), 0, 0);
  pollUntil(transport, () => before.datagrams.length === 1 && after.datagrams.length === 3);
  assert.deepEqual(before.payloads, ['one']);
  assert.deepEqual(after.payloads, ['two', 'three', 'four']);
});

test('sockets that are not to be connected still send to the remote address, and hear others', () => {
  transport.close();
  transport = openKernelTransport({ connectSendSockets: false, coalesceDatagrams: true });
  const before = new Recorder();
  const after = new Recorder();
  const heard = new Recorder();
  const first = transport.open(options(), before);
  const second = transport.open(options(), after);
  const sender = transport.open(connectedTo(first.localPort), heard);
  transport.send(sender, burstOf('one'), 0, 0);
  sender.reconnect(LOOPBACK, second.localPort);
  transport.send(sender, burstOf('two'), 0, 0);
  transport.send(first, burstOf('hello'), LOOPBACK, sender.localPort);
  pollUntil(transport, () => [before, after, heard].every((inbox) => inbox.datagrams.length === 1));
  assert.deepEqual([before.payloads, after.payloads, heard.payloads], [['one'], ['two'], ['hello']]);
});

test('a poll takes no more from the kernel than it is told', () => {
  transport.close();
  transport = openKernelTransport({
    connectSendSockets: true,
    coalesceDatagrams: false,
    receiveBurstLength: 4,
  });
  const inbox = new Recorder();
  const receiver = transport.open(options(), inbox);
  const sender = transport.open(connectedTo(receiver.localPort), new Recorder());
  const texts = Array.from({ length: 10 }, (_, i) => `${i}`);
  transport.send(sender, burstOf(...texts), 0, 0);
  const counts: number[] = [];
  pollUntil(transport, () => {
    counts.push(inbox.datagrams.length);
    return inbox.datagrams.length === 10;
  });
  assert.deepEqual(inbox.payloads, texts);
  for (const [i, count] of counts.entries()) assert.ok(count - (counts[i - 1] ?? 0) <= 4, `${counts}`);
});

test('reconnecting to where no route leads says why', () => {
  const peer = transport.open(options(), new Recorder());
  const sender = transport.open(connectedTo(peer.localPort), new Recorder());
  assert.throws(() => sender.reconnect(0x08080808, 40123), {
    code: /^(EINVAL|ENETUNREACH|EHOSTUNREACH)$/,
    message: /8\.8\.8\.8:40123.*(loopback|route)/,
  });
});

test('many endpoints each hear their own datagrams, while others come and go', () => {
  const inboxes = Array.from({ length: 12 }, () => new Recorder());
  const endpoints = inboxes.map((inbox) => transport.open(options(), inbox));
  const sender = transport.open(options(), new Recorder());
  const sendToAll = (text: string) =>
    endpoints.forEach((endpoint, i) => {
      transport.send(sender, burstOf(`${text} ${i}`), LOOPBACK, endpoint.localPort);
    });
  const expectEach = (text: string, from: number, to: number) => {
    pollUntil(transport, () => inboxes.slice(from, to).every((inbox) => inbox.datagrams.length > 0));
    inboxes.forEach((inbox, i) => {
      assert.deepEqual(inbox.payloads, i >= from && i < to ? [`${text} ${i}`] : []);
      inbox.datagrams.length = 0;
    });
  };
  sendToAll('all');
  expectEach('all', 0, 12);
  for (let i = 0; i < 11; i++) endpoints[i]!.close();
  transport.send(sender, burstOf('last 11'), LOOPBACK, endpoints[11]!.localPort);
  expectEach('last', 11, 12);
  for (let i = 0; i < 11; i++) endpoints[i] = transport.open(options(), inboxes[i]!);
  sendToAll('again');
  expectEach('again', 0, 12);
});

for (const endpointCount of [3, 12]) {
  test(`none of ${endpointCount} busy endpoints waits for the others to run dry`, () => {
    const datagramCount = 200;
    const inboxes = Array.from({ length: endpointCount }, () => new Recorder());
    const endpoints = inboxes.map((inbox) => transport.open(options(), inbox));
    const burst = burstOf(...'abcdefghij');
    for (const endpoint of endpoints) {
      for (let i = 0; i < datagramCount; i += 10) {
        transport.send(endpoints[0]!, burst, LOOPBACK, endpoint.localPort);
      }
    }
    pollUntil(transport, () => inboxes.every((inbox) => inbox.datagrams.length > 0));
    for (const inbox of inboxes) assert.ok(inbox.datagrams.length < datagramCount);
    pollUntil(transport, () => inboxes.every((inbox) => inbox.datagrams.length === datagramCount));
  });
}

test('one endpoint alone is heard after every other was closed', () => {
  const inbox = new Recorder();
  const receiver = transport.open(options(), inbox);
  const sender = transport.open(connectedTo(receiver.localPort), new Recorder());
  transport.send(sender, burstOf('text'), 0, 0);
  sender.close();
  pollUntil(transport, () => inbox.datagrams.length === 1);
});

test('a closed endpoint receives nothing of what was waiting', () => {
  const inbox = new Recorder();
  const closed = transport.open(options(), inbox);
  const otherInbox = new Recorder();
  const other = transport.open(options(), otherInbox);
  transport.send(other, burstOf('too late'), LOOPBACK, closed.localPort);
  closed.close();
  closed.close();
  transport.send(other, burstOf('marker'), LOOPBACK, other.localPort);
  pollUntil(transport, () => otherInbox.datagrams.length === 1);
  assert.equal(inbox.datagrams.length, 0);
  assert.equal(transport.send(closed, burstOf('x'), LOOPBACK, other.localPort), 0);
  closed.reconnect(LOOPBACK, other.localPort);
});

test('an endpoint closed in the middle of a burst gets nothing more, nor does one opened in its place', () => {
  const heard: string[] = [];
  const successor = new Recorder();
  const left = transport.open(options(), {
    onDatagram() {
      heard.push('left');
      if (heard.length === 1) {
        right.close();
        transport.open(options(), successor);
      }
    },
  });
  const right = transport.open(options(), {
    onDatagram() {
      heard.push('right');
      if (heard.length === 1) {
        left.close();
        transport.open(options(), successor);
      }
    },
  });
  const markers = new Recorder();
  const marker = transport.open(options(), markers);
  for (const port of [left.localPort, right.localPort]) {
    transport.send(marker, burstOf('1', '2', '3'), LOOPBACK, port);
  }
  pollUntil(transport, () => heard.length === 3);
  transport.send(marker, burstOf('marker'), LOOPBACK, marker.localPort);
  pollUntil(transport, () => markers.datagrams.length === 1);
  assert.equal(new Set(heard).size, 1);
  assert.equal(heard.length, 3);
  assert.equal(successor.datagrams.length, 0);
});

test('a port that is taken is reported with its name and a way out', () => {
  const { localPort } = transport.open(options(), new Recorder());
  assert.throws(() => transport.open(options({ localPort }), new Recorder()), {
    name: 'AeronError',
    code: 'EADDRINUSE',
    message: new RegExp(`127\\.0\\.0\\.1:${localPort}.*already in use.*choose another port`),
  });
});

test('an address that is not of this machine is refused', () => {
  assert.throws(() => transport.open(options({ localAddress: 0xc0000201 | 0 }), new Recorder()), {
    code: 'EADDRNOTAVAIL',
    message: /192\.0\.2\.1:0.*one of this machine/,
  });
  const group = options({
    localAddress: 0,
    localPort: 40456,
    multicast: { groupAddress: GROUP, interfaceAddress: 0xc0000201 | 0, ttl: 0 },
  });
  assert.throws(() => transport.open(group, new Recorder()), {
    code: 'ENODEV',
    message: /in group 224\.20\.30\.39 on interface 192\.0\.2\.1: .*interface=address/,
  });
});

test('port 0 takes a free port, and the wildcard address hears every local one', () => {
  const inbox = new Recorder();
  const everywhere = transport.open(options({ localAddress: 0 }), inbox);
  assert.ok(everywhere.localPort > 0);
  assert.equal(everywhere.localAddress, 0);
  const sender = transport.open(options(), new Recorder());
  transport.send(sender, burstOf('a'), LOOPBACK, everywhere.localPort);
  transport.send(sender, burstOf('b'), 0x7f000002, everywhere.localPort);
  pollUntil(transport, () => inbox.datagrams.length === 2);
});

test('buffer lengths are what the kernel made of them', () => {
  const systemDefault = Number(readFileSync('/proc/sys/net/core/rmem_default', 'utf8'));
  const systemMax = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'));
  const open = (receiveBufferLength: number, sendBufferLength: number) =>
    transport.open(options({ receiveBufferLength, sendBufferLength }), new Recorder());
  assert.equal(open(0, 0).receiveBufferLength, systemDefault);
  const some = open(100_000, 50_000);
  assert.equal(some.receiveBufferLength, 200_000);
  assert.equal(some.sendBufferLength, 100_000);
  assert.equal(open(systemMax * 4, 0).receiveBufferLength, systemMax * 2);
});

test('a peer that does not listen costs short sends, not errors', () => {
  const gone = transport.open(options(), new Recorder());
  const sender = transport.open(connectedTo(gone.localPort), new Recorder());
  gone.close();
  const burst = burstOf('anyone?');
  const deadline = performance.now() + 5000;
  while (transport.statistics.shortSends === 0) {
    assert.ok(performance.now() < deadline);
    assert.ok(transport.send(sender, burst, 0, 0) <= 1);
  }
  for (let i = 0; i < 10; i++) {
    transport.send(sender, burst, 0, 0);
    assert.equal(transport.poll(NO_LISTENER), 0);
  }
  assert.equal(transport.statistics.sendErrors, 0);
  assert.equal(transport.statistics.receiveErrors, 0);
  assert.equal(transport.statistics.lastError, '');
});

test('a datagram that the network cannot take stops its burst and is counted', () => {
  const inbox = new Recorder();
  const receiver = transport.open(options(), inbox);
  const sender = transport.open(connectedTo(receiver.localPort), new Recorder());
  const data = Region.allocate(70_000);
  const burst = new DatagramBurst();
  burst.add(data.handle, 0, 10);
  burst.add(data.handle, 0, 65_508);
  burst.add(data.handle, 0, 20);
  assert.equal(transport.send(sender, burst, 0, 0), 1);
  assert.equal(transport.statistics.shortSends, 1);
  assert.equal(transport.statistics.sendErrors, 0);
  burst.clear();
  burst.add(data.handle, 0, 65_508);
  assert.equal(transport.send(sender, burst, 0, 0), 0);
  assert.equal(transport.statistics.sendErrors, 1);
  assert.equal(transport.statistics.lastError, 'EMSGSIZE');
  pollUntil(transport, () => inbox.datagrams.length === 1);
  data.close();
});

test('bytes outside their region are dropped, in their turn, and counted', () => {
  const inbox = new Recorder();
  const receiver = transport.open(options(), inbox);
  const sender = transport.open(connectedTo(receiver.localPort), new Recorder());
  const data = Region.allocate(64);
  data.bytes.write('ab');
  const closed = Region.allocate(64);
  closed.close();
  const burst = new DatagramBurst();
  burst.add(data.handle, 0, 1);
  burst.add(data.handle, 60, 5);
  burst.add(data.handle, 1, 1);
  assert.equal(transport.send(sender, burst, 0, 0), 2);
  assert.equal(transport.statistics.invalidSends, 1);
  burst.clear();
  burst.add(closed.handle, 0, 1);
  assert.equal(transport.send(sender, burst, 0, 0), 1);
  assert.equal(transport.statistics.invalidSends, 2);
  burst.clear();
  burst.add(data.handle, 1, 1);
  assert.equal(transport.send(sender, burst, 0, 0), 1);
  pollUntil(transport, () => inbox.datagrams.length === 2);
  assert.deepEqual(inbox.payloads, ['a', 'b']);
  data.close();
});

test('statistics count datagrams and bytes both ways', () => {
  const inbox = new Recorder();
  const receiver = transport.open(options(), inbox);
  const sender = transport.open(options(), new Recorder());
  transport.send(sender, burstOf('a', 'bcd'), LOOPBACK, receiver.localPort);
  transport.send(sender, new DatagramBurst(), LOOPBACK, receiver.localPort);
  pollUntil(transport, () => inbox.datagrams.length === 2);
  const { statistics } = transport;
  assert.equal(statistics.datagramsSent, 2);
  assert.equal(statistics.bytesSent, 4);
  assert.equal(statistics.datagramsReceived, 2);
  assert.equal(statistics.bytesReceived, 4);
  assert.equal(statistics.shortSends, 0);
  transport.close();
  assert.equal(statistics.bytesReceived, 4);
});

test('a closed transport frees its ports and does nothing more', () => {
  const endpoint = transport.open(options(), new Recorder());
  transport.close();
  assert.equal(transport.poll(NO_LISTENER), 0);
  assert.equal(transport.send(endpoint, burstOf('x'), LOOPBACK, endpoint.localPort), 0);
  assert.throws(() => transport.open(options(), new Recorder()), { code: 'EBADF' });
  transport.close();
  const next = openKernelTransport();
  assert.equal(
    next.open(options({ localPort: endpoint.localPort }), new Recorder()).localPort,
    endpoint.localPort,
  );
  next.close();
});

test('the ports of a worker that is terminated come free', async () => {
  const modulePath = new URL('../../src/transport/kernel/kernel-transport.js', import.meta.url).href;
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     import(${JSON.stringify(modulePath)}).then(({ openKernelTransport }) => {
       const options = ${JSON.stringify(options())};
       const transport = openKernelTransport();
       transport.open(options, { onDatagram() {} });
       parentPort.postMessage(transport.open(options, { onDatagram() {} }).localPort);
       for (;;) transport.poll({ onBurstEnd() {} });
     });`,
    { eval: true },
  );
  const localPort = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  assert.throws(() => transport.open(options({ localPort }), new Recorder()), { code: 'EADDRINUSE' });
  await worker.terminate();
  assert.equal(transport.open(options({ localPort }), new Recorder()).localPort, localPort);
});

test('members of a group on one port all hear it, and no group that they are not in', () => {
  const inboxes = [new Recorder(), new Recorder()];
  const otherInbox = new Recorder();
  const multicast = { groupAddress: GROUP, interfaceAddress: LOOPBACK, ttl: 0 };
  const probe = transport.open(options(), new Recorder());
  const localPort = probe.localPort;
  probe.close();
  const member = { localAddress: 0, localPort, multicast };
  for (const inbox of inboxes) transport.open(options(member), inbox);
  const otherGroup = { ...multicast, groupAddress: GROUP + 1 };
  const sender = transport.open(
    options({ ...member, multicast: otherGroup, remoteAddress: GROUP, remotePort: localPort }),
    otherInbox,
  );
  const burst = burstOf('to all', 'and again');
  assert.equal(transport.send(sender, burst, 0, 0), 2);
  pollUntil(transport, () => inboxes.every(({ payloads }) => payloads.length === 2));
  for (const { payloads, datagrams } of inboxes) {
    assert.deepEqual(payloads, ['to all', 'and again']);
    assert.equal(datagrams[0]!.sourceAddress, LOOPBACK);
  }
  assert.deepEqual(otherInbox.payloads, []);
  assert.equal(sender.localPort, localPort);
});

test('a connected member hears another group than the one that it sends to', () => {
  const inbox = new Recorder();
  const probe = transport.open(options(), new Recorder());
  const localPort = probe.localPort;
  probe.close();
  const multicast = { groupAddress: GROUP + 1, interfaceAddress: LOOPBACK, ttl: 3 };
  transport.open(
    options({ localAddress: 0, localPort, remoteAddress: GROUP, remotePort: localPort, multicast }),
    inbox,
  );
  const answering = transport.open(
    options({
      localAddress: 0,
      localPort,
      multicast: { groupAddress: GROUP, interfaceAddress: LOOPBACK, ttl: 0 },
    }),
    new Recorder(),
  );
  transport.send(answering, burstOf('heard'), GROUP + 1, localPort);
  pollUntil(transport, () => inbox.payloads.length === 1);
  assert.deepEqual(inbox.payloads, ['heard']);
  assert.equal(inbox.datagrams[0]!.sourcePort, localPort);
});
