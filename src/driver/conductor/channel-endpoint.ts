import type { IpAddress } from '../../transport/transport.ts';
import type { UdpAddresses, UdpChannel } from './channel.ts';
import type { CommandError } from './command-error.ts';
import type { Destination } from './destinations.ts';
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
  /** -1 unless a DPDK port carries it. */
  transportCounterId = -1;
  /** Counts destinations; -1 unless there may be several. */
  destinationsCounterId = -1;
  /** Of publications with `control-mode=manual`. */
  readonly destinations: Destination[] = [];
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
    const { controlMode } = this.channel;
    return this.isMulticast || controlMode === 'dynamic' || controlMode === 'manual';
  }

  /** Whether another channel of the same kind means this endpoint. Those with a port to be chosen never do. */
  serves(kind: EndpointKind, channel: UdpChannel, addresses: UdpAddresses): boolean {
    return (
      kind === this.kind &&
      this.state !== 'failed' &&
      !channel.hasWildcardPort &&
      !this.channel.hasWildcardPort &&
      (kind === 'receive' || channel.controlMode === this.channel.controlMode) &&
      addresses.localAddress === this.addresses.localAddress &&
      addresses.localPort === this.addresses.localPort &&
      addresses.remoteAddress === this.addresses.remoteAddress &&
      addresses.remotePort === this.addresses.remotePort &&
      addresses.control?.address === this.addresses.control?.address &&
      addresses.control?.port === this.addresses.control?.port &&
      addresses.multicast?.groupAddress === this.addresses.multicast?.groupAddress &&
      addresses.multicast?.interfaceAddress === this.addresses.multicast?.interfaceAddress
    );
  }

  /** Where the endpoint sends to by a name that may change its meaning: publications' data, subscriptions' control. */
  get remote(): { readonly host: string; readonly address: IpAddress; readonly port: number } {
    const { remoteAddress, remotePort, control } = this.addresses;
    return this.kind === 'send'
      ? { host: this.channel.endpointHost, address: remoteAddress, port: remotePort }
      : { host: this.channel.controlHost, address: control?.address ?? 0, port: control?.port ?? 0 };
  }

  reconnected(address: IpAddress): void {
    this.addresses =
      this.kind === 'send'
        ? { ...this.addresses, remoteAddress: address }
        : { ...this.addresses, control: { address, port: this.remote.port } };
  }
}
