import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { ConductorBench } from '../support/conductor-bench.ts';

/** A driver whose network agent has a DPDK port. */
function benchWithPort(t: TestContext): ConductorBench {
  const bench = new ConductorBench(t, { dpdkExtendedStats: false });
  const [transport, net, device] = [0, 1, 2].map(() => new SharedArrayBuffer(8 * 128)) as [
    SharedArrayBuffer,
    SharedArrayBuffer,
    SharedArrayBuffer,
  ];
  const port = { portId: 0, queue: 0, queues: 1, driverName: 'net_fake', mac: '2:0:0:0:0:1', mtu: 1500 };
  const rings = { rxRingLength: 512, txRingLength: 512, bufferCount: 3000, offloads: [], notes: [] };
  bench.network.emit({
    kind: 'portOpened',
    port: { ...port, ...rings, localAddress: 0x0a00_0001, transport, net, device },
  });
  bench.run();
  return bench;
}

function transports(bench: ConductorBench): [label: string, value: number][] {
  const found: [string, number][] = [];
  bench.counters.forEach(({ typeId, label, value }) => {
    if (typeId === CounterType.DPDK_TRANSPORT) found.push([label, value]);
  });
  return found;
}

test('each endpoint at a DPDK port has a counter with the id and the label of the official driver', (t) => {
  const bench = benchWithPort(t);
  bench.call({
    type: 'addExclusivePublication',
    streamId: 10,
    channel: 'aeron:udp?endpoint=127.0.0.1:24325',
  });
  assert.deepEqual(transports(bench), [['DPDK transport: SENDER bind 127.0.0.1:40001 ttl 64', 1]]);
  const [unicast] = [
    'aeron:udp?endpoint=127.0.0.1:24501',
    'aeron:udp?endpoint=224.0.1.1:24502|interface=10.0.0.1|ttl=7',
  ].map((channel) =>
    bench.call({ type: 'addSubscription', registrationCorrelationId: -1, streamId: 10, channel }),
  );
  assert.equal(transports(bench)[1]![0], 'DPDK transport: RECEIVER bind 127.0.0.1:24501 ttl 64');
  assert.match(transports(bench)[2]![0], /^DPDK transport: RECEIVER bind \S+:24502 ttl 7$/);

  bench.call({ type: 'removeSubscription', registrationId: unicast!.correlationId });
  assert.deepEqual(
    transports(bench).map(([label]) => label.split(' ')[2]),
    ['SENDER', 'RECEIVER'],
  );
});

test('each destination of a subscription at a DPDK port has one, and no endpoint where there is no port', (t) => {
  for (const [bench, expected] of [
    [benchWithPort(t), [['DPDK transport: RECEIVER bind 127.0.0.1:24501 ttl 64', 1]]],
    [new ConductorBench(t), []],
  ] as const) {
    const { correlationId: registrationId } = bench.call({
      type: 'addSubscription',
      registrationCorrelationId: -1,
      streamId: 10,
      channel: 'aeron:udp?control-mode=manual',
    });
    const channel = 'aeron:udp?endpoint=127.0.0.1:24501';
    bench.call({ type: 'addReceiveDestination', registrationId, channel });
    assert.deepEqual(transports(bench), expected);
    bench.call({ type: 'removeReceiveDestination', registrationId, channel });
    assert.deepEqual(transports(bench), []);
  }
});
