import * as fs from 'node:fs';
import { driverOf, run } from './lab.ts';

/** Hands a card to another driver by sysfs alone, without what is to be tested. `''`: to the kernel's own. */
export function bindBySysfs(pci: string, driver: string): void {
  const device = `/sys/bus/pci/devices/${pci}`;
  if (driver !== '') run('modprobe', driver);
  if (fs.existsSync(`${device}/driver`)) fs.writeFileSync(`${device}/driver/unbind`, pci);
  fs.writeFileSync(`${device}/driver_override`, driver === '' ? '\n' : driver);
  fs.writeFileSync('/sys/bus/pci/drivers_probe', pci);
  if (driver !== '' && driverOf(pci) !== driver)
    throw new Error(`${pci} has the driver "${driverOf(pci)}", not ${driver}`);
}
