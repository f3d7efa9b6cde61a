import type { Lender } from '../../memory/lender.ts';
import type { Region } from '../../memory/region.ts';
import { loadDpdk } from '../../native/dpdk-addon.ts';

/** Lends memory to a port of DPDK that is open. Any thread of the process may have one. */
export function dpdkLender(portId: number): Lender {
  const dpdk = loadDpdk();
  return {
    lend: (region: Region) => dpdk.lend(portId, region.handle),
    takeBack: (region: Region) => dpdk.takeBack(region.handle),
  };
}
