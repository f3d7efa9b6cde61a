/** Kernel sockets of IPv6: what the kernel hands over, and how it is told where to send. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Region } from '../../src/memory/region.ts';
import { type KernelTransport, openKernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import {
  type BurstListener,
  DatagramBurst,
  type DatagramHandler,
  type EndpointOptions,
} from '../../src/transport/transport.ts';
import { formatIpAddress, formatSocketAddress, parseIpAddress } from '../../src/util/ip-text.ts';

const LOOPBACK = parseIpAddress('::1')!;
const ANY = parseIpAddress('::')!;
const NO_LISTENER: BurstListener = { onBurstEnd() {} };
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const skip = hasIpv6
  ? false
  : 'this machine has no ::1: enable IPv6 (sysctl net.ipv6.conf.lo.disable_ipv6=0)';

class Inbox implements DatagramHandler {
  readonly texts: string[] = [];
  address = 0;
  port = 0;

  onDatagram(region: Region, offset: number, length: number, address: number, port: number): void {
    this.texts.push(region.bytes.toString('latin1', offset, offset + length));
    this.address = address;
    this.port = port;
  }
}

function options(some: Partial<EndpointOptions> = {}): EndpointOptions {
  return {
    localAddress: LOOPBACK,
    localPort: 0,
    remoteAddress: 0,
    remotePort: 0,
    receiveBufferLength: 0,
    sendBufferLength: 0,
    ...some,
  };
}

function burstOf(...texts: string[]): DatagramBurst {
  const burst = new DatagramBurst();
  const region = Region.allocate(65536);
  let offset = 0;
  for (const text of texts) {
    const length = region.bytes.write(text, offset);
    burst.add(region.handle, offset, length);
    offset += length;
  }
  return burst;
}

describe('kernel sockets of IPv6', { skip }, () => {
  let transport: KernelTransport;
  beforeEach(() => {
    transport = openKernelTransport();
  });
  afterEach(() => transport.close());

  function pollUntil(isDone: () => boolean): void {
    const deadline = performance.now() + 5000;
    while (!isDone()) {
      assert.ok(performance.now() < deadline, 'nothing more arrived in 5 s');
      transport.poll(NO_LISTENER);
    }
  }

  for (const isConnected of [false, true]) {
    test(`bursts arrive with their source, ${isConnected ? 'from a connected socket' : 'from an open one'}`, () => {
      const inbox = new Inbox();
      const replies = new Inbox();
      const receiver = transport.open(options(), inbox);
      const remote = isConnected ? { remoteAddress: LOOPBACK, remotePort: receiver.localPort } : {};
      const sender = transport.open(options({ localAddress: ANY, ...remote }), replies);
      assert.equal(
        formatSocketAddress(receiver.localAddress, receiver.localPort),
        `[::1]:${receiver.localPort}`,
      );
      assert.equal(
        transport.send(sender, burstOf('one', 'two', 'thr', 'x'), LOOPBACK, receiver.localPort),
        4,
      );
      assert.equal(transport.send(sender, burstOf('alone'), LOOPBACK, receiver.localPort), 1);
      pollUntil(() => inbox.texts.length === 5);
      assert.deepEqual(inbox.texts, ['one', 'two', 'thr', 'x', 'alone']);
      assert.equal(formatSocketAddress(inbox.address, inbox.port), `[::1]:${sender.localPort}`);
      transport.send(receiver, burstOf('reply'), inbox.address, inbox.port);
      pollUntil(() => replies.texts.length === 1);
    });
  }

  test('sockets of both families share a transport, and their addresses do not mix', () => {
    const ipv4 = 0x7f000001;
    const inboxes = Array.from({ length: 8 }, () => new Inbox());
    const endpoints = inboxes.map((inbox, i) =>
      transport.open(options({ localAddress: i % 2 === 0 ? ipv4 : LOOPBACK }), inbox),
    );
    for (let round = 0; round < 10; round++) {
      for (const [i, endpoint] of endpoints.entries()) {
        const to = endpoints[(i + 2) % 8]!;
        transport.send(endpoint, burstOf(`${i} ${round}`, 'again'), to.localAddress, to.localPort);
      }
      pollUntil(() => inboxes.every(({ texts }) => texts.length === 2 * (round + 1)));
    }
    for (const [i, inbox] of inboxes.entries()) {
      assert.equal(inbox.address, i % 2 === 0 ? ipv4 : LOOPBACK);
      assert.equal(inbox.port, endpoints[(i + 6) % 8]!.localPort);
    }
    assert.equal(transport.statistics.sendErrors, 0);
  });

  test('a socket of IPv6 for every address hears IPv4 too, and answers there', () => {
    const inbox = new Inbox();
    const replies = new Inbox();
    const receiver = transport.open(options({ localAddress: ANY }), inbox);
    const sender = transport.open(options({ localAddress: 0x7f000001 }), replies);
    transport.send(sender, burstOf('four'), 0x7f000001, receiver.localPort);
    pollUntil(() => inbox.texts.length === 1);
    assert.equal(formatIpAddress(inbox.address), '::ffff:127.0.0.1');
    transport.send(receiver, burstOf('six'), 0x7f000001, sender.localPort);
    pollUntil(() => replies.texts.length === 1);
  });

  test('a socket of IPv4 loses what it should send to IPv6, and counts that', () => {
    const sender = transport.open(options({ localAddress: 0 }), new Inbox());
    assert.equal(transport.send(sender, burstOf('a', 'b'), LOOPBACK, 4000), 2);
    assert.equal(transport.statistics.sendErrors, 1);
  });

  test('what is wrong with an address is said', () => {
    assert.throws(
      () => transport.open(options({ localAddress: parseIpAddress('2001:db8::7')! }), new Inbox()),
      {
        code: 'EADDRNOTAVAIL',
        message: /cannot open a UDP socket on \[2001:db8::7\]:0: bind: /,
      },
    );
  });

  test('reconnect points a connected socket at another address', () => {
    const inboxes = [new Inbox(), new Inbox()];
    const [first, second] = inboxes.map((inbox) => transport.open(options(), inbox));
    const sender = transport.open(
      options({ remoteAddress: LOOPBACK, remotePort: first!.localPort }),
      new Inbox(),
    );
    transport.send(sender, burstOf('first'), 0, 0);
    sender.reconnect(LOOPBACK, second!.localPort);
    transport.send(sender, burstOf('second'), 0, 0);
    pollUntil(() => inboxes.every(({ texts }) => texts.length === 1));
    assert.deepEqual(
      inboxes.map(({ texts }) => texts[0]),
      ['first', 'second'],
    );
  });
});
