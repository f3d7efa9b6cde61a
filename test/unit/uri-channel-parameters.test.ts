import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import {
  CHANNEL_PARAMETERS,
  faultOfNumber,
  type NumberKey,
  type ParameterKey,
} from '../../src/uri/channel-parameters.ts';
import { ConductorBench, only } from '../support/conductor-bench.ts';

const PUBLISH = { type: 'addPublication', streamId: 10 } as const;
const SUBSCRIBE = { type: 'addSubscription', streamId: 10, registrationCorrelationId: -1 } as const;
const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';

const parameters = Object.entries(CHANNEL_PARAMETERS) as [ParameterKey, (typeof CHANNEL_PARAMETERS)['mtu']][];

test('what is no number, size, duration or boolean is refused with the name of its parameter', (t) => {
  const bench = new ConductorBench(t);
  let count = 0;
  for (const [key, { kind, of }] of parameters) {
    if (kind === 'text' || kind === 'address') continue;
    const channel = `${UDP}|${key}=nonsense`;
    const request = of === 'subscriptions' ? SUBSCRIBE : PUBLISH;
    const { errorCode, message } = only(bench.call({ ...request, channel }).events, 'error');
    assert.ok(errorCode === ErrorCode.GENERIC_ERROR || errorCode === ErrorCode.INVALID_CHANNEL);
    assert.ok(message.startsWith(`${key}=nonsense`), `${key}: ${message}`);
    count++;
  }
  assert.ok(count > 20);
  assert.equal(bench.network.commands.length, 0);
});

test('numbers are checked against the range that the table gives', () => {
  for (const [key, { kind, min, max, multipleOf }] of parameters) {
    if (kind !== 'int' && kind !== 'size') continue;
    const name = key as NumberKey;
    assert.equal(faultOfNumber(name, max!), null);
    assert.equal(faultOfNumber(name, min!), null);
    assert.match(faultOfNumber(name, max! + 1)!, new RegExp(`^${key}=${max! + 1} `));
    assert.match(faultOfNumber(name, min! - 1)!, new RegExp(`^${key}=${min! - 1} `));
    if (multipleOf !== undefined) assert.match(faultOfNumber(name, min! + 1)!, /not a multiple of/);
  }
  assert.match(faultOfNumber('term-length', 65_536 * 3)!, /not a power of two/);
});

test('a stream id in the channel must be the one that is asked for', (t) => {
  const bench = new ConductorBench(t);
  const channel = 'aeron:ipc?stream-id=11';
  const { message } = only(bench.call({ ...PUBLISH, channel }).events, 'error');
  assert.equal(message, `stream-id=11 does not match provided streamId=10, channel=${channel}`);
  only(bench.call({ ...PUBLISH, channel: 'aeron:ipc?stream-id=10' }).events, 'publicationReady');
});

test('an MTU that no message of the term may have is refused', (t) => {
  const bench = new ConductorBench(t);
  const { message } = only(
    bench.call({ ...PUBLISH, channel: `${UDP}|mtu=16k|term-length=64k` }).events,
    'error',
  );
  assert.match(
    message,
    /^MTU greater than max message length for term length: mtu=16384 maxMessageLength=8192 /,
  );
});
