/** What the harness reads from, and asks of, the machine. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, release, totalmem } from 'node:os';
import { messageOf } from '../src/util/errors.ts';

/** The machine a result was measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  readonly dpdk: string;
  readonly commit: string;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    system: /^PRETTY_NAME="(.*)"$/m.exec(textOf('/etc/os-release'))?.[1] ?? process.platform,
    node: process.version,
    v8: process.versions.v8,
    dpdk: outputOf('pkg-config', ['--modversion', 'libdpdk']) || 'none',
    commit: outputOf('git', ['describe', '--always', '--dirty']) || 'unknown',
  };
}

/** Processor time and memory of a process group. */
export interface Usage {
  readonly userMs: number;
  readonly systemMs: number;
  readonly residentBytes: number;
}

const TICK_MS = 10;
const PAGE_BYTES = Number(outputOf('getconf', ['PAGESIZE'])) || 4096;
/** Fields of /proc/PID/stat, counted from the one after the name. */
const [GROUP, USER, SYSTEM, RESIDENT_PAGES] = [2, 11, 12, 21];

/** Sum over the processes of group `pgid` that are there now. */
export function usageOf(pgid: number): Usage {
  let [userMs, systemMs, residentBytes] = [0, 0, 0];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d/.test(pid)) continue;
    const stat = textOf(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[GROUP!]) !== pgid) continue;
    userMs += Number(fields[USER!]) * TICK_MS;
    systemMs += Number(fields[SYSTEM!]) * TICK_MS;
    residentBytes += Number(fields[RESIDENT_PAGES!]) * PAGE_BYTES;
  }
  return { userMs, systemMs, residentBytes };
}

/** A port of 127.0.0.1 that is free for UDP and for TCP. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = createSocket('udp4');
    const server = createServer();
    try {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      server.listen(socket.address().port, '127.0.0.1');
      await once(server, 'listening');
      return socket.address().port;
    } catch {
      // Taken for TCP: another one.
    } finally {
      socket.close();
      server.close();
    }
  }
  throw new Error('no port of 127.0.0.1 is free for both UDP and TCP');
}

const SOCKET_BUFFER_LIMITS = ['/proc/sys/net/core/rmem_max', '/proc/sys/net/core/wmem_max'];
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** What {@link raiseSocketBufferLimits} did, and how to undo it. */
export interface RaisedLimits {
  /** A sentence. */
  readonly text: string;
  readonly restore: () => void;
}

/** Lets sockets have buffers of 2 MiB (the kernel counts double), where that is allowed (root). */
export function raiseSocketBufferLimits(): RaisedLimits {
  const before = SOCKET_BUFFER_LIMITS.map(textOf);
  const restore = (): void => SOCKET_BUFFER_LIMITS.forEach((path, i) => writeFileSync(path, before[i]!));
  if (before.every((limit) => Number(limit) >= SOCKET_BUFFER_BYTES)) {
    return { text: `net.core.rmem_max and wmem_max are at least ${SOCKET_BUFFER_BYTES}`, restore: () => {} };
  }
  try {
    for (const path of SOCKET_BUFFER_LIMITS) writeFileSync(path, String(SOCKET_BUFFER_BYTES));
    const text = `net.core.rmem_max and wmem_max raised to ${SOCKET_BUFFER_BYTES} for this run (before: ${before.map((limit) => limit.trim()).join(', ')})`;
    return { text, restore };
  } catch (error) {
    const text = `net.core.rmem_max and wmem_max are ${before.map((limit) => limit.trim()).join(', ')}; socket buffers are smaller than asked for (${messageOf(error)})`;
    return { text, restore: () => {} };
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function outputOf(program: string, args: readonly string[]): string {
  const { stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return (stdout ?? '').trim();
}
