// hot
import { Region } from '../../memory/region.ts';
import type { DpdkAddon, DpdkPort } from '../../native/dpdk-addon.ts';
import { AeronError, codeOf, messageOf } from '../../util/errors.ts';
import { BURST_CAPACITY, type Device, type DeviceCapabilities } from '../device.ts';
import { initialiseEal } from './eal.ts';

export interface DpdkDeviceOptions {
  readonly ealArguments: readonly string[];
  readonly portId: number;
  /** IP MTU, bytes; 0 keeps the port's. */
  readonly mtu: number;
  /** Frames; brought within the port's limits. */
  readonly rxQueueSize: number;
  readonly txQueueSize: number;
  /** Which queue pair of the port; 0, which comes first, when left out. */
  readonly queue?: number;
  /** Queue pairs that the port has, each with an owner of its own; 1 when left out. */
  readonly queues?: number;
}

function portError(error: unknown): AeronError {
  const message = messageOf(error);
  switch (codeOf(error)) {
    case 'DPDK_NO_PORT':
      return new AeronError(
        'DPDK_NO_PORT',
        `${message}. Bind a card to vfio-pci ("dpdk-devbind.py --status" lists them) or add a virtual device (--vdev=…), ` +
          'and check the port id. A bound card that is missing shares its IOMMU group with other devices, lacks interrupt ' +
          'remapping, or meets a low "ulimit -l". A net_virtio_user port with server=1 is missing when its peer did not ' +
          'come within 30 s.',
        { cause: error },
      );
    case 'DPDK_PORT_BUSY':
      return new AeronError('DPDK_PORT_BUSY', `${message}. Close its transport first, or use another port.`, {
        cause: error,
      });
    default:
      return new AeronError(
        'DPDK_PORT',
        `${message}. Adjust MTU and queue sizes to the port, or reserve more memory for DPDK.`,
        { cause: error },
      );
  }
}

/** A queue pair of a port of DPDK. Opening it initialises DPDK in this process if need be. */
export class DpdkDevice implements Device {
  readonly macHigh: number;
  readonly macLow: number;
  readonly mtu: number;
  readonly capabilities: DeviceCapabilities;
  readonly memory: Region;
  readonly rxWords: Int32Array;
  readonly txWords: Int32Array;
  readonly statistics: Float64Array;
  txRoom: number = BURST_CAPACITY;
  private readonly dpdk: DpdkAddon;
  private readonly handle: number;

  /** @throws AeronError as {@link initialiseEal}, and `DPDK_NO_PORT`, `DPDK_PORT_BUSY` or `DPDK_PORT`. */
  static open(options: DpdkDeviceOptions): DpdkDevice {
    const dpdk = initialiseEal(options.ealArguments);
    const { portId, mtu, rxQueueSize, txQueueSize, queue = 0, queues = 1 } = options;
    try {
      return new DpdkDevice(dpdk, dpdk.openPort(portId, mtu, rxQueueSize, txQueueSize, true, queue, queues));
    } catch (error) {
      throw portError(error);
    }
  }

  private constructor(dpdk: DpdkAddon, port: DpdkPort) {
    const mac = port.mac;
    this.macHigh = (mac[0]! << 8) | mac[1]!;
    this.macLow = (mac[2]! << 24) | (mac[3]! << 16) | (mac[4]! << 8) | mac[5]!;
    this.mtu = port.mtu;
    this.capabilities = {
      driverName: port.driverName,
      rxRingLength: port.rxRingLength,
      txRingLength: port.txRingLength,
      rxChecksumOffload: port.rxChecksumOffload,
      txChecksumOffload: port.txChecksumOffload,
    };
    this.memory = Region.adopt(port.pool, port.poolHandle);
    this.rxWords = new Int32Array(port.rx);
    this.txWords = new Int32Array(port.tx);
    this.statistics = new Float64Array(port.statistics);
    this.dpdk = dpdk;
    this.handle = port.handle;
  }

  receive(): number {
    return this.dpdk.receive(this.handle);
  }

  transmit(count: number): number {
    this.txRoom = this.dpdk.transmit(this.handle, count);
    return this.txRoom;
  }

  /** Cold. */
  setGroups(groups: Int32Array, count: number): void {
    this.dpdk.setGroups(this.handle, Array.from(groups.subarray(0, count)));
  }

  isLinkUp(): boolean {
    return this.dpdk.linkUp(this.handle) === 1;
  }

  readStatistics(): void {
    this.dpdk.readStatistics(this.handle);
  }

  close(): void {
    this.dpdk.closePort(this.handle);
  }
}
