// hot
import { Region } from '../../memory/region.ts';
import type { DpdkAddon, DpdkPort } from '../../native/dpdk-addon.ts';
import { AeronError, codeOf, messageOf } from '../../util/errors.ts';
import { BURST_CAPACITY, type Device, type DeviceCapabilities } from '../device.ts';
import { initialiseEal } from './eal.ts';
import {
  LENDING_NONE,
  type PortPlan,
  type PortWishes,
  planPort,
  RX_UDP_CHECKSUM,
  TX_UDP_CHECKSUM_INSERT,
} from './port-plan.ts';

/** A queue pair of a port, and what is wanted of the port; what is left out is as in `DEFAULT_WISHES`. */
export interface DpdkDeviceOptions extends Partial<PortWishes> {
  readonly ealArguments: readonly string[];
  readonly portId: number;
  /** Which queue pair of the port; 0, which comes first, when left out. */
  readonly queue?: number;
}

/** Bits of what `watch` of the addon returns. */
const LINK_UP = 1;
const REMOVED = 4;

function portError(error: unknown): AeronError {
  // What DPDK printed may be in it, line by line.
  const message = messageOf(error).trimEnd();
  switch (codeOf(error)) {
    case 'DPDK_NO_PORT':
      return new AeronError(
        'DPDK_NO_PORT',
        `${message}\nBind a card ("aeron-bypass nic list" shows them, "aeron-bypass nic bind" takes one) or add a virtual ` +
          'device (--vdev=…), and check the port id. A bound card that is missing shares its IOMMU group with other devices, lacks interrupt ' +
          'remapping, or meets a low "ulimit -l". A net_virtio_user port with server=1 is missing when its peer did not ' +
          'come within 30 s.',
        { cause: error },
      );
    case 'DPDK_PORT_BUSY':
      return new AeronError('DPDK_PORT_BUSY', `${message}. Close its transport first, or use another port.`, {
        cause: error,
      });
    default:
      if (error instanceof AeronError) return error;
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
  readonly portId: number;
  /** How the port was set up, and why not as it was wished. */
  readonly plan: PortPlan;
  txRoom: number = BURST_CAPACITY;
  /** The card was pulled out, or its driver gave it up, at the last look. */
  isRemoved = false;
  private readonly dpdk: DpdkAddon;
  private readonly handle: number;

  /** @throws AeronError as {@link initialiseEal}, and `DPDK_NO_PORT`, `DPDK_PORT_BUSY` or `DPDK_PORT`. */
  static open(options: DpdkDeviceOptions): DpdkDevice {
    const dpdk = initialiseEal(options.ealArguments);
    const { portId, queue = 0, txReferenceMin = 0 } = options;
    try {
      const plan = planPort(dpdk.describePort(portId), options);
      return new DpdkDevice(dpdk, portId, plan, dpdk.openPort(portId, queue, plan), txReferenceMin);
    } catch (error) {
      throw portError(error);
    }
  }

  private constructor(
    dpdk: DpdkAddon,
    portId: number,
    plan: PortPlan,
    port: DpdkPort,
    txReferenceMin: number,
  ) {
    this.portId = portId;
    this.plan = plan;
    const mac = port.mac;
    this.macHigh = (mac[0]! << 8) | mac[1]!;
    this.macLow = (mac[2]! << 24) | (mac[3]! << 16) | (mac[4]! << 8) | mac[5]!;
    this.mtu = port.mtu;
    this.capabilities = {
      driverName: port.driverName,
      rxRingLength: port.rxRingLength,
      txRingLength: port.txRingLength,
      rxChecksumOffload: (port.offloads & RX_UDP_CHECKSUM) !== 0,
      txChecksumOffload: (port.offloads & TX_UDP_CHECKSUM_INSERT) !== 0,
      rxInterrupts: port.hasRxInterrupts,
      txReferenceMin: plan.lending === LENDING_NONE ? Number.MAX_SAFE_INTEGER : txReferenceMin,
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
  setGroups(addresses: Int32Array, count: number): void {
    this.dpdk.setGroups(this.handle, Array.from(addresses.subarray(0, 2 * count)));
  }

  isLinkUp(): boolean {
    const state = this.dpdk.watch(this.handle);
    this.isRemoved = (state & REMOVED) !== 0;
    return state === LINK_UP;
  }

  waitForFrame(timeoutUs: number): boolean {
    return this.dpdk.waitForFrame(this.handle, timeoutUs) === 1;
  }

  /**
   * Has the port stopped, reset and set up again, as a card asks for that has hung. It happens at the next
   * {@link isLinkUp}, when all owners of its queues have called it; until then frames wait.
   */
  reset(): void {
    this.dpdk.resetPort(this.handle);
  }

  readStatistics(): void {
    this.dpdk.readStatistics(this.handle);
  }

  close(): void {
    this.dpdk.closePort(this.handle);
  }
}
