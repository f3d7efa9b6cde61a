import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { ConductorBench, only } from '../support/conductor-bench.ts';

const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';
const PUBLISH = { type: 'addPublication', streamId: 10 } as const;
const EXCLUSIVE = { type: 'addExclusivePublication', streamId: 10 } as const;
const SUBSCRIBE = { type: 'addSubscription', streamId: 10, registrationCorrelationId: -1 } as const;

function refusal(bench: ConductorBench, request: Parameters<ConductorBench['call']>[0]): [number, string] {
  const { errorCode, message } = only(bench.call(request).events, 'error');
  return [errorCode, message];
}

test('a channel of a tag alone means the endpoint of that tag', (t) => {
  const bench = new ConductorBench(t);
  const first = only(bench.call({ ...PUBLISH, channel: `${UDP}|tags=1001` }).events, 'publicationReady');
  const second = only(
    bench.call({ ...PUBLISH, streamId: 11, channel: 'aeron:udp?tags=1001' }).events,
    'publicationReady',
  );
  assert.equal(second.channelStatusCounterId, first.channelStatusCounterId);
  assert.equal(bench.network.all('addSendEndpoint').length, 1);
  assert.equal(bench.network.last('addNetworkPublication').publication.remotePort, 24325);

  only(bench.call({ ...SUBSCRIBE, channel: `${UDP}|tags=1001` }).events, 'subscriptionReady');
  only(
    bench.call({ ...SUBSCRIBE, streamId: 12, channel: 'aeron:udp?tags=1001' }).events,
    'subscriptionReady',
  );
  assert.equal(bench.network.all('addReceiveEndpoint').length, 1);
});

test('a tag shares an endpoint whose port the system chose', (t) => {
  const bench = new ConductorBench(t);
  const wildcard = 'aeron:udp?endpoint=127.0.0.1:0|tags=7';
  bench.call({ ...SUBSCRIBE, channel: wildcard });
  bench.call({ ...SUBSCRIBE, streamId: 11, channel: wildcard });
  bench.call({ ...SUBSCRIBE, streamId: 12, channel: 'aeron:udp?tags=7' });
  assert.equal(bench.network.all('addReceiveEndpoint').length, 1);
  bench.call({ ...SUBSCRIBE, streamId: 13, channel: 'aeron:udp?endpoint=127.0.0.1:0|tags=8' });
  assert.equal(bench.network.all('addReceiveEndpoint').length, 2);
});

test('the same address with another tag, or with none where there is one, is as with the official driver', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...PUBLISH, channel: `${UDP}|tags=1` });
  bench.call({ ...PUBLISH, streamId: 11, channel: UDP });
  assert.equal(bench.network.all('addSendEndpoint').length, 1, 'an address without a tag is enough');
  bench.call({ ...PUBLISH, streamId: 12, channel: `${UDP}|tags=2` });
  assert.equal(bench.network.all('addSendEndpoint').length, 2, 'another tag is another endpoint');
});

test('what a tag clashes with is said', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...PUBLISH, channel: `${UDP}|tags=1` });
  const other = 'aeron:udp?endpoint=127.0.0.1:24326|tags=1';
  assert.deepEqual(refusal(bench, { ...PUBLISH, channel: other }), [
    ErrorCode.GENERIC_ERROR,
    `matching tag=1 has mismatched endpoint or control: ${other} <> ${UDP}|tags=1`,
  ]);
  assert.deepEqual(refusal(bench, { ...PUBLISH, channel: 'aeron:udp?tags=9' }), [
    ErrorCode.INVALID_CHANNEL,
    'URI must have explicit control, endpoint, or be manual control-mode when original: channel=aeron:udp?tags=9',
  ]);
  for (const tags of ['x', '-1', '1,y', '1,2,3', ',', '99999999999999999']) {
    const [errorCode, message] = refusal(bench, { ...PUBLISH, channel: `${UDP}|tags=${tags}` });
    assert.equal(errorCode, ErrorCode.INVALID_CHANNEL);
    assert.match(message, /has an invalid tag/);
  }
});

test('a spy may name its publication by tag', (t) => {
  const bench = new ConductorBench(t);
  const spy = bench.call({ ...SUBSCRIBE, channel: 'aeron-spy:aeron:udp?tags=5' });
  const { events } = bench.call({ ...PUBLISH, channel: `${UDP}|tags=5` });
  assert.equal(only(events, 'availableImage').subscriptionRegistrationId, spy.correlationId);
});

for (const [media, one, two] of [
  ['a network', UDP, 'aeron:udp?endpoint=127.0.0.1:24326'],
  ['an IPC', 'aeron:ipc?alias=one', 'aeron:ipc?alias=two'],
] as const) {
  test(`session-id=tag: takes over session and lengths of ${media} publication`, (t) => {
    const bench = new ConductorBench(t);
    const tagged = only(
      bench.call({ ...EXCLUSIVE, channel: `${one}|tags=1,77|mtu=2048|term-length=128k` }).events,
      'exclusivePublicationReady',
    );
    const log = LogBuffers.map(tagged.logFileName);
    t.after(() => log.close());
    const same = { ...EXCLUSIVE, streamId: 11 };
    const second = only(
      bench.call({ ...same, channel: `${two}|session-id=tag:77` }).events,
      'exclusivePublicationReady',
    );
    assert.equal(second.sessionId, tagged.sessionId);
    const other = LogBuffers.map(second.logFileName);
    t.after(() => other.close());
    assert.deepEqual([other.mtu, other.termLength], [2048, 131_072]);

    for (const [parameter, value] of [
      ['mtu', 4096],
      ['term-length', 65_536],
    ] as const) {
      const channel = `${two}|session-id=tag:77|${parameter}=${value}`;
      const [, message] = refusal(bench, { ...same, streamId: 12, channel });
      assert.match(message, new RegExp(`^${parameter}=${value} does not match session-id tag value`));
    }
    const unknown = `${two}|session-id=tag:78`;
    assert.deepEqual(refusal(bench, { ...same, channel: unknown }), [
      ErrorCode.INVALID_CHANNEL,
      `session-id=tag:78 must reference ${media} publication: channel=${unknown}`,
    ]);
    const [errorCode, message] = refusal(bench, { ...same, channel: `${two}|tags=2,77` });
    assert.equal(errorCode, ErrorCode.INVALID_CHANNEL);
    assert.match(message, /^77 entityTag already in use: existingChannel=/);
  });
}
