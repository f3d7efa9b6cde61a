import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/** One end of the wire: the only interface, besides loopback, of a network namespace. */
export interface VethEnd {
  readonly namespace: string;
  readonly interfaceName: string;
  readonly address: string;
  /** Of the kernel's end only with {@link addIpv6}. */
  readonly ipv6Address: string;
}

export interface VethLab {
  /** Its interface is up and has no address: for a stack of our own, by DPDK. */
  readonly bare: VethEnd;
  /** The kernel's stack has the address. */
  readonly kernel: VethEnd;
}

const PREFIX_LENGTH = 24;
let labs = 0;

/** Why {@link createVethLab} cannot work here, or `false`. */
export function vethLabMissing(): string | false {
  if (process.getuid!() !== 0) return 'network namespaces need root';
  for (const [tool, argument] of [
    ['ip', '-V'],
    ['ethtool', '--version'],
  ] as const) {
    if (spawnSync(tool, [argument]).error) return `cannot run ${tool}; install iproute2 and ethtool`;
  }
  return false;
}

/** Two network namespaces joined by a veth pair. They are gone when the test ends. */
export function createVethLab(t: TestContext): VethLab {
  const name = `aeron-${process.pid}-${labs++}`;
  const bare: VethEnd = { namespace: `${name}-a`, interfaceName: 'veth0', ...addresses(1) };
  const kernel: VethEnd = { namespace: `${name}-b`, interfaceName: 'veth0', ...addresses(2) };
  for (const end of [bare, kernel]) {
    run('ip', 'netns', 'add', end.namespace);
    t.after(() => void run('ip', 'netns', 'del', end.namespace));
    inside(end, 'ip', 'link', 'set', 'lo', 'up');
  }
  inside(
    bare,
    'ip',
    'link',
    'add',
    'veth0',
    'type',
    'veth',
    'peer',
    'name',
    'veth0',
    'netns',
    kernel.namespace,
  );
  for (const end of [bare, kernel]) {
    // Of what this machine would otherwise say by itself (IPv6) or leave to a card that is not there (checksums).
    inside(end, 'sysctl', '-qw', `net.ipv6.conf.${end.interfaceName}.disable_ipv6=1`);
    inside(end, 'ethtool', '-K', end.interfaceName, 'tx', 'off');
    inside(end, 'ip', 'link', 'set', end.interfaceName, 'up');
  }
  inside(kernel, 'ip', 'address', 'add', `${kernel.address}/${PREFIX_LENGTH}`, 'dev', kernel.interfaceName);
  return { bare, kernel };
}

/** Lets the kernel speak IPv6 at its end, with {@link VethEnd.ipv6Address} and a link-local address. */
export function addIpv6({ kernel }: VethLab): void {
  inside(kernel, 'sysctl', '-qw', `net.ipv6.conf.${kernel.interfaceName}.disable_ipv6=0`);
  inside(kernel, 'ip', 'address', 'add', `${kernel.ipv6Address}/64`, 'dev', kernel.interfaceName, 'nodad');
}

/** What a command in the namespace of an end prints. Throws when it fails. */
export function runAt(end: VethEnd, command: string, ...args: string[]): string {
  return run('ip', 'netns', 'exec', end.namespace, command, ...args);
}

function addresses(host: number): { address: string; ipv6Address: string } {
  return { address: `10.99.0.${host}`, ipv6Address: `fd00:99::${host}` };
}

/** An empty network namespace, gone when the test ends. */
export function createNamespace(t: TestContext): string {
  const namespace = `aeron-${process.pid}-${labs++}`;
  run('ip', 'netns', 'add', namespace);
  t.after(() => void run('ip', 'netns', 'del', namespace));
  return namespace;
}

/** The network of {@link createIpv6Namespace}, which loops groups back. */
export const IPV6_LAB_PREFIX = 'fd00:aa::/64';

/** A network namespace with ::1 and an address of {@link IPV6_LAB_PREFIX}, gone when the test ends. */
export function createIpv6Namespace(t: TestContext): string {
  const namespace = createNamespace(t);
  const ip = (...args: string[]): string => run('ip', '-n', namespace, ...args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'lab0', 'type', 'veth', 'peer', 'name', 'lab1');
  ip('link', 'set', 'lab0', 'up');
  ip('link', 'set', 'lab1', 'up');
  ip('address', 'add', 'fd00:aa::1/64', 'dev', 'lab0', 'nodad');
  return namespace;
}

/** Gives an interface of a namespace, whose other end is not a kernel's, an address of the kernel's stack. */
export function setUpInterface(namespace: string, interfaceName: string, address: string): void {
  const end: VethEnd = { namespace, interfaceName, address, ipv6Address: '' };
  inside(end, 'sysctl', '-qw', `net.ipv6.conf.${interfaceName}.disable_ipv6=1`);
  inside(end, 'ethtool', '-K', interfaceName, 'tx', 'off');
  inside(end, 'ip', 'address', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', interfaceName);
  inside(end, 'ip', 'link', 'set', interfaceName, 'up');
}

function inside(end: VethEnd, command: string, ...args: string[]): void {
  run('ip', 'netns', 'exec', end.namespace, command, ...args);
}

function run(command: string, ...args: string[]): string {
  const { status, stderr, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}${stdout}`);
  return stdout;
}
