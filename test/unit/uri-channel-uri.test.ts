import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelUri } from '../../src/uri/channel-uri.ts';
import { AeronError } from '../../src/util/errors.ts';

function isInvalid(why: RegExp) {
  return (error: unknown) =>
    error instanceof AeronError && error.code === 'INVALID_CHANNEL' && why.test(error.message);
}

test('a channel is taken apart', () => {
  const uri = ChannelUri.parse('aeron:udp?endpoint=localhost:20121|term-length=64k|alias=a=b:c?d');
  assert.equal(uri.prefix, '');
  assert.equal(uri.media, 'udp');
  assert.equal(uri.get('endpoint'), 'localhost:20121');
  assert.equal(uri.get('term-length'), '64k');
  assert.equal(uri.get('alias'), 'a=b:c?d');
  assert.equal(uri.get('term'), undefined);
  assert.equal(uri.has('endpoint'), true);
  assert.equal(uri.has('mtu'), false);
});

test('IPC needs no parameters, and spies have a prefix', () => {
  assert.equal(ChannelUri.parse('aeron:ipc').media, 'ipc');
  assert.equal(ChannelUri.parse('aeron:ipc?term-length=64k').get('term-length'), '64k');
  const spy = ChannelUri.parse('aeron-spy:aeron:udp?endpoint=a:1');
  assert.deepEqual([spy.prefix, spy.media, spy.get('endpoint')], ['aeron-spy', 'udp', 'a:1']);
});

test('a channel is put together again in the order of its parameters', () => {
  for (const text of [
    'aeron:ipc',
    'aeron:udp?endpoint=a:1|mtu=1408|unknown=x',
    'aeron-spy:aeron:udp?control=b:2|control-mode=dynamic',
  ]) {
    assert.equal(ChannelUri.parse(text).toString(), text);
  }
  const uri = ChannelUri.parse('aeron:udp?endpoint=a:0|mtu=1408')
    .set('endpoint', 'a:5')
    .set('session-id', '7');
  assert.equal(uri.toString(), 'aeron:udp?endpoint=a:5|mtu=1408|session-id=7');
});

test('what is wrong with a channel is said', () => {
  const wrong: [string, RegExp][] = [
    ['', /must start with 'aeron:'/],
    ['udp://localhost:40123', /must start with 'aeron:'/],
    ['aeron-spy:udp', /must start with 'aeron:'/],
    ['aeron:', /unknown media ''/],
    ['aeron:tcp?endpoint=a:1', /unknown media 'tcp'/],
    ['aeron:udp', /needs parameters/],
    ['aeron:udp?', /'' is not of the form/],
    ['aeron:udp?endpoint', /'endpoint' is not of the form/],
    ['aeron:udp?=a:1', /has no key/],
    ['aeron:udp?endpoint=', /has no value/],
    ['aeron:udp?endpoint=|mtu=1408', /has no value/],
    ['aeron:udp?end|point=a:1', /'end' is not of the form/],
    ['aeron:udp?endpoint=a:1|', /'' is not of the form/],
    ['aeron:ipc?', /'' is not of the form/],
    [`aeron:udp?endpoint=${'a'.repeat(4095)}`, /4114 characters/],
  ];
  for (const [text, why] of wrong) assert.throws(() => ChannelUri.parse(text), isInvalid(why), text);
  const longest = `aeron:udp?endpoint=${'a'.repeat(4095 - 19)}`;
  assert.equal(ChannelUri.parse(longest).toString(), longest);
});

test('a parameter that could not be read again is not set', () => {
  const uri = ChannelUri.parse('aeron:ipc');
  for (const [key, value] of [
    ['', 'x'],
    ['a', ''],
    ['a|b', 'x'],
    ['a=b', 'x'],
    ['a', 'x|y'],
  ] as const) {
    assert.throws(() => uri.set(key, value), isInvalid(/cannot be a channel parameter/));
  }
});
