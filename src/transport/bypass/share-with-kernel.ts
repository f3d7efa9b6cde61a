import type { Clock } from '../../concurrent/clock.ts';
import type { DpdkDevice } from '../../device/dpdk/dpdk-device.ts';
import { openTapPort } from '../../device/dpdk/tap-port.ts';
import type { IpAddress } from '../transport.ts';
import { TapThroughDevice } from './tap-through-device.ts';

/**
 * A port, shared with the kernel through the TAP interface that `ealArguments` name. `addresses` are ours of IPv4.
 * @throws AeronError as {@link openTapPort}; the port is closed then.
 */
export function shareWithKernel(
  port: DpdkDevice,
  ealArguments: readonly string[],
  addresses: readonly IpAddress[],
  clock: Clock,
): TapThroughDevice {
  try {
    return new TapThroughDevice(port, openTapPort(ealArguments, port.mtu), addresses, clock);
  } catch (error) {
    port.close();
    throw error;
  }
}
