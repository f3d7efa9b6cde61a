import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { TAP_FROM_KERNEL, TAP_TO_KERNEL } from '../../src/transport/bypass/bypass-statistics.ts';
import { TapThroughDevice } from '../../src/transport/bypass/tap-through-device.ts';
import { runGcGate } from '../support/gc-gate.ts';

const BYTES_MAX = 64 * 1024;

test('frames of the kernel make no garbage on their way past the driver', () => {
  const clock = new SimulatedClock();
  const [card, peer] = SimulatedDevice.pair();
  const [tap, kernel] = SimulatedDevice.pair({ mtu: 1500, ringLength: 256, macLow: 0x11 });
  const device = new TapThroughDevice(card, tap, [0x0a000001], clock);
  const counts = new Float64Array(20);
  device.attach({ hasEndpointAt: (_address, port) => port === 9 }, counts);
  const packet = `0800${'450000280000000040060000'}0a0000020a000001${'00'.repeat(20)}`;
  const inbound = Buffer.from(`020000000001020000000002${packet}`, 'hex');
  const outbound = Buffer.from(`020000000002020000000011${packet}`, 'hex');
  const { collections, bytesAllocated, steps } = runGcGate({
    warmUpMs: 1_000,
    measureMs: 3_000,
    step: () => {
      clock.nanoTime += 100_000;
      card.inject(inbound);
      tap.inject(outbound);
      device.receive();
      peer.receive();
      kernel.receive();
    },
  });
  assert.equal(collections, 0);
  assert.ok(bytesAllocated < BYTES_MAX, `${bytesAllocated} bytes in ${steps} steps`);
  assert.ok(counts[TAP_TO_KERNEL]! > steps && counts[TAP_FROM_KERNEL]! > steps);
});
