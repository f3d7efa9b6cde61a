import { readFileSync, rmSync } from 'node:fs';
import { type DpdkAddon, loadDpdk } from '../../native/dpdk-addon.ts';
import { AeronError, codeOf, messageOf } from '../../util/errors.ts';
import { freeHugepageBytes } from './hugepages.ts';

/** Options that say which CPUs EAL uses, or where its state lies; each turns a default of ours off. */
const LCORE_OPTIONS = ['-l', '-c', '--lcores'];
const STATE_OPTIONS = [
  '--in-memory',
  '--no-huge',
  '--huge-dir',
  '--file-prefix',
  '--proc-type',
  '--no-shconf',
  '--legacy-mem',
];

function gives(ealArguments: readonly string[], options: readonly string[]): boolean {
  return ealArguments.some((argument) =>
    options.some((option) =>
      option.startsWith('--')
        ? argument === option || argument.startsWith(`${option}=`)
        : argument.startsWith(option) && !argument.startsWith('--'),
    ),
  );
}

/** CPUs the calling thread may run on, as `0-3,8`. */
function allowedCpus(): string {
  const status = readFileSync('/proc/thread-self/status', 'latin1');
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0';
}

/**
 * EAL arguments as given, plus what a media driver wants and the arguments leave open: the calling thread is the only
 * lcore and keeps its CPUs (EAL would start a spinning thread per CPU otherwise); nothing is shared with other DPDK
 * processes, so any number of drivers run side by side; no telemetry socket.
 */
export function completeEalArguments(ealArguments: readonly string[]): string[] {
  const complete = [...ealArguments];
  if (!gives(complete, LCORE_OPTIONS)) complete.push(`--lcores=0@(${allowedCpus()})`);
  if (!gives(complete, STATE_OPTIONS)) complete.push('--in-memory');
  if (!gives(complete, ['--telemetry', '--no-telemetry'])) complete.push('--no-telemetry');
  return complete;
}

/** How long a port that listens waits for its peer, and nothing else can run on the thread. */
const PEER_WAIT_MS = 30_000;

/** The Unix socket on which a `net_virtio_user` port among the arguments listens, or `''`. */
function listeningSocketOf(ealArguments: readonly string[]): string {
  const port = ealArguments.find((argument) => /net_virtio_user.*\bserver=1\b/.test(argument));
  return /\bpath=([^,]+)/.exec(port ?? '')?.[1] ?? '';
}

/** Removes a socket that a process which was killed left behind; it would keep a port from listening. */
function removeStaleSocket(path: string): void {
  const isBound = readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .some((line) => line.endsWith(` ${path}`));
  if (!isBound) rmSync(path, { force: true });
}

/**
 * Initialises DPDK for this process, or joins the calling thread to it when it already is, with the same arguments. A port
 * that listens for its peer makes this wait until the peer is there, at most 30 s; then the port is missing.
 *
 * @throws AeronError `DPDK_NO_HUGEPAGES` when none is free and `--no-huge` was not given, `DPDK_ALREADY_INITIALISED`
 * when the process has DPDK with other arguments, `DPDK_INIT` when EAL refuses (with its log), `NATIVE_NOT_BUILT`.
 */
export function initialiseEal(ealArguments: readonly string[]): DpdkAddon {
  const dpdk = loadDpdk();
  const complete = completeEalArguments(ealArguments);
  const listeningSocket = listeningSocketOf(complete);
  if (listeningSocket !== '') removeStaleSocket(listeningSocket);
  try {
    dpdk.initialise(complete, ealArguments.join(' '), listeningSocket, PEER_WAIT_MS);
    return dpdk;
  } catch (error) {
    if (codeOf(error) === 'DPDK_ALREADY_INITIALISED') {
      throw new AeronError(
        'DPDK_ALREADY_INITIALISED',
        `${messageOf(error)}. Use the same EAL arguments for every port of the process, or another process.`,
        { cause: error },
      );
    }
    if (!gives(complete, ['--no-huge']) && freeHugepageBytes() === 0) {
      throw new AeronError(
        'DPDK_NO_HUGEPAGES',
        '0 bytes of hugepages are free, and packet buffers need some. Reserve them ' +
          '("sysctl vm.nr_hugepages=64" for 128 MiB), or give EAL "--no-huge --no-shconf -m 256 --iova-mode=va" to use ' +
          `ordinary pages (virtual devices only). ${messageOf(error)}`,
        { cause: error },
      );
    }
    throw new AeronError(
      'DPDK_INIT',
      `EAL refused "${complete.join(' ')}": ${messageOf(error).trimEnd()}\n` +
        'Correct the arguments and restart: EAL has one try per process.',
      { cause: error },
    );
  }
}
