import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import type { BypassTransport } from '../../src/transport/bypass/bypass-transport.ts';
import { RoutedTransport } from '../../src/transport/bypass/routed-transport.ts';
import { bypassTransport } from '../support/bypass-pair.ts';
import { burstOf, endpointOptions, NO_LISTENER, Recorder } from '../support/datagrams.ts';

// One host with two cards, and a neighbour at each: 10.0.0.1 ↔ 10.0.0.2, 10.1.0.1 ↔ 10.1.0.2.
const OURS = [0x0a000001, 0x0a010001] as const;
const THEIRS = [0x0a000002, 0x0a010002] as const;
const PORT = 4000;

interface Network {
  readonly host: RoutedTransport;
  readonly neighbours: readonly BypassTransport[];
  run(): void;
}

function network(): Network {
  const clock = new SimulatedClock();
  const wires = [SimulatedDevice.pair(), SimulatedDevice.pair()];
  const host = new RoutedTransport(
    wires.map(([device], i) => ({
      transport: bypassTransport(device, OURS[i]!, clock),
      address: OURS[i]!,
      prefixLength: 24,
      gatewayAddress: 0,
    })),
  );
  const neighbours = wires.map(([, device], i) => bypassTransport(device, THEIRS[i]!, clock));
  return {
    host,
    neighbours,
    run(): void {
      for (let i = 0; i < 6; i++) {
        clock.advanceNs(1_000);
        for (const transport of [host, ...neighbours]) {
          transport.poll(NO_LISTENER);
          transport.flush();
        }
      }
    },
  };
}

/** Sends until it is accepted: the neighbour has to be asked for first. */
function send(net: Network, from: ReturnType<RoutedTransport['open']>, text: string, address = 0): void {
  for (let i = 0; i < 10; i++) {
    if (net.host.send(from, burstOf(text), address, address === 0 ? 0 : PORT) === 1) {
      net.run();
      return;
    }
    net.run();
  }
  assert.fail(`${text} was not accepted`);
}

describe('several ports as one transport', () => {
  test('has a connected endpoint at the port by which its remote address is reached', () => {
    const net = network();
    for (const i of [0, 1]) {
      const recorder = new Recorder();
      net.neighbours[i]!.open(endpointOptions({ localAddress: THEIRS[i]!, localPort: PORT }), recorder);
      const endpoint = net.host.open(
        endpointOptions({ remoteAddress: THEIRS[i]!, remotePort: PORT }),
        new Recorder(),
      );
      assert.equal(endpoint.localAddress, OURS[i]);
      send(net, endpoint, `to ${i}`);
      assert.deepEqual(
        recorder.datagrams.map(({ payload }) => payload),
        [`to ${i}`],
      );
      assert.equal(recorder.datagrams[0]!.sourceAddress, OURS[i]);
    }
  });

  test('has an endpoint without an address at every port, with one UDP port', () => {
    const net = network();
    const recorder = new Recorder();
    const endpoint = net.host.open(endpointOptions(), recorder);
    const { localPort } = endpoint;
    assert.ok(localPort > 0);
    const heard = [0, 1].map((i) => {
      const at = new Recorder();
      net.neighbours[i]!.open(endpointOptions({ localAddress: THEIRS[i]!, localPort: PORT }), at);
      send(net, endpoint, `to ${i}`, THEIRS[i]);
      return at.payloads;
    });
    assert.deepEqual(heard, [['to 0'], ['to 1']]);
    for (const i of [0, 1]) {
      const remote = { remoteAddress: OURS[i]!, remotePort: localPort };
      const back = net.neighbours[i]!.open(endpointOptions(remote), new Recorder());
      // It has to ask for us first.
      while (net.neighbours[i]!.send(back, burstOf(`from ${i}`), 0, 0) === 0) net.run();
      net.run();
    }
    assert.deepEqual(recorder.payloads.sort(), ['from 0', 'from 1']);
    endpoint.close();
    const again = net.host.open(endpointOptions({ localPort }), recorder);
    again.close();
  });

  test('has an endpoint with one of its addresses at the port that has it, groups too', () => {
    const net = network();
    const endpoint = net.host.open(
      endpointOptions({ localAddress: OURS[1], localPort: PORT }),
      new Recorder(),
    );
    assert.equal(endpoint.localAddress, OURS[1]);
    assert.equal(endpoint.port, 1);
    const member = net.host.open(
      endpointOptions({
        localPort: PORT + 1,
        multicast: { groupAddress: 0xe0000901 | 0, interfaceAddress: OURS[1], ttl: 0 },
      }),
      new Recorder(),
    );
    assert.equal(member.port, 1);
    assert.throws(() => net.host.open(endpointOptions({ localAddress: 0x0a020001 }), new Recorder()), {
      code: 'EADDRNOTAVAIL',
      message: /10\.2\.0\.1 is not .* 10\.0\.0\.1, 10\.1\.0\.1/,
    });
  });

  test('takes a UDP port at all of its ports or at none', () => {
    const net = network();
    net.host.open(endpointOptions({ localAddress: OURS[1], localPort: PORT }), new Recorder());
    assert.throws(() => net.host.open(endpointOptions({ localPort: PORT }), new Recorder()), {
      code: 'EADDRINUSE',
    });
    const other = net.host.open(endpointOptions({ localAddress: OURS[0], localPort: PORT }), new Recorder());
    assert.equal(other.localPort, PORT, 'the port that was free is free again');
  });

  test('moves a connected endpoint when its remote address goes to another network', () => {
    const net = network();
    const recorder = new Recorder();
    net.neighbours[1]!.open(endpointOptions({ localAddress: THEIRS[1], localPort: PORT }), recorder);
    const endpoint = net.host.open(
      endpointOptions({ remoteAddress: THEIRS[0], remotePort: PORT }),
      new Recorder(),
    );
    assert.equal(endpoint.port, 0);
    endpoint.reconnect(THEIRS[1], PORT);
    assert.equal(endpoint.localAddress, OURS[1]);
    send(net, endpoint, 'moved');
    assert.deepEqual(recorder.payloads, ['moved']);
  });
});
