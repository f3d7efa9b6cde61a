/** The official driver and ours over IPv6: to ::1, to groups, and to several receivers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { createIpv6Namespace, IPV6_LAB_PREFIX, vethLabMissing } from '../support/veth-lab.ts';
import { type Party, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing, skipReason } from './java.ts';

const COUNT = 20_000;
/** `[address]/prefix` of the network of the test's own. */
const LAB = IPV6_LAB_PREFIX.replace(/(.*)\//, '[$1]/');
const skip = officialAeronMissing() || skipReason(vethLabMissing());

const DIRECTIONS: readonly (readonly [from: Party, to: Party])[] = [
  ['official', 'ours'],
  ['ours', 'official'],
];

describe('a stream over IPv6', { skip }, () => {
  for (const [from, to] of DIRECTIONS) {
    test(`from the ${from} driver to the ${to} driver arrives`, async (t) => {
      const channel = `aeron:udp?endpoint=[::1]:${await freeUdpPort()}`;
      const namespace = createIpv6Namespace(t);
      const [near, far] = await Promise.all([from, to].map((party) => startDriver(t, party, { namespace })));
      await exchange(t, {
        publishers: [{ party: from, driver: near!, channel }],
        subscriber: { party: to, driver: far!, channel },
        count: COUNT,
      });
    });

    test(`from the ${from} driver to the ${to} driver arrives though datagrams are lost`, async (t) => {
      const channel = `aeron:udp?endpoint=[::1]:${await freeUdpPort()}|rtt=true`;
      const namespace = createIpv6Namespace(t);
      const lossy = { 'aeron.debug.receive.loss.rate': '0.02' };
      const [near, far] = await Promise.all(
        [from, to].map((party) =>
          startDriver(t, party, { namespace, properties: party === 'ours' ? lossy : {} }),
        ),
      );
      await exchange(t, {
        publishers: [{ party: from, driver: near!, channel }],
        subscriber: { party: to, driver: far!, channel: `${channel}|cc=cubic` },
        count: COUNT / 4,
        maxLength: 2048,
      });
    });

    for (const group of ['ff02::aa:1', 'ff15::aa:ff']) {
      test(`from the ${from} driver to group ${group} reaches the ${to} driver`, async (t) => {
        const channel = `aeron:udp?endpoint=[${group}]:${await freeUdpPort()}|interface=${LAB}`;
        const namespace = createIpv6Namespace(t);
        const [near, far] = await Promise.all(
          [from, to].map((party) => startDriver(t, party, { namespace })),
        );
        await exchange(t, {
          publishers: [{ party: from, driver: near!, channel }],
          subscriber: { party: to, driver: far!, channel },
          count: COUNT,
        });
      });
    }

    test(`a cast of the ${from} driver reaches receivers of both drivers`, async (t) => {
      const control = `control=[::1]:${await freeUdpPort()}|control-mode=dynamic`;
      const namespace = createIpv6Namespace(t);
      const [near, far] = await Promise.all([from, to].map((party) => startDriver(t, party, { namespace })));
      const receiver = async () => `aeron:udp?endpoint=[::1]:${await freeUdpPort()}|${control}`;
      await exchange(t, {
        publishers: [{ party: from, driver: near!, channel: `aeron:udp?${control}|fc=min,g:/2` }],
        subscriber: [
          { party: to, driver: far!, channel: await receiver() },
          { party: from, driver: near!, channel: await receiver() },
        ],
        count: COUNT / 4,
      });
    });
  }

  test('has an address at our driver that an official client finds its port in', async (t) => {
    const { directory } = await startDriver(t, 'ours');
    const aeron = await Aeron.connect({ directory });
    t.after(() => aeron.close());
    const subscription = await aeron.addSubscription('aeron:udp?endpoint=[::1]:0', 1001);
    const [address] = subscription.localSocketAddresses;
    assert.match(address!, /^\[::1\]:[1-9]\d*$/);
    const labels: string[] = [];
    aeron.countersReader.forEach(({ typeId, label }) => {
      if (typeId === CounterType.LOCAL_SOCKADDR) labels.push(label);
    });
    assert.ok(labels.some((label) => label.endsWith(` ${address}`)));
  });
});
