// hot
import type { Clock } from '../../concurrent/clock.ts';
import {
  type Device,
  type DeviceCapabilities,
  RX_LENGTH,
  RX_OFFSET,
  RX_WORDS,
  setTxPayload,
  TX_HEADER_LENGTH,
  txFrame,
} from '../../device/device.ts';
import type { FrameTap, TapPoint } from '../../device/frame-tap.ts';
import type { Region } from '../../memory/region.ts';
import {
  ARP_OPERATION,
  ARP_REQUEST,
  ARP_SENDER_MAC,
  ARP_TARGET_ADDRESS,
  ARP_TARGET_MAC,
} from '../../net/arp.ts';
import {
  ETHERNET_DESTINATION,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE,
  ETHERNET_TYPE,
  TYPE_ARP,
  TYPE_IPV4,
  TYPE_IPV6,
} from '../../net/ethernet.ts';
import { ICMP_HEADER_LENGTH } from '../../net/icmp.ts';
import {
  IPV4_DESTINATION,
  IPV4_HEADER_LENGTH,
  IPV4_PROTOCOL,
  ipv4HeaderLength,
  isFragment,
  PROTOCOL_ICMP,
  PROTOCOL_IGMP,
  PROTOCOL_UDP,
} from '../../net/ipv4.ts';
import { UDP_DESTINATION_PORT, UDP_HEADER_LENGTH } from '../../net/udp.ts';
import {
  TAP_FROM_KERNEL,
  TAP_FROM_KERNEL_DROPPED,
  TAP_TO_KERNEL,
  TAP_TO_KERNEL_DROPPED,
} from './bypass-statistics.ts';

/** Looking for the kernel's frames costs as much as looking for the card's, and they are in less of a hurry. */
const KERNEL_POLL_INTERVAL_NS = 20_000;
/** Behind a card that is full, they wait in the kernel. */
const KERNEL_ROOM_MIN = 16;
/** A wait for the card's frames lets the kernel's wait no longer. */
const KERNEL_WAIT_US_MAX = 1000;

/** Whose a frame is: bits. */
const OURS = 1;
const KERNELS = 2;

const ICMP_ECHO_REPLY = 0;
const ICMP_ECHO_REQUEST = 8;

/** Knows which datagrams somebody in this driver waits for. */
export interface DatagramInterest {
  hasEndpointAt(address: number, port: number): boolean;
}

/**
 * A card that the driver shares with the kernel, which sees it as a TAP interface: what the driver has no use for goes there,
 * and what the kernel sends goes out. The kernel may have the driver's address too.
 *
 * The driver's alone are IPv6, datagrams to its endpoints, in pieces or whole, and requests by ARP and echo
 * for its addresses, which it
 * answers. Both get the rest of ARP, IGMP and ICMP errors; all else is the kernel's. The interface has an Ethernet
 * address of its own, which is exchanged for the card's on the way, in ARP too.
 *
 * Nothing waits: what there is no room for is dropped and counted, and the driver's own frames come first.
 */
export class TapThroughDevice implements Device, TapPoint {
  readonly macHigh: number;
  readonly macLow: number;
  readonly mtu: number;
  readonly capabilities: DeviceCapabilities;
  readonly memory: Region;
  readonly rxWords: Int32Array;
  readonly txWords: Int32Array;
  readonly statistics: Float64Array;
  tap: FrameTap | null = null;
  txRoom: number;
  private readonly card: Device;
  private readonly kernel: Device;
  private readonly addresses: readonly number[];
  private readonly clock: Clock;
  private readonly view: DataView;
  private readonly kernelView: DataView;
  /** As in the statistics of the transport. */
  private counts: Float64Array = new Float64Array(0);
  /** Null: nobody waits for any datagram. */
  private interest: DatagramInterest | null = null;
  private kernelQueued = 0;
  private nextKernelPollNs = Number.NaN;

  /** `kernel` is the port whose other end is the kernel's interface, `addresses` those of the driver, of IPv4. */
  constructor(card: Device, kernel: Device, addresses: readonly number[], clock: Clock) {
    this.macHigh = card.macHigh;
    this.macLow = card.macLow;
    this.mtu = card.mtu;
    this.capabilities = card.capabilities;
    this.memory = card.memory;
    this.rxWords = card.rxWords;
    this.txWords = card.txWords;
    this.statistics = card.statistics;
    this.txRoom = card.txRoom;
    this.card = card;
    this.kernel = kernel;
    this.addresses = addresses;
    this.clock = clock;
    this.view = card.memory.view;
    this.kernelView = kernel.memory.view;
    this.nextKernelPollNs = 0;
  }

  /** Says who knows the driver's endpoints, and where to count. Cold. */
  attach(interest: DatagramInterest, counts: Float64Array): void {
    this.interest = interest;
    this.counts = counts;
  }

  /** The stack has no frames in our slots now: see `IpStack.receive`. */
  receive(): number {
    if (this.clock.nanoTime >= this.nextKernelPollNs && this.txRoom >= KERNEL_ROOM_MIN) {
      this.nextKernelPollNs = this.clock.nanoTime + KERNEL_POLL_INTERVAL_NS;
      this.takeFromKernel();
    }
    const count = this.card.receive();
    if (count === 0) return 0;
    if (this.tap !== null) this.tap.onReceive(this.card, count);
    return this.shareOut(count);
  }

  transmit(count: number): number {
    if (this.tap !== null && count > 0) this.tap.onTransmit(this.card, count);
    this.txRoom = this.card.transmit(count);
    return this.txRoom;
  }

  /** Cold. */
  setGroups(groups: Int32Array, count: number): void {
    this.card.setGroups(groups, count);
  }

  isLinkUp(): boolean {
    this.kernel.isLinkUp();
    return this.card.isLinkUp();
  }

  waitForFrame(timeoutUs: number): boolean {
    return this.card.waitForFrame(Math.min(timeoutUs, KERNEL_WAIT_US_MAX));
  }

  readStatistics(): void {
    this.card.readStatistics();
  }

  close(): void {
    this.kernel.close();
    this.card.close();
  }

  /** Hands the kernel's frames over, and leaves the driver's at the front of the table. Returns the number of those. */
  private shareOut(count: number): number {
    const words = this.rxWords;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const word = i * RX_WORDS;
      const offset = words[word + RX_OFFSET]!;
      const length = words[word + RX_LENGTH]!;
      const owners = this.ownersOf(offset, length);
      if ((owners & KERNELS) !== 0) this.giveToKernel(offset, length);
      if ((owners & OURS) === 0) continue;
      if (kept !== i) {
        for (let k = 0; k < RX_WORDS; k++) words[kept * RX_WORDS + k] = words[word + k]!;
      }
      kept++;
    }
    if (this.kernelQueued > 0) {
      this.kernel.transmit(this.kernelQueued);
      this.kernelQueued = 0;
    }
    return kept;
  }

  private ownersOf(frame: number, length: number): number {
    const { view } = this;
    if (length < ETHERNET_HEADER_LENGTH) return OURS;
    const isGroup = (view.getUint8(frame + ETHERNET_DESTINATION) & 1) !== 0;
    // Somebody else's, on a port that hears all: counted by the stack.
    if (!isGroup && !this.hasMac(view, frame + ETHERNET_DESTINATION, this.macHigh, this.macLow)) return OURS;
    const type = view.getUint16(frame + ETHERNET_TYPE);
    const offset = frame + ETHERNET_HEADER_LENGTH;
    const available = length - ETHERNET_HEADER_LENGTH;
    if (type === TYPE_IPV4) return this.ownersOfIpv4(offset, available);
    // Neighbour discovery names Ethernet addresses under a checksum: two that share one would have to rewrite it.
    if (type === TYPE_IPV6) return OURS;
    if (type !== TYPE_ARP) return KERNELS;
    const isRequestForUs =
      available >= ARP_TARGET_ADDRESS + 4 &&
      view.getUint16(offset + ARP_OPERATION) === ARP_REQUEST &&
      this.addresses.includes(view.getInt32(offset + ARP_TARGET_ADDRESS));
    return isRequestForUs ? OURS : OURS | KERNELS;
  }

  private ownersOfIpv4(offset: number, available: number): number {
    const { view } = this;
    if (available < IPV4_HEADER_LENGTH) return OURS;
    const protocol = view.getUint8(offset + IPV4_PROTOCOL);
    const destination = view.getInt32(offset + IPV4_DESTINATION);
    const payload = ipv4HeaderLength(view, offset);
    switch (protocol) {
      case PROTOCOL_UDP: {
        // Only the first piece says whose it is.
        if (isFragment(view, offset) || available < payload + UDP_HEADER_LENGTH) return OURS;
        const port = view.getUint16(offset + payload + UDP_DESTINATION_PORT);
        return this.interest?.hasEndpointAt(destination, port) === true ? OURS : KERNELS;
      }
      case PROTOCOL_ICMP: {
        if (available < payload + ICMP_HEADER_LENGTH) return OURS;
        const icmpType = view.getUint8(offset + payload);
        if (icmpType === ICMP_ECHO_REQUEST) return this.addresses.includes(destination) ? OURS : KERNELS;
        return icmpType === ICMP_ECHO_REPLY ? KERNELS : OURS | KERNELS;
      }
      case PROTOCOL_IGMP:
        return OURS | KERNELS;
      default:
        return KERNELS;
    }
  }

  private giveToKernel(offset: number, length: number): void {
    const { kernel, view, kernelView } = this;
    if (this.kernelQueued >= kernel.txRoom) {
      kernel.transmit(this.kernelQueued);
      this.kernelQueued = 0;
      if (kernel.txRoom === 0) {
        this.counts[TAP_TO_KERNEL_DROPPED]!++;
        return;
      }
    }
    const slot = this.kernelQueued++;
    const to = txFrame(kernel.txWords, slot);
    copyHead(view, offset, length, kernelView, to);
    if (this.hasMac(kernelView, to + ETHERNET_DESTINATION, this.macHigh, this.macLow)) {
      writeMac(kernelView, to + ETHERNET_DESTINATION, kernel.macHigh, kernel.macLow);
    }
    this.exchangeArp(kernelView, to, ARP_TARGET_MAC, this, kernel);
    const rest = Math.max(0, length - TX_HEADER_LENGTH);
    setTxPayload(kernel.txWords, slot, this.memory.handle, offset + TX_HEADER_LENGTH, rest, 0);
    this.counts[TAP_TO_KERNEL]!++;
  }

  /** Sends a burst of the kernel's frames, as far as the card has room. */
  private takeFromKernel(): void {
    const { kernel, card, view, kernelView } = this;
    const count = kernel.receive();
    let queued = 0;
    for (let i = 0; i < count; i++) {
      const word = i * RX_WORDS;
      const offset = kernel.rxWords[word + RX_OFFSET]!;
      const length = kernel.rxWords[word + RX_LENGTH]!;
      if (queued >= this.txRoom || length < ETHERNET_HEADER_LENGTH) {
        this.counts[TAP_FROM_KERNEL_DROPPED]!++;
        continue;
      }
      const to = txFrame(card.txWords, queued);
      copyHead(kernelView, offset, length, view, to);
      writeMac(view, to + ETHERNET_SOURCE, this.macHigh, this.macLow);
      this.exchangeArp(view, to, ARP_SENDER_MAC, kernel, this);
      const rest = Math.max(0, length - TX_HEADER_LENGTH);
      setTxPayload(card.txWords, queued, kernel.memory.handle, offset + TX_HEADER_LENGTH, rest, 0);
      queued++;
    }
    this.counts[TAP_FROM_KERNEL]! += queued;
    if (queued > 0) this.transmit(queued);
  }

  /** In a packet of ARP, writes the Ethernet address of `to` where that of `from` is. */
  private exchangeArp(view: DataView, frame: number, field: number, from: Device, to: Device): void {
    if (view.getUint16(frame + ETHERNET_TYPE) !== TYPE_ARP) return;
    const at = frame + ETHERNET_HEADER_LENGTH + field;
    if (this.hasMac(view, at, from.macHigh, from.macLow)) writeMac(view, at, to.macHigh, to.macLow);
  }

  private hasMac(view: DataView, at: number, high: number, low: number): boolean {
    return view.getUint16(at) === high && view.getInt32(at + 2) === low;
  }
}

function writeMac(view: DataView, at: number, high: number, low: number): void {
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
}

/** Copies the bytes of a frame that go where headers are written; zeros stand for those that it has not. */
function copyHead(from: DataView, offset: number, length: number, to: DataView, at: number): void {
  for (let i = 0; i < TX_HEADER_LENGTH; i++) to.setUint8(at + i, i < length ? from.getUint8(offset + i) : 0);
}
