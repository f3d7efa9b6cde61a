import {
  ETHERNET_DESTINATION,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_TYPE,
  MULTICAST_HIGH,
  multicastLow,
  TYPE_IPV4,
  writeEthernet,
} from '../net/ethernet.ts';
import {
  ALL_SYSTEMS,
  CHANGE_TO_INCLUDE,
  GROUP_RECORD_LENGTH,
  IGMP_GROUP,
  IGMP_LENGTH,
  IGMP_QUERY,
  IGMP_V1_REPORT,
  IGMP_V2_LEAVE,
  IGMP_V2_REPORT,
  IGMP_V3_REPORT,
  writeIgmpStart,
} from '../net/igmp.ts';
import {
  IPV4_DESTINATION,
  IPV4_PROTOCOL,
  ipv4HeaderLength,
  PROTOCOL_IGMP,
  ROUTER_ALERT_IPV4_HEADER_LENGTH,
  writeRouterAlertIpv4,
} from '../net/ipv4.ts';
import type { IpAddress } from '../transport/transport.ts';
import type { SimulatedNetwork, Station } from './simulated-network.ts';

const V3_QUERY_LENGTH = 12;
const RESPONSE_TENTHS = 1;
/** What is not answered to so many queries is left. */
const QUERIES_UNANSWERED_MAX = 2;
/** 224.0.0.0/24 is everybody's: RFC 4541, 2.1.2. */
const LINK_LOCAL = 0xe0000000 | 0;

export interface SwitchOptions {
  /** Its own address, as the router that asks. */
  readonly address: IpAddress;
  /** Of the queries that it sends: 2 or 3. */
  readonly igmpVersion: 2 | 3;
  readonly queryIntervalNs: number;
}

/**
 * What a switch with IGMP snooping and a querier does for the cards on a {@link SimulatedNetwork}: it asks who wants which
 * group, and lets a group's frames through to whom it has heard of within the last queries. RFC 2236, 3376, 4541.
 */
export class SimulatedSwitch implements Station {
  readonly address: IpAddress;
  private readonly network: SimulatedNetwork;
  private readonly options: SwitchOptions;
  /** Until when a member counts as one, by group and address. */
  private readonly members: Map<string, number> = new Map();
  private nextQueryNs: number;

  constructor(network: SimulatedNetwork, options: SwitchOptions) {
    this.address = options.address;
    this.network = network;
    this.options = options;
    this.nextQueryNs = network.time.nowNs;
    network.attach(this);
  }

  receive(): void {}

  /** Asks, when it is time. */
  transmit(): void {
    const { network, options } = this;
    if (network.time.nowNs < this.nextQueryNs) return;
    this.nextQueryNs = network.time.nowNs + options.queryIntervalNs;
    const bytes = this.query();
    const packet = {
      bytes,
      source: this.address,
      sourcePort: 0,
      destination: ALL_SYSTEMS,
      destinationPort: 0,
    };
    for (const to of network.addresses()) {
      if (to !== this.address) network.send({ ...packet, from: this.address, to, isFrame: true });
    }
  }

  /** Learns from a frame that a card sent to a group. Returns whether it is to go on to others. */
  hear(frame: Uint8Array, from: IpAddress): boolean {
    const view = viewOf(frame);
    if (!isIgmp(view)) return true;
    const message = ETHERNET_HEADER_LENGTH + ipv4HeaderLength(view, ETHERNET_HEADER_LENGTH);
    switch (view.getUint8(message)) {
      case IGMP_V1_REPORT:
      case IGMP_V2_REPORT:
        this.join(view.getInt32(message + IGMP_GROUP), from);
        break;
      case IGMP_V2_LEAVE:
        this.members.delete(keyOf(view.getInt32(message + IGMP_GROUP), from));
        break;
      case IGMP_V3_REPORT:
        this.hearRecords(view, message, from);
        break;
      default:
        break;
    }
    // Reports are for routers: hosts that heard them would not say what the switch needs to know of them too.
    return false;
  }

  /** Whether a frame to a group goes to that station. */
  passes(frame: Uint8Array, to: IpAddress): boolean {
    const view = viewOf(frame);
    if (view.getUint16(ETHERNET_DESTINATION) !== MULTICAST_HIGH) return true;
    const group = view.getInt32(ETHERNET_HEADER_LENGTH + IPV4_DESTINATION);
    if ((group & 0xffffff00) === LINK_LOCAL) return true;
    return this.network.time.nowNs < (this.members.get(keyOf(group, to)) ?? 0);
  }

  private hearRecords(view: DataView, message: number, from: IpAddress): void {
    const count = view.getUint16(message + 6);
    for (let i = 0; i < count; i++) {
      const record = message + IGMP_LENGTH + i * GROUP_RECORD_LENGTH;
      const group = view.getInt32(record + 4);
      if (view.getUint8(record) === CHANGE_TO_INCLUDE) this.members.delete(keyOf(group, from));
      else this.join(group, from);
    }
  }

  private join(group: IpAddress, member: IpAddress): void {
    const timeoutNs = (QUERIES_UNANSWERED_MAX + 0.5) * this.options.queryIntervalNs;
    this.members.set(keyOf(group, member), this.network.time.nowNs + timeoutNs);
  }

  /** Who is in any group? */
  private query(): Uint8Array {
    const length = this.options.igmpVersion === 3 ? V3_QUERY_LENGTH : IGMP_LENGTH;
    const message = ETHERNET_HEADER_LENGTH + ROUTER_ALERT_IPV4_HEADER_LENGTH;
    const frame = new Uint8Array(message + length);
    const view = viewOf(frame);
    writeEthernet(view, 0, MULTICAST_HIGH, multicastLow(ALL_SYSTEMS), 0x0200, this.address, TYPE_IPV4);
    const totalLength = ROUTER_ALERT_IPV4_HEADER_LENGTH + length;
    writeRouterAlertIpv4(view, ETHERNET_HEADER_LENGTH, totalLength, PROTOCOL_IGMP, this.address, ALL_SYSTEMS);
    writeIgmpStart(view, message, IGMP_QUERY, RESPONSE_TENTHS);
    view.setUint8(message + 1, RESPONSE_TENTHS);
    return frame;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function isIgmp(view: DataView): boolean {
  return (
    view.getUint16(ETHERNET_TYPE) === TYPE_IPV4 &&
    view.getUint8(ETHERNET_HEADER_LENGTH + IPV4_PROTOCOL) === PROTOCOL_IGMP
  );
}

function keyOf(group: IpAddress, member: IpAddress): string {
  return `${group} ${member}`;
}
