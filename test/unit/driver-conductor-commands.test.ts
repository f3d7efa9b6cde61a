import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { UNSUPPORTED_PARAMETERS } from '../../src/driver/conductor/unsupported.ts';
import { ConductorBench, only } from '../support/conductor-bench.ts';

const SUBSCRIBE = { type: 'addSubscription', registrationCorrelationId: -1, streamId: 10 } as const;
const PUBLISH = { type: 'addPublication', streamId: 10 } as const;
const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';

test('should refuse what this version lacks with one clear sentence', (t) => {
  const bench = new ConductorBench(t);
  const seen = new Set<string>();
  for (const [request, channel] of [[PUBLISH, `${UDP}|ats=true`]] as const) {
    const { correlationId, events } = bench.call({ ...request, channel });
    const error = only(events, 'error');
    assert.equal(error.offendingCorrelationId, correlationId);
    assert.equal(error.errorCode, ErrorCode.NOT_SUPPORTED, channel);
    assert.ok(error.message.endsWith(` channel=${channel}`));
    seen.add(error.message.slice(0, -` channel=${channel}`.length));
  }
  const sentences = UNSUPPORTED_PARAMETERS.map(({ sentence }) => sentence);
  assert.deepEqual([...seen].sort(), sentences.sort());
  assert.equal(bench.network.commands.length, 0);
});

test('should take parameters that say what is so anyway, and keys that nobody knows', (t) => {
  const bench = new ConductorBench(t);
  only(
    bench.call({ ...SUBSCRIBE, channel: `${UDP}|tether=true|group=false|cc=static|alias=x|ttl=3|foo=bar` })
      .events,
    'subscriptionReady',
  );
  only(
    bench.call({ ...PUBLISH, channel: `${UDP}|fc=max|ssc=true|eos=false|ats=false` }).events,
    'publicationReady',
  );
});

test('should answer malformed commands where it can, and log all of them', (t) => {
  const bench = new ConductorBench(t);
  const command = Buffer.alloc(24);
  command.writeBigInt64LE(100n, 0);
  command.writeBigInt64LE(4711n, 8);
  command.writeInt32LE(1000, 20);
  bench.sendBytes(0x01, command);
  const malformed = only(bench.run(), 'error');
  assert.equal(malformed.errorCode, ErrorCode.MALFORMED_COMMAND);
  assert.equal(malformed.offendingCorrelationId, 4711);
  bench.sendBytes(0x77, command);
  assert.equal(only(bench.run(), 'error').errorCode, ErrorCode.UNKNOWN_COMMAND_TYPE_ID);
  bench.sendBytes(0x01, command.subarray(0, 12));
  assert.deepEqual(bench.run(), []);
  assert.equal(bench.errorLog().length, 3);
  assert.equal(bench.systemCounter(15), 3);
  only(bench.call({ ...PUBLISH, channel: 'aeron:ipc' }).events, 'publicationReady');
});

test('should refuse an id that the client has given to another resource', (t) => {
  const bench = new ConductorBench(t);
  for (const [request, ready] of [
    [{ ...PUBLISH, channel: 'aeron:ipc' }, 'publicationReady'],
    [{ ...SUBSCRIBE, channel: UDP }, 'subscriptionReady'],
  ] as const) {
    const { correlationId, events } = bench.call(request);
    only(events, ready);
    bench.sendAs(request, correlationId);
    assert.match(
      only(bench.run(), 'error').message,
      new RegExp(`^correlation id ${correlationId} is in use`),
    );
  }
});

test('should log what the network agent reports', (t) => {
  const bench = new ConductorBench(t);
  bench.network.emit({ kind: 'error', code: ErrorCode.GENERIC_ERROR, message: 'something broke' });
  bench.run();
  assert.deepEqual(bench.errorLog(), ['(11) something broke']);
});

test('should cut error texts to what fits into an event', (t) => {
  const bench = new ConductorBench(t);
  const channel = `aeron:udp?endpoint=${'x'.repeat(4000)}:1|mtu=1`;
  only(bench.call({ ...PUBLISH, channel }).events, 'error');
});

test('should send to a group at its odd address, and listen to receivers at the next one', (t) => {
  const bench = new ConductorBench(t, { socketMulticastTtl: 4 });
  const channel = 'aeron:udp?endpoint=224.20.30.39:4000|interface=10.0.0.0/24';
  only(bench.call({ ...PUBLISH, channel }).events, 'publicationReady');
  only(bench.call({ ...SUBSCRIBE, channel: `${channel}|ttl=300|gtag=-2` }).events, 'subscriptionReady');
  const [data, control] = [0xe0141e27 | 0, 0xe0141e28 | 0];
  const membership = { interfaceAddress: 0x0a000001, interfaceIndex: 0 };
  assert.deepEqual(bench.network.last('addSendEndpoint').options, {
    localAddress: 0,
    localPort: 4000,
    remoteAddress: data,
    remotePort: 4000,
    multicast: { ...membership, groupAddress: control, ttl: 4 },
    receiveBufferLength: 131_072,
    sendBufferLength: 0,
  });
  const { options, receiver } = bench.network.last('addReceiveEndpoint');
  assert.deepEqual(options, {
    localAddress: 0,
    localPort: 4000,
    remoteAddress: 0,
    remotePort: 0,
    multicast: { ...membership, groupAddress: data, ttl: 255 },
    receiveBufferLength: 131_072,
    sendBufferLength: 0,
  });
  assert.deepEqual(receiver, {
    control: { address: control, port: 4000 },
    groupTag: { low: -2, high: -1 },
  });
  const { publication } = bench.network.last('addNetworkPublication');
  assert.equal(publication.isGroup, true);
  assert.equal(publication.ttl, 4);
});

test('should count the last octet of a group only, as official drivers do', (t) => {
  const bench = new ConductorBench(t);
  only(
    bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=224.20.30.255:4000' }).events,
    'subscriptionReady',
  );
  const { receiver } = bench.network.last('addReceiveEndpoint');
  assert.deepEqual(receiver!.control, { address: 0xe0141e00 | 0, port: 4000 });
});

test('should share an endpoint of a group by address, port and interface', (t) => {
  const bench = new ConductorBench(t);
  const endpoints = (): number => bench.network.all('addReceiveEndpoint').length;
  for (const [channel, count] of [
    ['aeron:udp?endpoint=224.20.30.39:4000', 1],
    ['aeron:udp?endpoint=224.20.30.39:4000|interface=10.0.0.1|ttl=7', 1],
    ['aeron:udp?endpoint=224.20.30.39:4000|interface={eth0}', 1],
    ['aeron:udp?endpoint=224.20.30.39:4001', 2],
    ['aeron:udp?endpoint=224.20.30.41:4000', 3],
  ] as const) {
    only(bench.call({ ...SUBSCRIBE, channel }).events, 'subscriptionReady');
    assert.equal(endpoints(), count, channel);
  }
});

test('should refuse channels of groups that cannot be, and say what can', (t) => {
  const bench = new ConductorBench(t);
  for (const [channel, expected] of [
    [
      'aeron:udp?endpoint=224.20.30.40:4000',
      /^Multicast data address must be odd: 224\.20\.30\.40; send to /,
    ],
    ['aeron:udp?endpoint=224.20.30.39:0', /needs a port/],
    ['aeron:udp?endpoint=224.20.30.39:4000|ttl=-1', /^ttl=-1 is not a number from 0 to 255/],
    ['aeron:udp?endpoint=224.20.30.39:4000|interface=10.9.0.0/16', /there are 10\.0\.0\.1 \(\{eth0\}\)/],
    ['aeron:udp?endpoint=224.20.30.39:4000|interface={eth7}', /no local address matches interface=\{eth7\}/],
  ] as const) {
    const error = only(bench.call({ ...SUBSCRIBE, channel }).events, 'error');
    assert.equal(error.errorCode, ErrorCode.INVALID_CHANNEL);
    assert.match(error.message, expected);
  }
  for (const [channel, expected] of [
    [`${UDP}|group=perhaps`, /^group=perhaps: expected true, false or infer/],
    [`${UDP}|gtag=9223372036854775808`, /^gtag=9223372036854775808: expected a 64-bit integer/],
  ] as const) {
    const error = only(bench.call({ ...SUBSCRIBE, channel }).events, 'error');
    assert.equal(error.errorCode, ErrorCode.GENERIC_ERROR);
    assert.match(error.message, expected);
  }
});
