import { loadAddon, shm } from './addons.ts';

/** A socket as the kernel made it. */
export interface OpenedSocket {
  /** Of IPv6 it is in the table of the set, and this is 0. */
  readonly localAddress: number;
  readonly localPort: number;
  readonly receiveBufferLength: number;
  readonly sendBufferLength: number;
}

/**
 * Non-blocking UDP sockets in sets, one for each transport; native/udp*.h say what the words in memory are.
 * A set belongs to the isolate that created it.
 */
export interface UdpAddon {
  attach(regionTable: bigint): void;
  createSet(
    slotsHandle: number,
    slotLength: number,
    burst: number,
    incomingHandle: number,
    statisticsHandle: number,
    isCoalescing: boolean,
    ipv6Handle: number,
  ): number;
  destroySet(set: number): void;
  open(
    set: number,
    endpoint: number,
    localAddress: number,
    localPort: number,
    remoteAddress: number,
    remotePort: number,
    receiveBufferLength: number,
    sendBufferLength: number,
    groupAddress: number,
    interfaceAddress: number,
    ttl: number,
    isTimed: boolean,
    interfaceIndex: number,
    isIpv6: boolean,
  ): OpenedSocket;
  reconnect(set: number, endpoint: number, remoteAddress: number, remotePort: number): void;
  close(set: number, endpoint: number): void;
  receive(set: number): number;
  send(
    set: number,
    endpoint: number,
    outgoingHandle: number,
    count: number,
    address: number,
    port: number,
  ): number;
}

/** Loads the udp addon and shows it where regions are. Throws as {@link loadAddon}. */
export function loadUdp(): UdpAddon {
  const udp = loadAddon<UdpAddon>('udp');
  udp.attach(shm.regionTable);
  return udp;
}
