import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as types from '../../src/cnc/counter-types.ts';

test('every system counter has a label and its own id', () => {
  assert.equal(types.SYSTEM_COUNTERS.length, 46);
  assert.deepEqual(
    Object.values(types.SystemCounter),
    types.SYSTEM_COUNTERS.map(({ id }) => id),
  );
  const label = (id: number) => types.SYSTEM_COUNTERS[id]!.label;
  assert.equal(label(types.SystemCounter.INVALID_PACKETS), 'Invalid packets');
  assert.equal(label(types.SystemCounter.CLIENT_TIMEOUTS), 'Client liveness timeouts');
  assert.equal(label(types.SystemCounter.AERON_VERSION), 'Aeron software');
  assert.equal(label(types.SystemCounter.STATUS_MESSAGES_REJECTED), 'Status Messages rejected');
  assert.equal(types.systemCounterKey(45).toString('hex'), '2d000000');
});

test('labels read as those of official drivers', () => {
  const channel = 'aeron:udp?endpoint=localhost:20121';
  const { name } = types.CONCURRENT_PUBLISHER_POSITION;
  assert.equal(
    types.streamCounterLabel(name, 3, 939271498, 1001, channel),
    'pub-pos (concurrent): 3 939271498 1001 aeron:udp?endpoint=localhost:20121',
  );
  assert.equal(
    types.streamCounterLabel('sub-pos', 4, -9, 1001, 'aeron:ipc', 0),
    'sub-pos: 4 -9 1001 aeron:ipc @0',
  );
  assert.equal(types.channelStatusLabel('rcv-channel', channel), `rcv-channel: ${channel}`);
  assert.equal(
    types.channelStatusLabel('snd-channel', channel, '127.0.0.1:42754'),
    `snd-channel: ${channel} 127.0.0.1:42754`,
  );
  const address = types.localSockaddrLabel('snd-local-sockaddr', 46, '127.0.0.1:42754');
  assert.equal(address, 'snd-local-sockaddr: 46 127.0.0.1:42754');
  assert.equal(types.clientHeartbeatLabel(1), 'client-heartbeat: id=1');
});

test('keys lie in memory as official clients expect them', () => {
  const stream = types.streamCounterKey(0x0100000002, -1, 3, 'ab').toString('hex');
  assert.equal(stream.slice(0, 44), '0200000001000000ffffffff03000000020000006162');
  assert.equal(types.channelStatusKey('ab').toString('hex').slice(0, 12), '020000006162');
  const address = types.localSockaddrKey(46, '1.2.3.4:5').toString('hex');
  assert.equal(address.slice(0, 34), '2e00000009000000312e322e332e343a35');
  assert.equal(types.clientHeartbeatKey(2 ** 33).toString('hex'), '0000000002000000');
});

test('a channel that does not fit in a key is cut', () => {
  const channel = 'x'.repeat(200);
  const keys: [Buffer, number, number][] = [
    [types.streamCounterKey(1, 2, 3, channel), 16, 92],
    [types.channelStatusKey(channel), 0, 108],
    [types.localSockaddrKey(1, channel), 4, 104],
  ];
  for (const [key, offset, length] of keys) {
    assert.equal(key.length, 112);
    assert.equal(key.readInt32LE(offset), length);
    assert.equal(key.toString('latin1', offset + 4), 'x'.repeat(length));
  }
});
