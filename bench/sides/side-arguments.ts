/** What a side is asked to do, from its `key=value` arguments. */
import type { Role, SideRun } from '../contestant.ts';

/** Arguments of our own sides, parsed: the run, and what our contestants add. */
export interface SideArguments extends SideRun {
  readonly wire: 'dpdk' | 'kernel';
  /** Of a DPDK wire: a is `net_virtio_user`, b `net_vhost`. */
  readonly end: 'a' | 'b';
  readonly termLength: number;
  readonly windowLength: number;
  readonly socketBufferLength: number;
  /** More arguments of the driver: `-Dname=value`. */
  readonly driverArguments: readonly string[];
}

/** Throws an Error that names the argument that is missing. */
export function parseSideArguments(words: readonly string[]): SideArguments {
  const values = new Map<string, string>();
  const driverArguments: string[] = [];
  for (const word of words) {
    const equals = word.indexOf('=');
    if (word.startsWith('-D')) driverArguments.push(word);
    else values.set(word.slice(0, equals), word.slice(equals + 1));
  }
  const text = (name: string, fallback?: string): string => {
    const value = values.get(name) ?? fallback;
    if (value === undefined) throw new Error(`argument ${name}=… is missing`);
    return value;
  };
  const number = (name: string, fallback?: number): number => Number(text(name, fallback?.toString()));
  const [port0 = 0, port1 = 0] = text('ports').split(',').map(Number);
  return {
    role: text('role') as Role,
    side: number('side') === 0 ? 0 : 1,
    folder: text('folder'),
    cpu: number('cpu'),
    media: text('media') as 'udp' | 'ipc',
    wire: text('wire', 'kernel') as 'dpdk' | 'kernel',
    end: text('end', number('side') === 0 ? 'a' : 'b') as 'a' | 'b',
    ports: [port0, port1],
    messageLength: number('messageLength'),
    mtu: number('mtu', 1408),
    streams: number('streams', 1),
    clients: number('clients', 1),
    rate: number('rate', 0),
    lossRate: number('lossRate', 0),
    warmUpMs: number('warmUpMs'),
    durationMs: number('durationMs'),
    hugepages: text('hugepages', 'false') === 'true',
    termLength: number('termLength', 1 << 20),
    windowLength: number('windowLength', 1 << 20),
    socketBufferLength: number('socketBufferLength', 2 << 20),
    driverArguments,
  };
}
