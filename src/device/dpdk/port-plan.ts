import type { PortDescription, PortSetup } from '../../native/dpdk-addon.ts';
import { AeronError } from '../../util/errors.ts';
import { BURST_CAPACITY } from '../device.ts';

/** What a port can do, and what of it is used: bits that `native/dpdk_port.h` knows, too. */
export const RX_IPV4_CHECKSUM = 1;
export const RX_UDP_CHECKSUM = 2;
export const RX_VLAN_STRIP = 4;
export const RX_SCATTER = 8;
export const TX_IPV4_CHECKSUM = 16;
export const TX_UDP_CHECKSUM_INSERT = 32;
export const TX_VLAN_INSERT = 64;
export const TX_FAST_FREE = 128;
export const RSS_IPV4 = 256;
export const RSS_IPV4_UDP = 512;
export const RSS_IPV6 = 1024;
export const RSS_IPV6_UDP = 2048;
export const TX_SEGMENTS = 4096;

/** Who reads payloads where they lie: nobody, the driver's own code, the card. */
export const LENDING_NONE = 0;
export const LENDING_TO_PROCESSOR = 1;
export const LENDING_TO_DEVICE = 2;

/** Virtual ports whose code, or that of the port at their other end, reads what it is given from wherever it lies. */
const READING_DRIVERS: ReadonlySet<string> = new Set(['net_vhost', 'net_ring', 'net_tap', 'net_af_packet']);
const RSS = RSS_IPV4 | RSS_IPV4_UDP | RSS_IPV6 | RSS_IPV6_UDP;

/** What is wanted of a port. */
export interface PortWishes {
  /** IP MTU, bytes; 0 keeps the port's. */
  readonly mtu: number;
  /** Descriptors. */
  readonly rxQueueSize: number;
  readonly txQueueSize: number;
  /** Queue pairs. */
  readonly queues: number;
  /** VLAN whose frames are sent and received, 1 to 4094; 0: frames without a tag. */
  readonly vlanId: number;
  /** Whether frames to others are let in. */
  readonly isPromiscuous: boolean;
  /** Whether the card may see to checksums and VLAN tags where it can. */
  readonly usesOffloads: boolean;
  /** Whether its owner may sleep until a frame comes. */
  readonly wantsRxInterrupts: boolean;
  /** Payloads from this many bytes on are sent from where they lie, where the port can; 0: all are copied. */
  readonly txReferenceMin: number;
  /** Buffers that a thread keeps at hand. */
  readonly poolCacheLength: number;
  /** Who manages free buffers; `''` leaves it to DPDK. */
  readonly poolOperations: string;
}

export const DEFAULT_WISHES: PortWishes = {
  mtu: 0,
  rxQueueSize: 1024,
  txQueueSize: 1024,
  queues: 1,
  vlanId: 0,
  isPromiscuous: false,
  usesOffloads: true,
  wantsRxInterrupts: false,
  txReferenceMin: 0,
  poolCacheLength: 256,
  poolOperations: '',
};

/** How a port is set up, and why not as it was wished. */
export interface PortPlan extends PortSetup {
  /** What is not as it was wished, a sentence each. */
  readonly notes: readonly string[];
}

/** Ethernet header, one VLAN tag, frame check sequence. */
const FRAME_OVERHEAD = 22;
/** The same without a tag. */
const ETHERNET_OVERHEAD = 18;
const UINT16_MAX = 65535;
/** Room before a frame to send, beyond the room that DPDK leaves in any case: `kTxDataOffset` of the addon. */
const TX_OFFSET_EXCESS = 22;
/** Some cards receive in units of 1 KiB, and others halve what is not a power of two. */
const BUFFER_LENGTH_MIN = 2048;
const BUFFER_LENGTH_UNIT = 1024;
/** Ethernet's own; longer frames may come in pieces. */
const PLAIN_MTU = 1500;

/**
 * Decides how a port is set up: as wished where it can, as near as its limits allow where not. A frame in one buffer is
 * the rule, whatever the MTU: memory is cheaper than a second look.
 * @throws AeronError `DPDK_PORT` when the port cannot have the MTU or the queue pairs.
 */
export function planPort(port: PortDescription, given: Partial<PortWishes>): PortPlan {
  const wishes = { ...DEFAULT_WISHES, ...given };
  const { queues } = wishes;
  if (queues > port.rxQueuesMax || queues > port.txQueuesMax) {
    throw new AeronError(
      'DPDK_PORT',
      `${port.driverName}: ${queues} queue pairs are wanted, one for each network agent, and the port has ` +
        `${port.rxQueuesMax} receive and ${port.txQueuesMax} transmit queues. Set aeron.network.agents to fewer ` +
        `(virtual devices are given queues with queues=${queues}).`,
    );
  }
  const mtu = wishes.mtu === 0 ? port.mtu : wishes.mtu;
  const mtuMax = Math.min(port.mtuMax, port.frameLengthMax - frameOverhead(port));
  if (mtu < port.mtuMin || mtu > mtuMax) {
    throw new AeronError(
      'DPDK_PORT',
      `${port.driverName}: MTU ${mtu} is outside the port's ${port.mtuMin} to ${mtuMax}. Set aeron.dpdk.mtu to one of those.`,
    );
  }
  const notes: string[] = [];
  const rxRingLength = ringLength('receive', wishes.rxQueueSize, port.rxRingMin, port.rxRingMax, notes);
  const txRingLength = ringLength('transmit', wishes.txQueueSize, port.txRingMin, port.txRingMax, notes);
  const offloads = offloadsOf(port.offloads, mtu, wishes);
  if (queues > 1 && (offloads & RSS) === 0) {
    notes.push(
      'the port does not share arrivals out among its queues by flow: one network agent hands over the others theirs',
    );
  }
  const lending = wishes.txReferenceMin === 0 ? LENDING_NONE : lendingOf(port, notes);
  const { poolCacheLength } = wishes;
  return {
    queues,
    mtu,
    rxRingLength,
    txRingLength,
    // Ports that free buffers fast want each packet in one.
    offloads: lending === LENDING_NONE ? offloads : (offloads & ~TX_FAST_FREE) | TX_SEGMENTS,
    lending,
    vlanId: wishes.vlanId,
    isPromiscuous: wishes.isPromiscuous,
    hasRxInterrupts: wishes.wantsRxInterrupts,
    bufferLength: bufferLength(mtu, port.rxBufferLengthMin),
    // Rings, what is in hand at both ends of a burst, and caches: the queue owner's, and that of the one who fills rings.
    bufferCount: rxRingLength + txRingLength + 4 * BURST_CAPACITY + 4 * poolCacheLength,
    poolCacheLength,
    poolOperations: wishes.poolOperations,
    notes,
  };
}

/** Who may read payloads where they lie. */
function lendingOf({ driverName, deviceName, offloads, iovaMode }: PortDescription, notes: string[]): number {
  const refuse = (why: string): number => {
    notes.push(`payloads are copied: ${why}`);
    return LENDING_NONE;
  };
  if ((offloads & TX_SEGMENTS) === 0) return refuse('the port sends frames in one piece');
  if (READING_DRIVERS.has(driverName)) return LENDING_TO_PROCESSOR;
  if (driverName === 'net_virtio_user')
    return refuse("the port's other end reaches no memory but DPDK's own");
  if (!PCI_ADDRESS.test(deviceName))
    return refuse('this kind of virtual port may keep or pass on what it is given');
  if (iovaMode !== 'va') return refuse('without an IOMMU the card cannot reach the memory of logs');
  return LENDING_TO_DEVICE;
}

const PCI_ADDRESS = /^[\da-f]{4}:[\da-f]{2}:[\da-f]{2}\.[\da-f]$/;

/** What of the longest frame is not its packet, as DPDK reckons: some drivers name no true MTU, but a true frame. */
function frameOverhead({ mtuMax, frameLengthMax }: PortDescription): number {
  const isTold = mtuMax !== UINT16_MAX && frameLengthMax > mtuMax;
  return isTold ? frameLengthMax - mtuMax : ETHERNET_OVERHEAD;
}

/** The largest frame, in whole units. */
function bufferLength(mtu: number, lengthMin: number): number {
  const frame = Math.max(mtu + FRAME_OVERHEAD + TX_OFFSET_EXCESS, lengthMin);
  return Math.max(BUFFER_LENGTH_MIN, Math.ceil(frame / BUFFER_LENGTH_UNIT) * BUFFER_LENGTH_UNIT);
}

/** A power of two, which all drivers take: the next one, or the nearest that the port allows. */
function ringLength(which: string, wanted: number, min: number, max: number, notes: string[]): number {
  const largest = max === 0 ? 32768 : 2 ** Math.floor(Math.log2(max));
  const length = Math.max(Math.min(2 ** Math.ceil(Math.log2(wanted)), largest), min);
  if (length !== wanted) {
    const limits = `powers of two from ${Math.max(min, 1)} to ${largest}`;
    notes.push(`${wanted} ${which} descriptors are wanted, the port has ${length} (it takes ${limits})`);
  }
  return length;
}

function offloadsOf(can: number, mtu: number, { queues, vlanId, usesOffloads }: PortWishes): number {
  let wanted = TX_FAST_FREE;
  if (queues > 1) wanted |= RSS;
  if (mtu > PLAIN_MTU) wanted |= RX_SCATTER;
  if (usesOffloads) {
    wanted |= RX_IPV4_CHECKSUM | RX_UDP_CHECKSUM | TX_UDP_CHECKSUM_INSERT;
    // Some cards insert both checksums or none.
    if ((can & TX_UDP_CHECKSUM_INSERT) !== 0) wanted |= TX_IPV4_CHECKSUM;
    if (vlanId !== 0) wanted |= RX_VLAN_STRIP | TX_VLAN_INSERT;
  }
  return can & wanted;
}

const OFFLOAD_NAMES: readonly (readonly [number, string])[] = [
  [RX_IPV4_CHECKSUM, 'rx-ipv4-checksum'],
  [RX_UDP_CHECKSUM, 'rx-udp-checksum'],
  [RX_VLAN_STRIP, 'rx-vlan-strip'],
  [RX_SCATTER, 'rx-scatter'],
  [TX_IPV4_CHECKSUM, 'tx-ipv4-checksum'],
  [TX_UDP_CHECKSUM_INSERT, 'tx-udp-checksum'],
  [TX_VLAN_INSERT, 'tx-vlan-insert'],
  [TX_FAST_FREE, 'tx-fast-free'],
  [RSS_IPV4, 'rss-ipv4'],
  [RSS_IPV4_UDP, 'rss-ipv4-udp'],
  [RSS_IPV6, 'rss-ipv6'],
  [RSS_IPV6_UDP, 'rss-ipv6-udp'],
  [TX_SEGMENTS, 'tx-segments'],
];

/** What the bits are called, to show. */
export function offloadNames(offloads: number): string[] {
  return OFFLOAD_NAMES.filter(([bit]) => (offloads & bit) !== 0).map(([, name]) => name);
}
