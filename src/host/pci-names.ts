import type { Host } from './host.ts';

const FILES: readonly string[] = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids'];

/** What people call PCI devices, by the list of ids that distributions install (`pci.ids`), where there is one. */
export class PciNames {
  private readonly text: string;

  constructor(host: Host) {
    this.text = `\n${FILES.map((path) => host.text(path)).find((text) => text !== null) ?? ''}\n`;
  }

  /** `Intel Corporation 82574L Gigabit Network Connection`, as much of it as is known, or null. */
  nameOf(vendorId: string, deviceId: string): string | null {
    const vendor = this.line(`${vendorId}  `, 0, this.text.length);
    if (vendor === null) return null;
    // A vendor's devices are indented below it.
    const next = /\n[0-9a-f]{4} {2}/g;
    next.lastIndex = vendor.end;
    const end = next.exec(this.text)?.index ?? this.text.length;
    const device = this.line(`\t${deviceId}  `, vendor.end, end);
    return device === null ? vendor.name : `${vendor.name} ${device.name}`;
  }

  private line(start: string, from: number, to: number): { name: string; end: number } | null {
    const index = this.text.indexOf(`\n${start}`, from);
    if (index < 0 || index >= to) return null;
    const end = this.text.indexOf('\n', index + 1);
    return { name: this.text.slice(index + 1 + start.length, end).trim(), end };
  }
}
