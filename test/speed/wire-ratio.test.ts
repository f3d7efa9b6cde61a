import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWire, type WirePlan, type WireResult } from '../../src/cli/demo/wire-run.ts';
import { dpdkWire, kernelWire } from '../../src/cli/demo/wires.ts';
import { reserveHugepages } from '../../src/device/dpdk/shared-memory-wire.ts';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';

const LENGTHS = { warmUpMs: 1_000, roundTripMs: 200, throughputMs: 1_500, messageLength: 288 };
const ROUNDS = 2;
/** Two processes' packet memory. */
const HUGEPAGES = 256;
/** Measured: 3.1 to 3.3 on two cores, x86-64, Linux 6.18, while others ran. The floor is for any machine. */
const RATIO_MIN = 1.5;

/** A system call or two a burst, and each datagram its own way through the kernel: without UDP GSO. */
async function plainKernelWire(): Promise<WirePlan> {
  const plan = await kernelWire();
  return {
    ...plan,
    sideConfig: (side, folder) => {
      const config = plan.sideConfig(side, folder);
      return { ...config, driverArguments: [...config.driverArguments!, '-Daeron.udp.gso=false'] };
    },
  };
}

test('a DPDK wire carries more than kernel sockets', { skip: SKIP_WITHOUT_DPDK }, async (t) => {
  const useHugepages = reserveHugepages(HUGEPAGES).reserved;
  const best = { dpdk: 0, kernel: 0 };
  // In turns, and the best of each: who else runs on this machine hits either at times.
  for (let round = 0; round < ROUNDS; round++) {
    for (const plan of [dpdkWire(useHugepages), await plainKernelWire()]) {
      const { throughput }: WireResult = await runWire(plan, LENGTHS, () => {});
      const name = plan.name as 'dpdk' | 'kernel';
      best[name] = Math.max(best[name], throughput.messagesPerSecond);
    }
  }
  const ratio = best.dpdk / best.kernel;
  t.diagnostic(`${best.dpdk.toFixed(0)} : ${best.kernel.toFixed(0)} messages/s, ${ratio.toFixed(2)} x`);
  assert.ok(ratio > RATIO_MIN, `${ratio.toFixed(2)} times as many messages as over kernel sockets`);
});
