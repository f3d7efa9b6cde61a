import { type Machine, THIS_MACHINE } from '../concurrent/machine.ts';
import type { HostLookup, LocalAddress } from './conductor/name-resolver.ts';
import { kernelAddresses, systemLookup } from './conductor/name-resolver.ts';
import { openTransport } from './open-transport.ts';

/** What a driver takes from the machine besides: a wire, the addresses on it, and names. */
export interface DriverMachine extends Machine {
  readonly openTransport: typeof openTransport;
  readonly lookup: HostLookup;
  localAddresses(): LocalAddress[];
}

/** The machine that this process runs on. */
export const THIS_DRIVER_MACHINE: DriverMachine = {
  ...THIS_MACHINE,
  openTransport,
  lookup: systemLookup,
  localAddresses: kernelAddresses,
};
