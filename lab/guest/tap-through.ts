/**
 * A machine with one card, which its driver has, stays reachable: ping and TCP both ways between its kernel and a host on
 * the cable, both at the driver's address, while drivers exchange messages. A capture shows the frames of both.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CAPTURE } from '../capture-check.ts';
import { bindBySysfs } from './binding.ts';
import { CARD_A, CARD_B, interfaceOf, OUT, ping, run, say, step } from './lab.ts';
import { PROGRAM } from './nic.ts';
import { assertExchanged, directoryOf, type End, kernelEnd, startSide } from './sides.ts';

const MESSAGES = 30_000;
const CAPTURE_SECONDS = 3;
const TAP = 'aeron0';
const PEER = fileURLToPath(new URL('./tcp-peer.js', import.meta.url));
const a: End = { wire: CARD_A, address: '10.7.0.1' };
const b: End = { wire: 'kernel', namespace: 'b', address: '10.7.0.2' };

/** Runs a program, which says first that it is ready, while this one goes on. */
async function start(program: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdout.on('data', (chunk: Buffer) => say(`${args.join(' ')}: ${chunk}`));
  await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
  assert.equal(child.exitCode, null, `${program} ${args.join(' ')} ended with ${child.exitCode}`);
  return child;
}

await step('bind', () => {
  bindBySysfs(CARD_A, 'vfio-pci');
  kernelEnd(b, interfaceOf(CARD_B));
  // As systemd does at boot for what /dev/net/tun stands for.
  run('modprobe', 'tun');
});

const sides = await step('drivers at work, one with a TAP interface', async () => {
  // On a fast machine the messages are through before the last ping, and the TAP interface goes with its driver.
  const started = [
    startSide(a, b, MESSAGES, [`-Daeron.dpdk.tap=${TAP}`], true),
    startSide(b, a, MESSAGES, [], true),
  ];
  while (!started.every(({ lines }) => lines.includes('ready'))) {
    for (const { child } of started) assert.equal(child.exitCode, null, 'a side ended by itself');
    await sleep(200);
  }
  return started;
});

await step('ping from the kernel behind the driver, through the card', () => {
  run('ip', 'address', 'add', `${a.address}/24`, 'dev', TAP);
  run('ip', 'link', 'set', TAP, 'up');
  ping(b.address);
});

await step('TCP both ways through the card, both ends at the address of a driver; capture', async () => {
  const node = process.execPath;
  const peers = await Promise.all([
    start('ip', 'netns', 'exec', 'b', node, PEER, b.address, a.address),
    start(node, PEER, a.address, b.address),
  ]);
  const closed = peers.map((peer) => once(peer, 'close'));
  const file = ['-w', `${OUT}/${CAPTURE}`, '--seconds', String(CAPTURE_SECONDS)];
  const capture = spawn(node, [PROGRAM, 'capture', '--dir', directoryOf(a), ...file], { stdio: 'inherit' });
  assert.deepEqual(await once(capture, 'close'), [0, null]);
  for (const peer of peers) peer.stdin!.end();
  for (const end of closed) assert.deepEqual(await end, [0, null]);
});

await step('the kernel on the cable reaches the machine by ping', () => {
  run('ip', 'netns', 'exec', 'b', 'ping', '-c', '3', '-w', '30', a.address);
});

await step(`meanwhile the drivers exchanged ${2 * MESSAGES} messages`, () =>
  assertExchanged(sides, MESSAGES),
);

await step('the TAP interface is gone with its driver', () => {
  assert.ok(!fs.existsSync(`/sys/class/net/${TAP}`));
});
