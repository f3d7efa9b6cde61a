/** Two drivers on two cards of one cable. Argument: `dpdk` or `kernel`, who has the second card. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bindBySysfs } from './binding.ts';
import { CARD_A, CARD_B, interfaceOf, run, say, step } from './lab.ts';

const SIDE = fileURLToPath(new URL('./side.js', import.meta.url));
const MESSAGES = 50_000;
const LIMIT_SECONDS = 420;
const ADDRESS_A = '10.7.0.1';
const ADDRESS_B = '10.7.0.2';
const isPeerKernel = process.argv[2] === 'kernel';

function startSide(name: string, prefix: readonly string[], wire: string, local: string, remote: string) {
  const command = [
    ...prefix,
    process.execPath,
    SIDE,
    wire,
    local,
    remote,
    String(MESSAGES),
    String(LIMIT_SECONDS),
  ];
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  let last = '';
  child.stdout.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) {
      if (line === '') continue;
      last = line;
      say(`${name}: ${line}`);
    }
  });
  return { child, result: resultOf(child, () => last) };
}

async function resultOf(child: ChildProcess, last: () => string): Promise<Record<string, number>> {
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `a side ended with ${code}; it said last: ${last()}`);
  return JSON.parse(last()) as Record<string, number>;
}

await step('bind', () => {
  bindBySysfs(CARD_A, 'vfio-pci');
  if (!isPeerKernel) return bindBySysfs(CARD_B, 'vfio-pci');
  const b = interfaceOf(CARD_B);
  run('ip', 'netns', 'add', 'b');
  run('ip', 'link', 'set', b, 'netns', 'b');
  run('ip', '-n', 'b', 'address', 'add', `${ADDRESS_B}/24`, 'dev', b);
  run('ip', '-n', 'b', 'link', 'set', b, 'up');
  run('ip', '-n', 'b', 'link', 'set', 'lo', 'up');
});

await step(`exchange ${2 * MESSAGES} messages`, async () => {
  const a = startSide('A', [], CARD_A, ADDRESS_A, ADDRESS_B);
  const b = isPeerKernel
    ? startSide('B', ['ip', 'netns', 'exec', 'b'], 'kernel', ADDRESS_B, ADDRESS_A)
    : startSide('B', [], CARD_B, ADDRESS_B, ADDRESS_A);
  for (const { result } of [a, b]) {
    const { seconds: _, ...counts } = await result;
    assert.deepEqual(counts, {
      sent: MESSAGES,
      received: MESSAGES,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      corrupted: 0,
    });
  }
});
