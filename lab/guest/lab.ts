import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { basename } from 'node:path';
import { messageOf } from '../../src/util/errors.ts';

/** What the machine that runs the lab sees of the guest, and what outlives the guest. */
export const OUT = '/lab/out';

export const MODEL: string = process.env.LAB_MODEL ?? '';
/** Seconds that the guest has from its start to its end. */
export const LIMIT_SECONDS: number = Number(process.env.LAB_LIMIT);

export const KERNEL_DRIVER: string = process.env.LAB_KERNEL_DRIVER ?? '';

/** PCI addresses: two cards on one cable, and the one the machine is reached by. */
export const CARD_A = '0000:01:00.0';
export const CARD_B = '0000:02:00.0';
export const MANAGEMENT = '0000:03:00.0';

/** Does something and says that it was done, with the time since boot; ends the guest as failed when it throws. */
export async function step<Result>(name: string, action: () => Result | Promise<Result>): Promise<Result> {
  try {
    const result = await action();
    say(`ok ${name}`);
    return result;
  } catch (error) {
    say(`FAILED ${name}: ${error instanceof Error ? error.stack : String(error)}`);
    fs.writeFileSync(`${OUT}/failure`, `${name}: ${messageOf(error).split('\n')[0]}`);
    return process.exit(1);
  }
}

export function say(text: string): void {
  const uptime = fs.readFileSync('/proc/uptime', 'latin1').split(' ')[0]!;
  console.log(`[${uptime}] ${text}`);
}

/** Runs a program to its end and returns what it printed. Throws with what it said when it fails. */
export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Pings, from a network namespace if one is named, until there is an answer: that takes a link and an ARP entry first,
 * and who is to answer. Throws after a minute.
 */
export function ping(address: string, namespace = ''): void {
  const [program, ...words] = [
    ...(namespace === '' ? [] : ['ip', 'netns', 'exec', namespace]),
    ...['ping', '-c', '1', '-w', '5', address],
  ] as [string, ...string[]];
  const endMs = Date.now() + 60_000;
  for (;;) {
    try {
      run(program, ...words);
      return;
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
  }
}

/** The kernel's name for a card, `''` when the kernel does not have it. */
export function interfaceOf(pci: string): string {
  const device = `/sys/bus/pci/devices/${pci}`;
  // A virtio card's interface belongs to a device within it.
  const folders = [
    device,
    ...fs
      .readdirSync(device)
      .filter((name) => name.startsWith('virtio'))
      .map((name) => `${device}/${name}`),
  ];
  for (const folder of folders) {
    if (fs.existsSync(`${folder}/net`)) return fs.readdirSync(`${folder}/net`)[0] ?? '';
  }
  return '';
}

/** The driver that has a card, `''` for none. */
export function driverOf(pci: string): string {
  const link = `/sys/bus/pci/devices/${pci}/driver`;
  return fs.existsSync(link) ? basename(fs.readlinkSync(link)) : '';
}

/** `''` where there is no IOMMU. */
export function iommuGroupOf(pci: string): string {
  const link = `/sys/bus/pci/devices/${pci}/iommu_group`;
  return fs.existsSync(link) ? basename(fs.readlinkSync(link)) : '';
}
