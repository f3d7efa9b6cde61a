import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CARD_A, CARD_B, driverOf, interfaceOf, MANAGEMENT, OUT, run, say } from './lab.ts';

/** Outlives the guest, as /var does on a real machine. */
export const STATE: string = `${OUT}/nic.json`;

/** `aeron-bypass`. */
export const PROGRAM: string = fileURLToPath(new URL('../../../bin/aeron-bypass.js', import.meta.url));
const LIMIT_MS = 120_000;

export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `aeron-bypass` to its end. */
export function aeronBypass(...args: string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
  say(`aeron-bypass ${args.join(' ')}: ${status}\n${stdout}${stderr}`);
  return { status, stdout, stderr };
}

/** Runs `aeron-bypass nic …` that is to succeed. */
export function nic(command: string, ...args: string[]): string {
  const state = command === 'list' ? [] : ['--state', STATE];
  const { status, stdout, stderr } = aeronBypass('nic', command, ...state, ...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Runs `aeron-bypass nic …` that is to be refused, in one sentence or two that say why. */
export function nicRefused(why: RegExp, command: string, ...args: string[]): void {
  const said = aeronBypass('nic', command, '--state', STATE, ...args);
  refused(why, said);
}

/** Checks that a program failed with one line, which says why, and no stack trace. */
export function refused(why: RegExp, { status, stderr }: Said): void {
  assert.notEqual(status, 0, 'it was to fail');
  assert.notEqual(status, null, 'it did not end');
  assert.match(stderr, why);
  assert.doesNotMatch(stderr, /^ {4}at /m);
}

/** Gives every card the configuration of a machine in use. */
export function configure(): void {
  const [a, b, management] = [CARD_A, CARD_B, MANAGEMENT].map(interfaceOf) as [string, string, string];
  run('ip', 'link', 'set', a, 'mtu', '1400');
  for (const [name, address] of [
    [a, '10.7.0.1/24'],
    [b, '10.8.0.2/24'],
    [management, '10.9.0.3/24'],
  ] as const) {
    run('ip', 'address', 'add', address, 'dev', name);
    run('ip', 'link', 'set', name, 'up');
  }
  run('ip', 'route', 'add', '10.77.0.0/16', 'via', '10.7.0.254');
  run('ip', 'route', 'add', 'default', 'via', '10.9.0.1');
}

/** All that the kernel knows of a card that somebody configured. `null`: the card is not the kernel's. */
export function configurationOf(pci: string): object | null {
  const name = interfaceOf(pci);
  if (name === '') return null;
  const [link] = JSON.parse(run('ip', '-j', 'address', 'show', 'dev', name)) as [Link];
  const routes = JSON.parse(run('ip', '-j', 'route', 'show', 'dev', name)) as {
    dst: string;
    gateway?: string;
  }[];
  return {
    driver: driverOf(pci),
    name,
    mac: link.address,
    mtu: link.mtu,
    isUp: link.flags.includes('UP'),
    addresses: link.addr_info
      .filter(({ scope }) => scope !== 'link')
      .map((one) => `${one.local}/${one.prefixlen}`),
    routes: routes.map(({ dst, gateway }) => `${dst} ${gateway ?? ''}`).sort(),
  };
}

interface Link {
  readonly address: string;
  readonly mtu: number;
  readonly flags: string[];
  readonly addr_info: { local: string; prefixlen: number; scope: string }[];
}
