import { setTimeout as sleep } from 'node:timers/promises';
import { CounterType } from '../../cnc/counter-types.ts';
import { type CounterInfo, CountersReader } from '../../concurrent/counters.ts';
import { AeronError } from '../../util/errors.ts';
import { CncView } from '../cnc-view.ts';
import { type Command, defineCommand } from '../command.ts';
import { formatCount } from '../format.ts';
import { DIR, JSON_OUTPUT } from '../options.ts';
import { directoryOf } from '../station.ts';

/** Counters of a port that count what was lost or refused, by their labels, and what each of them means. */
const REASONS: Readonly<Record<string, string>> = {
  'DPDK TX no buffers': 'the pool had no buffer to send with',
  'DPDK RX no buffers': 'the pool had no buffer to receive into',
  'DPDK TX EAGAIN': 'the transmit ring was full; tried again',
  'DPDK TX ERROR': 'the card could not send',
  'DPDK RX ERROR': 'frames arrived damaged',
  'DPDK RX missed packets': 'the receive ring was full: the driver was not fast enough',
  'DPDK ARP miss': 'the Ethernet address of the receiver was not known yet, or never',
  'DPDK RX sender discard': 'for a publication, from somebody who is not its receiver',
  'DPDK RX receiver discard': 'nobody listens at that port',
  'DPDK queue drop count': 'another network agent could not take over what was for it',
  'DPDK RX checksum failure': 'IPv4 or UDP checksum wrong',
  'DPDK RX unsupported ethernet type': 'neither IP nor ARP',
  'DPDK RX unsupported protocol': 'IP, but neither UDP, ICMP nor IGMP',
};

const TRAFFIC: readonly string[] = ['DPDK RX packets', 'DPDK RX bytes', 'DPDK TX packets', 'DPDK TX bytes'];
const OTHERS: readonly string[] = [
  'DPDK mempool available',
  'DPDK link changes',
  'DPDK resets',
  'DPDK TX packets from logs',
];

interface Count {
  readonly name: string;
  readonly total: number;
  readonly perSecond: number;
}

interface PortStatistics {
  readonly port: number;
  readonly description: string;
  readonly isLinkUp: boolean;
  readonly traffic: readonly Count[];
  /** Those of the driver's network agents, a queue pair each, where there are several. */
  readonly queues: readonly Count[];
  readonly drops: readonly (Count & { readonly reason: string })[];
  readonly others: readonly Count[];
  /** What the card itself counts, above 0. */
  readonly extended: readonly Count[];
}

export const stat: Command = defineCommand({
  usage: 'nic stat [options]',
  about: `Shows what the DPDK ports of a running driver carry and drop, and why: totals, and what came in a second, one look
after the other until Ctrl-C. The driver brings its counters up to date once a timer interval, which is a second unless it
is set.`,
  options: {
    dir: DIR,
    interval: {
      type: 'integer',
      short: 'i',
      value: 'ms',
      default: 2000,
      min: 100,
      max: 3_600_000,
      help: 'time between two looks',
    },
    once: { type: 'flag', help: 'end after the first interval' },
    json: { ...JSON_OUTPUT, help: 'print JSON, a line an interval' },
  },
  examples: ['aeron-bypass nic stat', 'aeron-bypass nic stat --once --json'],
  takesWords: false,
  run: async ({ dir, interval, once, json }) => {
    const directory = directoryOf(dir);
    const view = new CncView(directory);
    let isStopped = false;
    const stop = (): void => {
      isStopped = true;
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    try {
      let before = countersOf(view);
      let beforeMs = performance.now();
      do {
        await sleep(interval);
        const now = countersOf(view);
        const nowMs = performance.now();
        const ports = portsOf(now, before, (nowMs - beforeMs) / 1000);
        if (ports.length === 0) {
          throw new AeronError(
            'NO_DPDK_PORT',
            `the driver in ${directory} has no DPDK port. Its sockets are the kernel's: "ss -u" and "nstat" show those.`,
          );
        }
        process.stdout.write(json ? `${JSON.stringify({ ports })}\n` : `${ports.map(textOf).join('\n')}\n`);
        before = now;
        beforeMs = nowMs;
      } while (!once && !isStopped);
      return 0;
    } finally {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      view.close();
    }
  },
});

/** The counters that are of interest here, by id and label: an id is used again. */
function countersOf(view: CncView): Map<string, CounterInfo> {
  const cnc = view.current();
  const counters = new Map<string, CounterInfo>();
  new CountersReader(cnc.countersMetadata, cnc.countersValues).forEach((counter) => {
    const { typeId, id, label } = counter;
    const isOfPort = typeId >= CounterType.DPDK_PORT_INFO && typeId <= CounterType.DPDK_RX_RECEIVER_DISCARD;
    if (isOfPort || typeId === CounterType.DPDK_PORT_STATE || typeId === CounterType.NETWORK_AGENT) {
      counters.set(`${id} ${label}`, counter);
    }
  });
  return counters;
}

/** What `now` says of each port, and how it has changed in so many seconds. */
export function portsOf(
  now: ReadonlyMap<string, CounterInfo>,
  before: ReadonlyMap<string, CounterInfo>,
  seconds: number,
): PortStatistics[] {
  const all = [...now].map(([key, counter]) => ({
    counter,
    count: {
      name: counter.label.replace(/^DPDK /, ''),
      total: counter.value,
      perSecond: Math.round((counter.value - (before.get(key)?.value ?? counter.value)) / seconds),
    },
  }));
  const infos = all.filter(({ counter }) => counter.typeId === CounterType.DPDK_PORT_INFO);
  return infos.map(({ counter: info }) => {
    const own = all.filter(({ counter }) => counter.registrationId === info.registrationId);
    const named = (labels: readonly string[]): Count[] =>
      own.filter(({ counter }) => labels.includes(counter.label)).map(({ count }) => count);
    return {
      port: info.registrationId,
      description: info.label.replace(/^DPDK - /, ''),
      isLinkUp: info.value === 1,
      traffic: named(TRAFFIC),
      queues: all
        .filter(({ counter }) => counter.typeId === CounterType.NETWORK_AGENT)
        .map(({ count }) => count),
      drops: own.flatMap(({ counter, count }) => {
        const reason = REASONS[counter.label];
        return reason === undefined ? [] : [{ ...count, reason }];
      }),
      others: named(OTHERS),
      extended: own
        .filter(({ counter }) => counter.typeId === CounterType.DPDK_EXTENDED_STATS && counter.value !== 0)
        .map(({ count }) => count),
    };
  });
}

function textOf({
  port,
  description,
  isLinkUp,
  traffic,
  queues,
  drops,
  others,
  extended,
}: PortStatistics): string {
  const happened = drops.filter(({ total }) => total > 0);
  const dropRows = happened.map((drop) => `${row(drop)}  ${drop.reason}`);
  return [
    `port ${port}: link ${isLinkUp ? 'up' : 'DOWN'}, ${description}`,
    ...traffic.map(row),
    ...queues.map(row),
    ...(dropRows.length === 0
      ? ['  nothing was dropped or refused']
      : ['  dropped, refused or put off:', ...dropRows]),
    ...others.map(row),
    ...(extended.length === 0 ? [] : ['  counted by the card:', ...extended.map(row)]),
    '',
  ].join('\n');
}

function row({ name, total, perSecond }: Count): string {
  const change = perSecond === 0 ? '' : `${perSecond > 0 ? '+' : ''}${formatCount(perSecond)}/s`;
  return `  ${name.padEnd(32)}${formatCount(total).padStart(18)}${change.padStart(18)}`;
}
