/**
 * A driver that sleeps on RX interrupts hears of a message from the card, not from the end of its sleep, and leaves its
 * core alone when nothing comes. Argument: how long it sleeps, in milliseconds.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Aeron } from '../../src/client/aeron.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import { MODELS } from '../models.ts';
import { bindBySysfs } from './binding.ts';
import { CARD_A, CARD_B, say, step } from './lab.ts';
import { aeronBypass, PROGRAM } from './nic.ts';
import { directoryOf, type End } from './sides.ts';

const SLEEP_MS = Number(process.argv[2]);
const kind = MODELS.find(({ name }) => name === process.env.LAB_MODEL)?.interruptKind;
const EAL_ARGUMENTS = kind === undefined ? [] : [`--vfio-intr=${kind}`];
const MESSAGES = 60;
const INTERVAL_MS = 250;
/** For what is lost and sent again. */
const LAST_MS = 30_000;
const IDLE_SECONDS = 5;
/** /proc counts processor time in ticks of 10 ms. */
const TICKS_PER_SECOND = 100;
const CHANNEL = 'aeron:udp?endpoint=10.7.0.1:40456|term-length=64k';
const STREAM = 1001;
const a: End = { wire: CARD_A, address: '10.7.0.1' };
const b: End = { wire: CARD_B, address: '10.7.0.2' };

async function startDriver({ wire, address }: End, ...settings: string[]): Promise<ChildProcess> {
  const dir = directoryOf({ wire, address });
  const own = [`-Daeron.dir=${dir}`, `-Daeron.dpdk.local.ipv4.address=${address}/24`];
  const args = [
    PROGRAM,
    'driver',
    '-a',
    wire,
    ...EAL_ARGUMENTS,
    '--',
    ...own,
    '-Daeron.image.liveness.timeout=60s',
  ];
  const child = spawn(process.execPath, [...args, ...settings], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  while (!said.includes('driver ready')) {
    assert.equal(child.exitCode, null, said);
    await sleep(200);
  }
  return child;
}

/** Processor time that a driver's network thread has had, in seconds. */
function networkSeconds({ pid }: ChildProcess): number {
  for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
    const [, name, rest] = /\((.*)\) (.*)/.exec(
      fs.readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1'),
    ) as unknown as [string, string, string];
    const fields = rest.split(' ');
    if (name === 'aeron-network') return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
  throw new Error(`process ${pid} has no thread aeron-network`);
}

const [sleeper, sender] = await step('drivers on both cards, one of which sleeps', async () => {
  for (const { wire } of [a, b]) bindBySysfs(wire, 'vfio-pci');
  return Promise.all([startDriver(a, `-Daeron.dpdk.rx.interrupt.sleep=${SLEEP_MS}ms`), startDriver(b)]);
});

await step('the card has RX interrupts', () => {
  const { stdout } = aeronBypass('errors', '--dir', directoryOf(a));
  assert.doesNotMatch(stdout, /has no RX interrupts/);
});

const clients = await Promise.all([a, b].map((end) => Aeron.connect({ directory: directoryOf(end) })));
const [receiving, sending] = clients as [Aeron, Aeron];

await step(
  `${MESSAGES} messages arrive, one every ${INTERVAL_MS} ms, without waiting for the end of a sleep`,
  async () => {
    const subscription = await receiving.addSubscription(CHANNEL, STREAM);
    const publication = await sending.addExclusivePublication(CHANNEL, STREAM);
    while (!publication.isConnected || !subscription.isConnected) await sleep(10);
    const latencies: number[] = [];
    const message = Buffer.alloc(8);
    const assembler = new FragmentAssembler((buffer, offset) => {
      const sentMs = Buffer.from(buffer.buffer, buffer.byteOffset).readDoubleLE(offset);
      latencies.push(performance.now() - sentMs);
    });
    let arrivals = 0;
    const pollUntil = async (endMs: number): Promise<void> => {
      while (performance.now() < endMs && latencies.length < MESSAGES) {
        if (subscription.poll(assembler.handler, MESSAGES) > 0) arrivals++;
        await sleep(1);
      }
    };
    const startMs = performance.now();
    for (let sent = 0; sent < MESSAGES; sent++) {
      message.writeDoubleLE(performance.now());
      while (publication.offer(message, 0, message.length) < 0) await sleep(1);
      await pollUntil(performance.now() + INTERVAL_MS);
    }
    await pollUntil(performance.now() + LAST_MS);
    const sleeps = (performance.now() - startMs) / SLEEP_MS;
    latencies.sort((x, y) => x - y);
    const [least, median, most] = [0, MESSAGES / 2, MESSAGES - 1].map((i) => latencies[i]?.toFixed(1));
    say(
      `${arrivals} arrivals in the time of ${sleeps.toFixed(0)} sleeps; latency ${least} to ${most} ms, median ${median}`,
    );
    assert.equal(latencies.length, MESSAGES);
    // If nothing else woke it, what came during a sleep would arrive all at once at its end.
    assert.ok(arrivals > 1.5 * sleeps, `${arrivals} arrivals in the time of ${sleeps} sleeps`);
  },
);

await step('a network thread that sleeps leaves its core alone', async () => {
  for (const client of clients) await client.close();
  const before = [sleeper, sender].map(networkSeconds);
  await sleep(IDLE_SECONDS * 1000);
  const [asleep, parked] = [sleeper, sender].map(
    (driver, i) => (networkSeconds(driver) - before[i]!) / IDLE_SECONDS,
  ) as [number, number];
  say(`idle: ${(asleep * 100).toFixed(0)} % of a core asleep, ${(parked * 100).toFixed(0)} % with backoff`);
  assert.ok(asleep < 0.3, `${asleep} of a core`);
});

for (const driver of [sleeper, sender]) driver.kill();
