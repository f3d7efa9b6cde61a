/** Endpoints of a transport with several addresses on one port, and of one without IPv4. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import type { BypassEndpoint } from '../../src/transport/bypass/bypass-endpoint.ts';
import { BypassTransport } from '../../src/transport/bypass/bypass-transport.ts';
import { RoutedTransport } from '../../src/transport/bypass/routed-transport.ts';
import { parseIpAddress } from '../../src/util/ip-text.ts';
import { formatIpv4, parseIpv4 } from '../../src/util/ipv4.ts';
import { bypassTransport } from '../support/bypass-pair.ts';
import { burstOf, endpointOptions, NO_LISTENER, Recorder } from '../support/datagrams.ts';

const at = (text: string): number => parseIpv4(text)!;
const FIRST = at('10.0.0.1');
const SECOND = at('10.1.0.1');
const PORT = 4000;
const GROUP = at('239.1.2.3');

let ours: BypassTransport;
let theirs: BypassTransport;
let clock: SimulatedClock;

beforeEach(() => {
  const [a, b] = SimulatedDevice.pair();
  clock = new SimulatedClock();
  const networks = (host: number) => ({
    address: FIRST + host,
    prefixLength: 24,
    gatewayAddress: 0,
    furtherAddresses: [{ address: SECOND + host, prefixLength: 24 }],
  });
  ours = new BypassTransport(a, networks(0), clock);
  theirs = new BypassTransport(b, networks(1), clock);
});

function run(): void {
  for (let i = 0; i < 6; i++) {
    clock.advanceNs(1_000);
    for (const transport of [ours, theirs]) {
      transport.poll(NO_LISTENER);
      transport.flush();
    }
  }
}

/** Sends until it is accepted: the neighbour has to be asked for first. */
function send(from: BypassEndpoint, text: string, address = 0, port = PORT): void {
  for (let i = 0; i < 10; i++) {
    const isAccepted = ours.send(from, burstOf(text), address, address === 0 ? 0 : port) === 1;
    run();
    if (isAccepted) return;
  }
  assert.fail(`${text} was not accepted`);
}

const heardBy = ({ datagrams }: Recorder): string[] =>
  datagrams.map(({ payload, sourceAddress }) => `${formatIpv4(sourceAddress)} ${payload}`);

describe('a transport with two addresses on a port', () => {
  test('has a UDP port at each of them', () => {
    const recorders = [new Recorder(), new Recorder()];
    for (const [i, address] of [FIRST + 1, SECOND + 1].entries()) {
      theirs.open(endpointOptions({ localAddress: address, localPort: PORT }), recorders[i]!);
    }
    const sender = ours.open(endpointOptions(), new Recorder());
    send(sender, 'one', FIRST + 1);
    send(sender, 'two', SECOND + 1);
    // Who is not bound speaks from the address of the network that it speaks to.
    assert.deepEqual(recorders.map(heardBy), [['10.0.0.1 one'], ['10.1.0.1 two']]);
  });

  test('speaks from the address that an endpoint is bound to, and hears there alone', () => {
    const recorder = new Recorder();
    const answers = new Recorder();
    const receiver = theirs.open(endpointOptions({ localPort: PORT }), recorder);
    const sender = ours.open(endpointOptions({ localAddress: SECOND, localPort: 7 }), answers);
    send(sender, 'x', FIRST + 1);
    send(sender, 'y', SECOND + 1);
    assert.deepEqual(heardBy(recorder), ['10.1.0.1 x', '10.1.0.1 y'], 'one without address hears at all');
    for (const [text, address] of [
      ['to the other', FIRST],
      ['to it', SECOND],
    ] as const) {
      for (let i = 0; i < 3 && theirs.send(receiver, burstOf(text), address, 7) === 0; i++) run();
      run();
    }
    assert.deepEqual(heardBy(answers), ['10.1.0.2 to it']);
    assert.equal(ours.statistics.get('transport.noEndpoint'), 1);
    assert.equal(ours.hasEndpointAt(SECOND, 7), true);
    assert.equal(ours.hasEndpointAt(FIRST, 7), false);
  });

  test('takes a UDP port at all addresses or at none', () => {
    ours.open(endpointOptions({ localAddress: SECOND, localPort: PORT }), new Recorder());
    assert.throws(() => ours.open(endpointOptions({ localPort: PORT }), new Recorder()), {
      code: 'EADDRINUSE',
    });
    const first = ours.open(endpointOptions({ localAddress: FIRST, localPort: PORT }), new Recorder());
    assert.equal(first.localPort, PORT);
    first.close();
    const all = ours.open(endpointOptions({ localPort: 5000 }), new Recorder());
    assert.throws(() => ours.open(endpointOptions({ localAddress: SECOND, localPort: 5000 }), all.handler), {
      code: 'EADDRINUSE',
    });
    all.close();
    ours.open(endpointOptions({ localAddress: SECOND, localPort: 5000 }), new Recorder()).close();
    assert.throws(() => ours.open(endpointOptions({ localAddress: FIRST + 1 }), new Recorder()), {
      code: 'EADDRNOTAVAIL',
      message: /10\.0\.0\.2 is no address of the DPDK port, which has 10\.0\.0\.1, 10\.1\.0\.1/,
    });
  });

  test('keeps what goes to its own addresses in memory', () => {
    const recorder = new Recorder();
    ours.open(endpointOptions({ localAddress: SECOND, localPort: PORT }), recorder);
    send(ours.open(endpointOptions({ localAddress: FIRST }), new Recorder()), 'from the first', SECOND);
    send(ours.open(endpointOptions(), new Recorder()), 'from any', SECOND);
    assert.deepEqual(heardBy(recorder), ['10.0.0.1 from the first', '10.1.0.1 from any']);
    assert.equal(ours.statistics.get('net.txDatagrams'), 0);
  });

  test('speaks to groups from the interface of the endpoint', () => {
    const recorder = new Recorder();
    const member = (interfaceAddress: number, localPort: number) =>
      endpointOptions({ localPort, multicast: { groupAddress: GROUP, interfaceAddress, ttl: 0 } });
    theirs.open(member(SECOND + 1, PORT), recorder);
    send(ours.open(member(SECOND, 6000), new Recorder()), 'second', GROUP);
    send(ours.open(member(FIRST, 6001), new Recorder()), 'first', GROUP);
    assert.deepEqual(heardBy(recorder), ['10.1.0.1 second', '10.0.0.1 first']);
  });
});

test('several ports, one with two networks: each address is reached by the port whose network has it', () => {
  const wires = [SimulatedDevice.pair(), SimulatedDevice.pair()];
  const second = bypassTransport(wires[1]![0], at('10.3.0.1'), clock);
  const first = new BypassTransport(
    wires[0]![0],
    {
      address: FIRST,
      prefixLength: 8,
      gatewayAddress: 0,
      furtherAddresses: [{ address: at('10.3.4.1'), prefixLength: 30 }],
    },
    clock,
  );
  const host = new RoutedTransport([
    {
      transport: first,
      address: FIRST,
      prefixLength: 8,
      gatewayAddress: 0,
      furtherAddresses: [{ address: at('10.3.4.1'), prefixLength: 30 }],
    },
    { transport: second, address: at('10.3.0.1'), prefixLength: 16, gatewayAddress: 0 },
  ]);
  const portOf = (remote: string): number =>
    host.open(endpointOptions({ remoteAddress: at(remote), remotePort: 1 }), new Recorder()).port;
  assert.deepEqual(['10.9.9.9', '10.3.9.9', '10.3.4.2'].map(portOf), [0, 1, 0]);
  const bound = host.open(endpointOptions({ localAddress: at('10.3.4.1') }), new Recorder());
  assert.equal(bound.port, 0);
  assert.throws(() => host.open(endpointOptions({ localAddress: at('10.3.4.2') }), new Recorder()), {
    message: /10\.3\.4\.2 is not .*: they have 10\.0\.0\.1, 10\.3\.4\.1, 10\.3\.0\.1\./,
  });
});

describe('a transport without IPv4', () => {
  test('has endpoints of IPv6, at each address a UDP port of its own, and says why there are none of IPv4', () => {
    const addresses = ['2001:db8::1', '2001:db8:1::1'].map((text) => parseIpAddress(text)!);
    const ipv6 = {
      addresses: addresses.map((address) => ({ address, prefixLength: 64 })),
      gatewayAddress: 0,
    };
    const [device] = SimulatedDevice.pair();
    const options = { address: 0, prefixLength: 0, gatewayAddress: 0, ipv6 };
    const transport = new BypassTransport(device, options, clock);
    const recorders = addresses.map(() => new Recorder());
    for (const [i, localAddress] of addresses.entries()) {
      transport.open(endpointOptions({ localAddress, localPort: PORT }), recorders[i]!);
    }
    const sender = transport.open(endpointOptions({ localAddress: addresses[0]! }), new Recorder());
    for (const address of addresses) assert.equal(transport.send(sender, burstOf('x'), address, PORT), 1);
    // A socket of IPv6 that is given an address of IPv4, as a resolver's is.
    assert.equal(transport.send(sender, burstOf('lost'), FIRST, PORT), 1);
    transport.poll(NO_LISTENER);
    assert.deepEqual(
      recorders.map(({ payloads }) => payloads),
      [['x'], ['x']],
    );
    assert.equal(transport.statistics.get('net.txUnreachable'), 1);
    for (const localAddress of [0, FIRST]) {
      assert.throws(() => transport.open(endpointOptions({ localAddress }), new Recorder()), {
        code: 'EADDRNOTAVAIL',
        message: /has no IPv4 address/,
      });
    }
  });
});
