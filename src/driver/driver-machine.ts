import { type Machine, THIS_MACHINE } from '../concurrent/machine.ts';
import type { HostLookup, LocalAddress } from './conductor/name-resolver.ts';
import { kernelAddresses, systemLookup } from './conductor/name-resolver.ts';
import type { NetworkThreadOptions, RunningNetwork } from './network-link.ts';
import { openTransport } from './open-transport.ts';
import { WorkerNetwork } from './worker-network.ts';

/** What a driver takes from the machine besides: a wire, the addresses on it, and names. */
export interface DriverMachine extends Machine {
  readonly openTransport: typeof openTransport;
  /** Starts a network agent that runs by itself, beside the conductor. */
  readonly startNetworkThread: (options: NetworkThreadOptions) => Promise<RunningNetwork>;
  readonly lookup: HostLookup;
  localAddresses(): LocalAddress[];
}

/** The machine that this process runs on. */
export const THIS_DRIVER_MACHINE: DriverMachine = {
  ...THIS_MACHINE,
  openTransport,
  startNetworkThread: (options) => WorkerNetwork.start(options),
  lookup: systemLookup,
  localAddresses: kernelAddresses,
};
