/** Channels of IPv6: where their endpoints are, by the options that the network agent is given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { formatIpAddress, formatSocketAddress } from '../../src/util/ip-text.ts';
import { ConductorBench, only } from '../support/conductor-bench.ts';

const SUBSCRIBE = { type: 'addSubscription', registrationCorrelationId: -1, streamId: 10 } as const;
const PUBLISH = { type: 'addPublication', streamId: 10 } as const;

/** Local and remote address of the endpoint that a publication on the channel sends from. */
function sendEndpoint(bench: ConductorBench, channel: string): string {
  only(bench.call({ ...PUBLISH, channel }).events, 'publicationReady');
  const { options } = bench.network.last('addSendEndpoint');
  const local = formatSocketAddress(options.localAddress, options.localPort);
  return `${local} ${formatSocketAddress(options.remoteAddress, options.remotePort)}`;
}

for (const [parameters, expected] of [
  ['endpoint=[::1]:4000', '[::]:0 [::1]:4000'],
  ['endpoint=[2001:DB8:0::7]:4000|interface=[2001:db8::]/32', '[2001:db8::1]:0 [2001:db8::7]:4000'],
  ['endpoint=[2001:db8::7]:4000|interface={eth0}:5000', '[2001:db8::1]:5000 [2001:db8::7]:4000'],
  ['endpoint=[fe80::7%2]:4000|interface=[fe80::%2]:5001/64', '[fe80::1%2]:5001 [fe80::7%2]:4000'],
  ['endpoint=[::1]:4000|interface=[::]', '[::]:0 [::1]:4000'],
  ['endpoint=[::1]:4000|control=[::1]:4001', '[::1]:4001 [::1]:4000'],
  ['endpoint=[::ffff:10.0.0.7]:4000', '[::]:0 [::ffff:10.0.0.7]:4000'],
  ['endpoint=10.0.0.7:4000|interface={eth0}', '10.0.0.1:0 10.0.0.7:4000'],
] as const) {
  test(`should send where ${parameters} says`, (t) => {
    const actual = sendEndpoint(new ConductorBench(t), `aeron:udp?${parameters}`);
    // A number that the kernel of this machine has a name for is written as that.
    assert.equal(actual.replaceAll(/%[^\]]+/g, '%2'), expected);
  });
}

test('should listen where the endpoint says, at every address too', (t) => {
  const bench = new ConductorBench(t);
  for (const [endpoint, expected] of [
    ['[::1]:4000', '[::1]:4000'],
    ['[::]:4001', '[::]:4001'],
  ] as const) {
    only(bench.call({ ...SUBSCRIBE, channel: `aeron:udp?endpoint=${endpoint}` }).events, 'subscriptionReady');
    const { localAddress, localPort } = bench.network.last('addReceiveEndpoint').options;
    assert.equal(formatSocketAddress(localAddress, localPort), expected);
  }
});

for (const [group, control] of [
  ['ff02::aa:1', 'ff02::aa:2'],
  ['ff15::1ff', 'ff15::100'],
] as const) {
  test(`should send to group ${group}, and listen to receivers at ${control}`, (t) => {
    const bench = new ConductorBench(t);
    const channel = `aeron:udp?endpoint=[${group}]:4000|interface=[2001:db8::]/64|ttl=3`;
    only(bench.call({ ...PUBLISH, channel }).events, 'publicationReady');
    only(bench.call({ ...SUBSCRIBE, channel }).events, 'subscriptionReady');
    const sending = bench.network.last('addSendEndpoint').options;
    assert.equal(formatSocketAddress(sending.localAddress, sending.localPort), '[::]:4000');
    assert.equal(formatSocketAddress(sending.remoteAddress, sending.remotePort), `[${group}]:4000`);
    assert.equal(formatIpAddress(sending.multicast!.groupAddress), control);
    assert.equal(formatIpAddress(sending.multicast!.interfaceAddress), '2001:db8::1');
    assert.equal(sending.multicast!.interfaceIndex, 2);
    assert.equal(sending.multicast!.ttl, 3);
    const { options, receiver } = bench.network.last('addReceiveEndpoint');
    assert.equal(formatIpAddress(options.multicast!.groupAddress), group);
    assert.equal(
      formatSocketAddress(receiver!.control!.address, receiver!.control!.port),
      `[${control}]:4000`,
    );
  });
}

test('should choose an interface that is not loopback for a group without one', (t) => {
  const bench = new ConductorBench(t);
  only(
    bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=[ff02::1]:4000' }).events,
    'subscriptionReady',
  );
  const { multicast } = bench.network.last('addReceiveEndpoint').options;
  assert.equal(formatIpAddress(multicast!.interfaceAddress), '2001:db8::1');
});

test('should refuse channels that mean nothing, and say what would', (t) => {
  const bench = new ConductorBench(t);
  for (const [parameters, message] of [
    ['endpoint=[ff02::2]:4000', /Multicast data address must be odd: ff02::2; send to ff02::3/],
    ['endpoint=[::1]', /endpoint=\[::1\] is not host:port or \[address\]:port/],
    ['endpoint=::1:4000', /endpoint=::1:4000 is not host:port or \[address\]:port/],
    ['endpoint=[::1:4000', /is not host:port/],
    ['endpoint=[name]:4000', /is not host:port/],
    ['endpoint=[::1]:70000', /is not host:port/],
    [
      'endpoint=[::1]:4000|interface=10.0.0.1',
      /no local address matches interface=10.0.0.1; there are 2001:db8::1/,
    ],
    [
      'endpoint=10.0.0.7:4000|interface=[::1]',
      /no local address matches interface=\[::1\]; there are 10.0.0.1/,
    ],
    ['endpoint=[::1]:4000|interface=[2001:db9::]/32', /no local address matches/],
    ['endpoint=[::1]:4000|interface=[::]/129', /interface=\[::\]\/129 is not/],
  ] as const) {
    const { errorCode, message: said } = only(
      bench.call({ ...PUBLISH, channel: `aeron:udp?${parameters}` }).events,
      'error',
    );
    assert.equal(errorCode, ErrorCode.INVALID_CHANNEL, parameters);
    assert.match(said, message);
  }
});
