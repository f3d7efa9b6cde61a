import { basename, dirname } from 'node:path';
import type { Host } from './host.ts';
import { ipJson } from './ip-command.ts';
import { parsePciAddress } from './pci-device.ts';

export interface InterfaceAddress {
  readonly family: 'inet' | 'inet6';
  readonly address: string;
  readonly prefixLength: number;
  readonly broadcast: string | null;
  /** `global`, `link`, `host` or a name of this machine. */
  readonly scope: string;
  readonly label: string | null;
  /** Whether it was leased or announced (DHCP, router advertisement), not configured. */
  readonly isDynamic: boolean;
  /** Whether whoever configured it made the route to its prefix as well, instead of the kernel. */
  readonly hasOwnPrefixRoute: boolean;
  /** How long it stays valid; null for ever. */
  readonly validSeconds: number | null;
  readonly preferredSeconds: number | null;
}

/** An interface of the kernel's network stack, in the namespace of this process. */
export interface NetworkInterface {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly mtu: number;
  /** Whether an administrator, or a program, has switched it on. */
  readonly isUp: boolean;
  /** Whether it has a link; null when it is down and cannot know. */
  readonly hasLink: boolean | null;
  /** In Mbit/s; null when it is down, or virtual. */
  readonly speedMbps: number | null;
  /** `pci`, `vmbus`, `usb` … of the device behind it; null for one without. */
  readonly bus: string | null;
  /** What {@link bus} calls the device: a PCI address, a UUID of VMBus. */
  readonly deviceAddress: string | null;
  /** The kernel driver of the device, or null. */
  readonly driver: string | null;
  /** The bond, bridge or team that it is a part of. */
  readonly master: string | null;
  /** Interfaces on top of it: its master, VLANs, macvlans; those on top of these too. */
  readonly uppers: readonly string[];
  readonly addresses: readonly InterfaceAddress[];
}

const NET = '/sys/class/net';

/** Every interface, by index. Throws AeronError `IP_COMMAND`. */
export function readNetworkInterfaces(host: Host): NetworkInterface[] {
  return ipJson(host, ['address', 'show'])
    .filter((link) => typeof link.ifname === 'string')
    .map((link) => readInterface(host, link))
    .sort((a, b) => a.index - b.index);
}

function readInterface(host: Host, link: Readonly<Record<string, unknown>>): NetworkInterface {
  const name = String(link.ifname);
  const folder = `${NET}/${name}`;
  const flags = link.flags as readonly string[];
  const speed = host.number(`${folder}/speed`);
  const carrier = host.number(`${folder}/carrier`);
  const infos = (link.addr_info ?? []) as readonly Readonly<Record<string, unknown>>[];
  return {
    name,
    index: Number(link.ifindex),
    mac: String(link.address ?? ''),
    mtu: Number(link.mtu),
    isUp: flags.includes('UP'),
    hasLink: carrier === null ? null : carrier === 1,
    speedMbps: speed === null || speed <= 0 ? null : speed,
    ...deviceOf(host, folder),
    driver: host.linkName(`${folder}/device/driver`),
    master: link.master === undefined ? null : String(link.master),
    uppers: uppersOf(host, name),
    addresses: infos.filter(({ local }) => local !== undefined).map(readAddress),
  };
}

function readAddress(info: Readonly<Record<string, unknown>>): InterfaceAddress {
  const seconds = (value: unknown): number | null =>
    typeof value !== 'number' || value === 0xffffffff ? null : value;
  return {
    family: info.family === 'inet6' ? 'inet6' : 'inet',
    address: String(info.local),
    prefixLength: Number(info.prefixlen),
    broadcast: info.broadcast === undefined ? null : String(info.broadcast),
    scope: String(info.scope ?? 'global'),
    label: info.label === undefined ? null : String(info.label),
    isDynamic: info.dynamic === true,
    hasOwnPrefixRoute: info.noprefixroute === true,
    validSeconds: seconds(info.valid_life_time),
    preferredSeconds: seconds(info.preferred_life_time),
  };
}

/** A virtio device stands between the interface and its PCI function; other buses under PCI (USB) count for themselves. */
function deviceOf(host: Host, folder: string): Pick<NetworkInterface, 'bus' | 'deviceAddress'> {
  const path = host.realPath(`${folder}/device`);
  if (path === null) return { bus: null, deviceAddress: null };
  const bus = host.linkName(`${folder}/device/subsystem`);
  const parent = parsePciAddress(basename(dirname(path)));
  if (bus === 'virtio' && parent !== null) return { bus: 'pci', deviceAddress: parent };
  return { bus, deviceAddress: basename(path) };
}

/** Bounded by the number of interfaces: each is looked at once. */
function uppersOf(host: Host, name: string): string[] {
  const found: string[] = [];
  const queue = [name];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const entry of host.names(`${NET}/${next}`)) {
      const upper = entry.startsWith('upper_') ? entry.slice(6) : null;
      if (upper === null || found.includes(upper)) continue;
      found.push(upper);
      queue.push(upper);
    }
  }
  return found;
}
