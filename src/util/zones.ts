import { readdirSync, readFileSync } from 'node:fs';

/** The kernel's interfaces: `zone` in `fe80::1%zone`. */
const INTERFACES = '/sys/class/net';

/** The number of an interface by its name, or of one that is written as a number; null: there is none. */
export function zoneIndex(name: string): number | null {
  if (/^[1-9]\d{0,8}$/.test(name)) return Number(name);
  if (!/^[\w.~-]+$/.test(name) || name.startsWith('.')) return null;
  try {
    return Number(readFileSync(`${INTERFACES}/${name}/ifindex`, 'latin1'));
  } catch {
    return null;
  }
}

/** The name of an interface by its number, or the number where the kernel knows no name. */
export function zoneName(index: number): string {
  try {
    return readdirSync(INTERFACES).find((name) => zoneIndex(name) === index) ?? `${index}`;
  } catch {
    return `${index}`;
  }
}
