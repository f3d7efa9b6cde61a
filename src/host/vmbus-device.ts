import type { Host } from './host.ts';

/** A synthetic network device of Hyper-V and Azure. */
export interface VmbusDevice {
  /** Its UUID. */
  readonly address: string;
  readonly driver: string | null;
  readonly driverOverride: string | null;
  readonly numaNode: number | null;
}

export const VMBUS_DEVICES = '/sys/bus/vmbus/devices';
/** Class of network devices; the kernel prints it in braces. */
const NETWORK_CLASS = 'f8615163-df3e-46c5-913f-f2d2f965ed0e';

/** The network devices of VMBus, by UUID; none on other hypervisors. */
export function readVmbusNetworkDevices(host: Host): VmbusDevice[] {
  return host.names(VMBUS_DEVICES).flatMap((address) => {
    const folder = `${VMBUS_DEVICES}/${address}`;
    if (!(host.text(`${folder}/class_id`) ?? '').includes(NETWORK_CLASS)) return [];
    const override = host.text(`${folder}/driver_override`);
    const numaNode = host.number(`${folder}/numa_node`);
    return [
      {
        address,
        driver: host.linkName(`${folder}/driver`),
        driverOverride: override === null || override === '(null)' || override === '' ? null : override,
        numaNode: numaNode === null || numaNode < 0 ? null : numaNode,
      },
    ];
  });
}
