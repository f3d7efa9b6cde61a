/** Two machines of one card each: namespaces that reach each other through nothing but the drivers' ports. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import { SKIP_WITHOUT_ROOT } from '../support/dpdk.ts';
import { TestProcess } from '../support/processes.ts';
import { createNamespace, setUpInterface, vethLabMissing } from '../support/veth-lab.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/aeron-bypass.js', import.meta.url));
const DEADLINE_MS = 90_000;
const TAP = 'aeron0';
const ADDRESSES = { a: '10.99.0.1', b: '10.99.0.2' } as const;
const LINES = 100_000;
const SERVICE_PORT = 7000;
const STREAM_BYTES = 3_000_000;

/** Sends back what comes, over TCP and UDP. */
const SERVICE = `
const { address, port } = { address: process.argv[1], port: ${SERVICE_PORT} };
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (message, from) => socket.send(message, from.port, from.address)).bind(port, address);
require('node:net').createServer((peer) => peer.on('error', () => {}).pipe(peer))
  .listen(port, address, () => console.log('listening'));
`;

/** Says whether what came back is what was sent. */
const CLIENT = `
const bytes = require('node:crypto').randomBytes(${STREAM_BYTES});
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (message) => (console.log('UDP', message.equals(bytes.subarray(0, 1000))), socket.close()));
socket.send(bytes.subarray(0, 1000), ${SERVICE_PORT}, process.argv[1]);
const peer = require('node:net').connect(${SERVICE_PORT}, process.argv[1], () => peer.end(bytes));
const chunks = [];
peer.on('data', (chunk) => chunks.push(chunk)).on('end', () => console.log('TCP', Buffer.concat(chunks).equals(bytes)));
`;

interface Machine {
  readonly namespace: string;
  readonly directory: string;
  readonly address: string;
}

function run(
  t: TestContext,
  { namespace }: Machine,
  name: string,
  command: string,
  args: readonly string[],
): TestProcess {
  const all = ['netns', 'exec', namespace, command, ...args];
  return TestProcess.start(t, name, 'ip', all, {
    deadlineMs: DEADLINE_MS,
    env: { aeron: `${process.execPath} ${PROGRAM}` },
  });
}

/** Their kernels have the addresses of the drivers too. */
async function startMachines(t: TestContext): Promise<Record<'a' | 'b', Machine>> {
  const folder = mkdtempSync('/dev/shm/aeron-tap-');
  const socketPath = join(folder, 'wire.sock');
  const start = async (role: 'a' | 'b'): Promise<Machine> => {
    const namespace = createNamespace(t);
    const machine = { namespace, directory: join(folder, role), address: ADDRESSES[role] };
    const { ealArguments } = sharedMemoryWire({ role, socketPath, useHugepages: false });
    const driver = run(t, machine, `driver ${role}`, process.execPath, [
      PROGRAM,
      'driver',
      ...ealArguments,
      '--',
      `-Daeron.dir=${machine.directory}`,
      `-Daeron.dpdk.local.ipv4.address=${machine.address}/24`,
      `-Daeron.dpdk.tap=${TAP}`,
    ]);
    await driver.waitForLine('driver ready');
    setUpInterface(namespace, TAP, machine.address);
    return machine;
  };
  const [a, b] = await Promise.all([start('a'), start('b')]);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { a: a!, b: b! };
}

/** The value of a counter, by its label. */
async function counterOf(t: TestContext, machine: Machine, label: string): Promise<number> {
  const output = await run(t, machine, 'stat', process.execPath, [
    PROGRAM,
    'stat',
    '--json',
    '-d',
    machine.directory,
  ]).success();
  const { counters } = JSON.parse(output) as { counters: { label: string; value: number }[] };
  return counters.find((counter) => counter.label === label)!.value;
}

describe('a card that the driver shares with the kernel', {
  skip: SKIP_WITHOUT_ROOT || vethLabMissing(),
}, () => {
  test('carries TCP, UDP and ping of the kernels beside a stream of the drivers, all at one address', async (t) => {
    const { a, b } = await startMachines(t);
    const service = run(t, b, 'service', process.execPath, ['-e', SERVICE, b.address]);
    await service.waitForLine('listening');
    const channel = `-c 'aeron:udp?endpoint=${b.address}:24502' -s 5`;
    const subscriber = run(t, b, 'subscribe', 'sh', [
      '-c',
      `$aeron subscribe --once -d ${b.directory} ${channel} | wc -l`,
    ]);
    const publisher = run(t, a, 'publish', 'sh', [
      '-c',
      `seq 1 ${LINES} | $aeron publish -d ${a.directory} ${channel}`,
    ]);
    const client = await run(t, a, 'client', process.execPath, ['-e', CLIENT, b.address]).success();
    assert.match(client, /^UDP true$/m);
    assert.match(client, /^TCP true$/m);
    // Answered by the driver at b; the answer is the kernel's at a.
    const ping = await run(t, a, 'ping', 'ping', ['-c', '3', '-i', '0.2', '-W', '5', b.address]).success();
    assert.match(ping, /3 packets transmitted, 3 received, 0% packet loss/);
    await publisher.success();
    assert.match(await subscriber.success(), new RegExp(`^${LINES}$`, 'm'));
    assert.ok((await counterOf(t, b, 'DPDK TAP to kernel')) > STREAM_BYTES / 1500);
    assert.ok((await counterOf(t, b, 'DPDK TAP from kernel')) > STREAM_BYTES / 1500);
  });
});
