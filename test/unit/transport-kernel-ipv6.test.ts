/** Kernel sockets of IPv6: what the kernel hands over, and how it is told where to send. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type KernelTransport, openKernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import type { EndpointOptions } from '../../src/transport/transport.ts';
import { formatIpAddress, formatSocketAddress, parseIpAddress } from '../../src/util/ip-text.ts';
import { burstOf, endpointOptions, pollUntil, Recorder } from '../support/datagrams.ts';

const LOOPBACK = parseIpAddress('::1')!;
const ANY = parseIpAddress('::')!;
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const skip = hasIpv6
  ? false
  : 'this machine has no ::1: enable IPv6 (sysctl net.ipv6.conf.lo.disable_ipv6=0)';

function options(some: Partial<EndpointOptions> = {}): EndpointOptions {
  return endpointOptions({ localAddress: LOOPBACK, ...some });
}

describe('kernel sockets of IPv6', { skip }, () => {
  let transport: KernelTransport;
  beforeEach(() => {
    transport = openKernelTransport();
  });
  afterEach(() => transport.close());

  for (const isConnected of [false, true]) {
    test(`bursts arrive with their source, ${isConnected ? 'from a connected socket' : 'from an open one'}`, () => {
      const inbox = new Recorder();
      const replies = new Recorder();
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
      pollUntil(transport, () => inbox.payloads.length === 5);
      assert.deepEqual(inbox.payloads, ['one', 'two', 'thr', 'x', 'alone']);
      assert.equal(
        formatSocketAddress(inbox.last.sourceAddress, inbox.last.sourcePort),
        `[::1]:${sender.localPort}`,
      );
      transport.send(receiver, burstOf('reply'), inbox.last.sourceAddress, inbox.last.sourcePort);
      pollUntil(transport, () => replies.payloads.length === 1);
    });
  }

  test('sockets of both families share a transport, and their addresses do not mix', () => {
    const ipv4 = 0x7f000001;
    const inboxes = Array.from({ length: 8 }, () => new Recorder());
    const endpoints = inboxes.map((inbox, i) =>
      transport.open(options({ localAddress: i % 2 === 0 ? ipv4 : LOOPBACK }), inbox),
    );
    for (let round = 0; round < 10; round++) {
      for (const [i, endpoint] of endpoints.entries()) {
        const to = endpoints[(i + 2) % 8]!;
        transport.send(endpoint, burstOf(`${i} ${round}`, 'again'), to.localAddress, to.localPort);
      }
      pollUntil(transport, () => inboxes.every(({ payloads }) => payloads.length === 2 * (round + 1)));
    }
    for (const [i, inbox] of inboxes.entries()) {
      assert.equal(inbox.last.sourceAddress, i % 2 === 0 ? ipv4 : LOOPBACK);
      assert.equal(inbox.last.sourcePort, endpoints[(i + 6) % 8]!.localPort);
    }
    assert.equal(transport.statistics.sendErrors, 0);
  });

  test('a socket of IPv6 for every address hears IPv4 too, and answers there', () => {
    const inbox = new Recorder();
    const replies = new Recorder();
    const receiver = transport.open(options({ localAddress: ANY }), inbox);
    const sender = transport.open(options({ localAddress: 0x7f000001 }), replies);
    transport.send(sender, burstOf('four'), 0x7f000001, receiver.localPort);
    pollUntil(transport, () => inbox.payloads.length === 1);
    assert.equal(formatIpAddress(inbox.last.sourceAddress), '::ffff:127.0.0.1');
    transport.send(receiver, burstOf('six'), 0x7f000001, sender.localPort);
    pollUntil(transport, () => replies.payloads.length === 1);
  });

  test('a socket of IPv4 loses what it should send to IPv6, and counts that', () => {
    const sender = transport.open(options({ localAddress: 0 }), new Recorder());
    assert.equal(transport.send(sender, burstOf('a', 'b'), LOOPBACK, 4000), 2);
    assert.equal(transport.statistics.sendErrors, 1);
  });

  test('what is wrong with an address is said', () => {
    assert.throws(
      () => transport.open(options({ localAddress: parseIpAddress('2001:db8::7')! }), new Recorder()),
      {
        code: 'EADDRNOTAVAIL',
        message: /cannot open a UDP socket on \[2001:db8::7\]:0: bind: /,
      },
    );
  });

  test('reconnect points a connected socket at another address', () => {
    const inboxes = [new Recorder(), new Recorder()];
    const [first, second] = inboxes.map((inbox) => transport.open(options(), inbox));
    const sender = transport.open(
      options({ remoteAddress: LOOPBACK, remotePort: first!.localPort }),
      new Recorder(),
    );
    transport.send(sender, burstOf('first'), 0, 0);
    sender.reconnect(LOOPBACK, second!.localPort);
    transport.send(sender, burstOf('second'), 0, 0);
    pollUntil(transport, () => inboxes.every(({ payloads }) => payloads.length === 1));
    assert.deepEqual(
      inboxes.map(({ payloads }) => payloads[0]),
      ['first', 'second'],
    );
  });
});
