import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { completeEalArguments } from '../../src/device/dpdk/eal.ts';
import { freeHugepageBytes, reserveHugepages } from '../../src/device/dpdk/hugepages.ts';
import { type BypassConfig, openBypassTransport } from '../../src/transport/bypass/open-bypass-transport.ts';
import { ADDRESS_A } from '../support/bypass-pair.ts';
import { SKIP_WITHOUT_DPDK, virtualEal } from '../support/dpdk.ts';

const EAL = new URL('../../src/device/dpdk/eal.js', import.meta.url).href;
const WORKER = new URL('../support/bypass-worker.js', import.meta.url);
const run = promisify(execFile);

/** Initialises EAL twice in a fresh process; returns both errors' codes and the first one's message. */
async function initialise(...ealArguments: string[]): Promise<{ codes: string[]; message: string }> {
  const program = `
    import { initialiseEal } from '${EAL}';
    const errors = [];
    for (let i = 0; i < 2; i++) {
      try {
        initialiseEal(${JSON.stringify(ealArguments)});
      } catch (error) {
        errors.push(error);
      }
    }
    console.log('\\n' + JSON.stringify({ codes: errors.map((e) => e.code), message: errors[0]?.message ?? '' }));
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

describe('EAL', { skip: SKIP_WITHOUT_DPDK }, () => {
  test('is initialised once, and joined with the same arguments', async () => {
    assert.deepEqual(await initialise(...virtualEal('net_null0')), { codes: [], message: '' });
  });

  test('says what was wrong with its arguments, and that it has one try', async () => {
    const { codes, message } = await initialise(...virtualEal('net_null0'), '--lcores=0@(5000)');
    assert.deepEqual(codes, ['DPDK_INIT', 'DPDK_INIT']);
    assert.match(message, /EAL refused ".*--lcores=0@\(5000\).*": rte_eal_init: /);
    assert.match(message, /EAL: /, 'the log is there');
  });

  test('names missing hugepages', {
    skip: freeHugepageBytes() > 0 ? 'nothing to test: there are hugepages' : false,
  }, async () => {
    const { codes, message } = await initialise('--no-pci');
    assert.equal(codes[0], 'DPDK_NO_HUGEPAGES');
    assert.match(message, /sysctl vm\.nr_hugepages=64/);
  });

  test('gets what its arguments leave open, and nothing twice', () => {
    const added = completeEalArguments([]);
    assert.match(added[0]!, /^--lcores=0@\([\d,-]+\)$/);
    assert.deepEqual(added.slice(1), ['--in-memory', '--no-telemetry']);
    assert.deepEqual(completeEalArguments(['-l', '3', '--no-huge', '--telemetry']), [
      '-l',
      '3',
      '--no-huge',
      '--telemetry',
    ]);
    assert.deepEqual(completeEalArguments(['-l0', '--file-prefix=x', '--no-telemetry']).length, 3);
  });

  test('does not ask for more hugepages than the machine can spare', () => {
    const before = freeHugepageBytes();
    const { reserved, reason } = reserveHugepages(1e9);
    assert.equal(reserved, false);
    assert.match(reason, /hugepages of 2 MiB/);
    assert.equal(freeHugepageBytes(), before);
  });
});

describe('a transport on a worker', { skip: SKIP_WITHOUT_DPDK }, () => {
  const config: BypassConfig = {
    ealArguments: virtualEal('net_null0'),
    portId: 0,
    localAddress: ADDRESS_A,
    prefixLength: 24,
    gatewayAddress: 0,
    mtu: 1500,
    rxQueueSize: 512,
    txQueueSize: 512,
  };

  test('opens its port again on other threads, after an orderly end and after none', async () => {
    for (let i = 0; i < 6; i++) {
      const worker = new Worker(WORKER, { workerData: config });
      assert.deepEqual(await once(worker, 'message'), ['net_null']);
      assert.throws(() => openBypassTransport(config, new SimulatedClock()), { code: 'DPDK_PORT_BUSY' });
      const exited = once(worker, 'exit');
      if (i % 2 === 0) worker.postMessage('close');
      else await worker.terminate();
      await exited;
    }
    openBypassTransport(config, new SimulatedClock()).close();
  });
});
