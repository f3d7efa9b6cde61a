/** `aeron-bypass doctor --peer` against an official driver: its receiver takes the setup frame, and says no otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probePeer, startSubscriber } from '../support/peer-probe.ts';
import { createVethLab, runAt, vethLabMissing } from '../support/veth-lab.ts';
import { startDriver } from './drivers.ts';

const PORT = 24_700;
const STREAM = 1001;

test('should find the way to a receiver of an official driver, and that nobody takes another stream', {
  skip: vethLabMissing(),
}, async (t) => {
  const { bare, kernel: peer } = createVethLab(t);
  runAt(bare, 'ip', 'address', 'add', `${bare.address}/24`, 'dev', bare.interfaceName);
  const { directory } = await startDriver(t, 'official', { namespace: peer.namespace });
  const channel = `aeron:udp?endpoint=${peer.address}:${PORT}`;
  const subscriber = await startSubscriber(t, peer.namespace, channel, STREAM, directory);
  const there = `${peer.address}:${PORT}`;
  const found = await probePeer(t, bare.namespace, there);
  assert.equal(found.failedLayer, null, found.of('Aeron')?.what);
  await subscriber.waitForLine('image came');
  await subscriber.waitForLine('image went');
  const other = await probePeer(t, bare.namespace, there, ['--stream', '7']);
  assert.equal(other.failedLayer, 'Aeron');
  assert.match(other.of('Aeron')!.what, /no status message .* for stream 7/);
});
