/** One stream for three drivers, each at an address of its own, over the kernel's sockets on loopback. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Aeron } from '../../src/client/aeron.ts';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { MulticastExchange } from '../support/multicast-group.ts';
import { openNetworkStation } from '../support/network-station.ts';
import { until } from '../support/until.ts';

const STREAM_ID = 1001;
const COUNT = 400;
const RECEIVERS = 3;

/** The value of the only counter of a type. */
function counterValue({ countersReader }: Aeron, typeId: number): number {
  let value = Number.NaN;
  countersReader.forEach((counter) => {
    if (counter.typeId === typeId) value = countersReader.value(counter.id);
  });
  return value;
}

interface Cast {
  readonly sender: Aeron;
  readonly receivers: readonly Aeron[];
  readonly exchange: MulticastExchange;
  /** Where each receiver is. */
  readonly endpoints: readonly string[];
}

async function startCast(
  t: TestContext,
  mode: 'dynamic' | 'manual',
  parameters: string,
  options: Partial<DriverOptions> = {},
): Promise<Cast> {
  const [sender, ...receivers] = await Promise.all([
    openNetworkStation(t),
    ...Array.from({ length: RECEIVERS }, () => openNetworkStation(t, options)),
  ]);
  const control = `control=127.0.0.1:${await freeUdpPort()}|control-mode=dynamic`;
  const endpoints: string[] = [];
  for (let i = 0; i < RECEIVERS; i++) endpoints.push(`aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`);
  const isManual = mode === 'manual';
  const channel = `aeron:udp?${isManual ? 'control-mode=manual' : control}|term-length=1m|${parameters}`;
  const exchange = await MulticastExchange.start(
    [{ aeron: sender!, channel }],
    receivers.map((aeron, i) => ({
      aeron,
      channel: isManual ? endpoints[i]! : `${endpoints[i]}|${control}`,
    })),
    STREAM_ID,
    COUNT,
  );
  if (isManual) {
    for (const endpoint of endpoints) await exchange.publications[0]!.addDestination(endpoint);
  }
  return { sender: sender!, receivers, exchange, endpoints };
}

for (const mode of ['dynamic', 'manual'] as const) {
  test(`a ${mode} cast reaches all its receivers`, async (t) => {
    const { sender, receivers, exchange } = await startCast(t, mode, 'fc=min,g:/3');
    await exchange.run();
    assert.equal(counterValue(sender, CounterType.MDC_DESTINATIONS), RECEIVERS);
    assert.equal(counterValue(sender, CounterType.FLOW_CONTROL_RECEIVERS), RECEIVERS);
    for (const receiver of receivers) {
      assert.equal(receiver.countersReader.value(SystemCounter.NAK_MESSAGES_SENT), 0);
    }
  });

  test(`what receivers of a ${mode} cast lose is sent again`, async (t) => {
    const { sender, exchange } = await startCast(t, mode, 'fc=min,g:/3', { receiveLossRate: 0.05 });
    await exchange.run();
    assert.ok(sender.countersReader.value(SystemCounter.RETRANSMITS_SENT) > 0);
  });
}

test('a receiver that leaves a dynamic cast is waited for no longer, and forgotten as a destination', async (t) => {
  const { sender, receivers, exchange } = await startCast(t, 'dynamic', 'fc=min,g:/2,t:300ms');
  await exchange.run();
  await receivers[0]!.close();
  await until(
    () => counterValue(sender, CounterType.FLOW_CONTROL_RECEIVERS) === 2,
    'the receiver to be forgotten',
  );
  assert.equal(exchange.publications[0]!.isConnected, true);
  await receivers[1]!.close();
  await until(() => !exchange.publications[0]!.isConnected, 'the end of a group that is too small');
  await until(() => counterValue(sender, CounterType.MDC_DESTINATIONS) === 1, 'destinations to be forgotten');
});

test('a destination that is removed gets nothing more, and the others go on', async (t) => {
  const { sender, exchange, endpoints } = await startCast(t, 'manual', 'fc=min,t:300ms');
  const publication = exchange.publications[0]!;
  await exchange.run();
  await publication.removeDestination(endpoints[0]!);
  await until(() => counterValue(sender, CounterType.MDC_DESTINATIONS) === 2, 'the destination to go');
  const buffer = Buffer.alloc(1000, 0x33);
  const positionBefore = exchange.subscriptions[0]!.images[0]!.position;
  const end = publication.position + 300 * 1056;
  await until(() => {
    publication.offer(buffer);
    for (const subscription of exchange.subscriptions) subscription.poll(() => {}, 64);
    return publication.position >= end;
  }, 'the stream to go on');
  assert.equal(exchange.subscriptions[0]!.images[0]!.position, positionBefore);
  await until(() => {
    for (const subscription of exchange.subscriptions) subscription.poll(() => {}, 64);
    return exchange.subscriptions
      .slice(1)
      .every(({ images }) => images[0]!.position === publication.position);
  }, 'the others to have all of it');
});
