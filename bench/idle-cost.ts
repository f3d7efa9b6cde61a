/**
 * What an idle network thread costs, and what that saves costs the next message: `node dist/bench/idle-cost.js [SECONDS]`.
 *
 * A driver that owns a DPDK port idles in one way after the other. This process, on the other core, has the driver at the
 * other end of the wire and sends it messages; it looks at the receiving driver's logs as a client. So a latency is that of
 * one way: from offer() to poll().
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Aeron } from '../src/client/aeron.ts';
import { FragmentAssembler } from '../src/client/fragment-assembler.ts';
import { sharedMemoryWire } from '../src/device/dpdk/shared-memory-wire.ts';
import { loadConfiguration } from '../src/driver/configuration.ts';
import { MediaDriver } from '../src/driver/media-driver.ts';
import { shm } from '../src/native/addons.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/aeron-bypass.js', import.meta.url));
const SECONDS = Number(process.argv[2] ?? 5);
/** /proc counts processor time in ticks of 10 ms. */
const TICKS_PER_SECOND = 100;
/** The faster first: it warms the code up for the other. */
const PER_SECOND = [5000, 100];
const CHANNEL = 'aeron:udp?endpoint=10.0.0.1:40456|term-length=1m';
const STREAM = 1001;

const STRATEGY = '-Daeron.sharednetwork.idle.strategy';
const SLEEP = '-Daeron.dpdk.rx.interrupt.sleep';
const POLICIES: Readonly<Record<string, readonly string[]>> = {
  'spin (noop)': [`${STRATEGY}=noop`],
  'pause (spin)': [`${STRATEGY}=spin`],
  'park to 1 ms (backoff)': [`${STRATEGY}=backoff`],
  'sleep on RX interrupts, 1 ms': [`${SLEEP}=1ms`],
  'sleep on RX interrupts, 100 ms': [`${SLEEP}=100ms`],
};

const folder = mkdtempSync('/dev/shm/aeron-idle-');
const socketPath = join(folder, 'wire.sock');
const wire = (role: 'a' | 'b'): string[] =>
  sharedMemoryWire({ role, socketPath, useHugepages: false }).ealArguments;

async function startReceiver(settings: readonly string[]): Promise<ChildProcess> {
  const own = [`-Daeron.dir=${join(folder, 'a')}`, '-Daeron.dpdk.local.ipv4.address=10.0.0.1/24'];
  const threads = ['-Daeron.threading.mode=SHARED_NETWORK', '-Daeron.sender.cpu.affinity=0'];
  const args = [PROGRAM, 'driver', ...wire('a'), '--', ...own, ...threads, ...settings];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** Processor time that the driver's network thread has had, in seconds. */
function networkSeconds({ pid }: ChildProcess): number {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const [, name, rest] = /\((.*)\) (.*)/.exec(
      readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1'),
    ) as unknown as [string, string, string];
    const fields = rest.split(' ');
    if (name === 'aeron-network') return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
  throw new Error(`process ${pid} has no thread aeron-network`);
}

/** The part of a core that the network thread takes while `work` is done. */
async function partOfCore(receiver: ChildProcess, work: () => void | Promise<void>): Promise<string> {
  const [start, before] = [performance.now(), networkSeconds(receiver)];
  await work();
  const part = (networkSeconds(receiver) - before) / ((performance.now() - start) / 1000);
  return `${(part * 100).toFixed(1)} %`;
}

function percentiles(latencies: number[]): string {
  latencies.sort((a, b) => a - b);
  const at = (part: number): string =>
    (latencies[Math.floor(part * (latencies.length - 1))]! * 1000).toFixed(1);
  return `p50 ${at(0.5)} µs, p99 ${at(0.99)} µs`;
}

let sender: MediaDriver | null = null;

async function measure(name: string, settings: readonly string[]): Promise<void> {
  const starting = startReceiver(settings);
  sender ??= await MediaDriver.launch(
    loadConfiguration({
      env: {},
      args: [
        ...wire('b'),
        '--',
        `-Daeron.dir=${join(folder, 'b')}`,
        '-Daeron.dpdk.local.ipv4.address=10.0.0.2/24',
        '-Daeron.threading.mode=INVOKER',
      ],
    }),
  );
  const driver = sender;
  let isWaiting = true;
  void starting.finally(() => {
    isWaiting = false;
  });
  while (isWaiting) {
    driver.doWork();
    await sleep(1);
  }
  const receiver = await starting;
  const receiving = await Aeron.connect({ directory: join(folder, 'a'), useConductorInvoker: true });
  const sending = await Aeron.connect({ directory: driver.directory, driver, useConductorInvoker: true });
  const adding = receiving.addSubscription(CHANNEL, STREAM);
  let subscription: Awaited<typeof adding> | null = null;
  void adding.then((added) => {
    subscription = added;
  });
  const publication = await sending.addExclusivePublication(CHANNEL, STREAM);
  const turn = (): void => {
    driver.doWork();
    sending.doWork();
    receiving.doWork();
  };
  while (subscription === null || !publication.isConnected) {
    turn();
    await sleep(1);
  }
  const latencies: number[] = [];
  const message = Buffer.alloc(64);
  const assembler = new FragmentAssembler((buffer, offset) => {
    latencies.push(performance.now() - Buffer.from(buffer.buffer, buffer.byteOffset).readDoubleLE(offset));
  });
  const poll = subscription as Awaited<typeof adding>;

  const figures = [
    `idle ${await partOfCore(receiver, async () => {
      const endMs = performance.now() + SECONDS * 1000;
      while (performance.now() < endMs) {
        turn();
        await sleep(10);
      }
    })}`,
  ];
  for (const perSecond of PER_SECOND) {
    latencies.length = 0;
    const part = await partOfCore(receiver, () => {
      const startMs = performance.now();
      for (let i = 0; i < SECONDS * perSecond; i++) {
        message.writeDoubleLE(performance.now());
        while (publication.offer(message, 0, message.length) < 0) turn();
        const nextMs = startMs + ((i + 1) * 1000) / perSecond;
        while (performance.now() < nextMs) {
          turn();
          poll.poll(assembler.handler, 100);
        }
      }
    });
    figures.push(`${perSecond}/s ${part}, ${percentiles(latencies)}`);
  }
  console.log(`${name.padEnd(32)}${figures.join('; ')}`);
  const closed = once(receiver, 'close');
  await sending.close();
  await receiving.close();
  receiver.kill();
  await closed;
}

shm.pin(1);
try {
  for (const [name, settings] of Object.entries(POLICIES)) await measure(name, settings);
  await sender!.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
