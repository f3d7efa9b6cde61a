import type { Ipv4Address } from '../../transport/transport.ts';
import type { UdpAddresses, UdpChannel } from './channel.ts';
import type { CommandError } from './command-error.ts';
import type { SocketBuffers } from './parameters.ts';

export type EndpointKind = 'send' | 'receive';

/**
 * A UDP endpoint that the network agent has, or is about to have, for publications or subscriptions on one channel.
 *
 * ```
 *   opening → active → closing
 *         ↘ failed
 * ```
 */
export class ChannelEndpoint {
  readonly id: number;
  readonly kind: EndpointKind;
  readonly channel: UdpChannel;
  readonly buffers: SocketBuffers;
  /** Correlation id of the command that made it. */
  readonly registrationId: number;
  state: 'opening' | 'active' | 'closing' | 'failed' = 'opening';
  /** Why, when it failed. */
  error: CommandError | null = null;
  addresses: UdpAddresses;
  /** Bytes the receive side really has. */
  receiveBufferLength = 0;
  /** When somebody answered it last, or it was opened. */
  lastActiveNs = 0;
  statusCounterId = -1;
  localSockaddrCounterId = -1;
  /** Publications, or subscriptions and images. It closes when the last one goes. */
  users = 0;
  /** Subscriptions by what they want: a stream and a session (`null`: every session). */
  readonly interests: Map<string, number> = new Map();

  constructor(
    id: number,
    kind: EndpointKind,
    channel: UdpChannel,
    addresses: UdpAddresses,
    buffers: SocketBuffers,
    registrationId: number,
  ) {
    this.id = id;
    this.kind = kind;
    this.channel = channel;
    this.addresses = addresses;
    this.buffers = buffers;
    this.registrationId = registrationId;
  }

  get isMulticast(): boolean {
    return this.addresses.multicast !== null;
  }

  /** Whether its publications reach several receivers. */
  get hasGroupSemantics(): boolean {
    return this.isMulticast;
  }

  /** Whether another channel of the same kind means this endpoint. Those with a port to be chosen never do. */
  serves(kind: EndpointKind, channel: UdpChannel, addresses: UdpAddresses): boolean {
    return (
      kind === this.kind &&
      this.state !== 'failed' &&
      !channel.hasWildcardPort &&
      !this.channel.hasWildcardPort &&
      addresses.localAddress === this.addresses.localAddress &&
      addresses.localPort === this.addresses.localPort &&
      addresses.remoteAddress === this.addresses.remoteAddress &&
      addresses.remotePort === this.addresses.remotePort &&
      addresses.multicast?.groupAddress === this.addresses.multicast?.groupAddress &&
      addresses.multicast?.interfaceAddress === this.addresses.multicast?.interfaceAddress
    );
  }

  reconnected(remoteAddress: Ipv4Address): void {
    this.addresses = { ...this.addresses, remoteAddress };
  }
}
