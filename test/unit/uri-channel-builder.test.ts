import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buildChannel,
  type ChannelParameters,
  type ChannelSpec,
  initialPosition,
  modifyChannel,
} from '../../src/uri/channel-builder.ts';
import { CHANNEL_PARAMETERS } from '../../src/uri/channel-parameters.ts';
import { ChannelUri } from '../../src/uri/channel-uri.ts';
import { AeronError } from '../../src/util/errors.ts';

const isRefused = (error: unknown) =>
  error instanceof AeronError && ['INVALID_CHANNEL', 'INVALID_SIZE', 'INVALID_DURATION'].includes(error.code);

test('a channel is built of typed parameters, in the order they are given', () => {
  const channels: [ChannelSpec, string][] = [
    [{ media: 'ipc' }, 'aeron:ipc'],
    [
      { media: 'udp', endpoint: 'localhost:20121', termLength: 65_536, mtu: 1_408, linger: 1e9, eos: false },
      'aeron:udp?endpoint=localhost:20121|term-length=64k|mtu=1408|linger=1s|eos=false',
    ],
    [{ media: 'ipc', isSpy: true, sessionId: -7 }, 'aeron-spy:aeron:ipc?session-id=-7'],
    [{ media: 'ipc', sessionId: 'tag:5' }, 'aeron:ipc?session-id=tag:5'],
    [{ media: 'udp', controlMode: 'manual' }, 'aeron:udp?control-mode=manual'],
    [
      { media: 'udp', endpoint: 'a:1', gtag: -(2n ** 63n), group: 'infer', channelRcvTsOffset: 'reserved' },
      'aeron:udp?endpoint=a:1|gtag=-9223372036854775808|group=infer|channel-rcv-ts-offset=reserved',
    ],
    [
      { media: 'udp', endpoint: 'a:1', nakDelay: '60us', rcvWnd: '128k', responseCorrelationId: 'prototype' },
      'aeron:udp?endpoint=a:1|nak-delay=60us|rcv-wnd=128k|response-correlation-id=prototype',
    ],
  ];
  for (const [spec, text] of channels) assert.equal(buildChannel(spec), text);
});

test('every parameter a driver reads can be built, and is what it was when it is read again', () => {
  const examples = {
    text: '7',
    address: 'a:1',
    size: 65_536,
    duration: 5_000,
    bool: true,
    int: 7,
    choice: '',
  };
  const printed = { size: '64k', duration: '5us' } as Record<string, string>;
  for (const [key, { kind, values }] of Object.entries(CHANNEL_PARAMETERS)) {
    if (['init-term-id', 'term-id', 'term-offset', 'mtu'].includes(key)) continue;
    const name = key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const value =
      key === 'gtag' || key.endsWith('-offset') || key === 'response-correlation-id'
        ? 7
        : (values?.at(-1) ?? examples[kind]);
    const text = buildChannel({ media: 'ipc', [name]: value } as ChannelSpec);
    assert.equal(ChannelUri.parse(text).get(key), printed[kind] ?? String(value));
  }
});

test('what no driver takes is refused', () => {
  const wrong: ChannelParameters[] = [
    { termLength: 65_537 },
    { termLength: 32_768 },
    { termLength: '2g' },
    { termLength: 'long' },
    { mtu: 1_400 },
    { mtu: 32 },
    { mtu: 65_536 },
    { ttl: -1 },
    { maxResend: 0 },
    { sessionId: 2 ** 31 },
    { linger: -1 },
    { linger: '1 day' },
    { endpoint: 'a:1|mtu=64' },
    { alias: '' },
    { gtag: 2n ** 63n },
    { responseCorrelationId: 0.5 },
    { sessionId: 'tag:x' as 'tag:1' },
    { controlMode: 'automatic' as 'manual' },
    { eos: 'yes' as unknown as boolean },
    { termId: 1 },
    { initTermId: 1, termId: 1, termOffset: 33 },
    { controlMode: 'dynamic' },
    { colour: 'red' } as ChannelParameters,
  ];
  for (const parameters of wrong) {
    assert.throws(
      () => buildChannel({ media: 'ipc', ...parameters }),
      isRefused,
      JSON.stringify(parameters, String),
    );
  }
  assert.throws(() => buildChannel({ media: 'udp', mtu: 1_408 }), /needs endpoint/);
});

test('a channel is modified: set, changed, removed, and what is unknown kept', () => {
  const channel = 'aeron:udp?endpoint=a:0|colour=red|mtu=1408';
  assert.equal(
    modifyChannel(channel, { endpoint: 'a:5', mtu: null, sessionId: 7 }),
    'aeron:udp?endpoint=a:5|colour=red|session-id=7',
  );
  assert.equal(modifyChannel(channel, {}), channel);
  assert.equal(modifyChannel('aeron-spy:aeron:ipc?mtu=1408', { mtu: null }), 'aeron-spy:aeron:ipc');
  assert.throws(() => modifyChannel(channel, { endpoint: null }), isRefused);
  assert.throws(() => modifyChannel('aeron:tcp', {}), isRefused);
});

test('a stream goes on at the position of an earlier one', () => {
  const parameters = initialPosition(3 * 65_536 + 96, 2_147_483_646, 65_536);
  assert.equal(
    buildChannel({ media: 'ipc', ...parameters }),
    'aeron:ipc?init-term-id=2147483646|term-id=-2147483647|term-offset=96|term-length=64k',
  );
  assert.throws(() => initialPosition(33, 0, 65_536), isRefused);
  assert.throws(() => initialPosition(-32, 0, 65_536), isRefused);
  assert.throws(() => initialPosition(0, 0, 65_535), isRefused);
});
