import type { UdpAddresses } from './channel.ts';
import type { ChannelEndpoint, EndpointKind } from './channel-endpoint.ts';

/** Endpoints by id, by where they are and by tag, so that none is looked for among all. */
export class EndpointIndex {
  private readonly byId: Map<number, ChannelEndpoint> = new Map();
  private readonly byAddresses: Map<string, Set<ChannelEndpoint>> = new Map();
  private readonly byTag: Map<number, Set<ChannelEndpoint>> = new Map();

  get(id: number): ChannelEndpoint | undefined {
    return this.byId.get(id);
  }

  all(): Iterable<ChannelEndpoint> {
    return this.byId.values();
  }

  add(endpoint: ChannelEndpoint): void {
    this.byId.set(endpoint.id, endpoint);
    addTo(this.byAddresses, keyOf(endpoint.kind, endpoint.addresses), endpoint);
    if (endpoint.channel.tag !== null) addTo(this.byTag, endpoint.channel.tag, endpoint);
  }

  delete(endpoint: ChannelEndpoint): void {
    this.byId.delete(endpoint.id);
    deleteFrom(this.byAddresses, keyOf(endpoint.kind, endpoint.addresses), endpoint);
    if (endpoint.channel.tag !== null) deleteFrom(this.byTag, endpoint.channel.tag, endpoint);
  }

  /** Runs `change`, by which the addresses of an endpoint become others. */
  move(endpoint: ChannelEndpoint, change: () => void): void {
    this.delete(endpoint);
    change();
    this.add(endpoint);
  }

  /** Endpoints at these addresses, the oldest first. */
  at(kind: EndpointKind, addresses: UdpAddresses): Iterable<ChannelEndpoint> {
    return this.byAddresses.get(keyOf(kind, addresses)) ?? [];
  }

  /** Endpoints with this tag, the oldest first. */
  tagged(tag: number): Iterable<ChannelEndpoint> {
    return this.byTag.get(tag) ?? [];
  }
}

/** What two channels must have in common to mean the same endpoint. */
function keyOf(
  kind: EndpointKind,
  { localAddress, localPort, remoteAddress, remotePort, control }: UdpAddresses,
): string {
  return [kind, localAddress, localPort, remoteAddress, remotePort, control?.address, control?.port].join(
    ' ',
  );
}

function addTo<K>(sets: Map<K, Set<ChannelEndpoint>>, key: K, endpoint: ChannelEndpoint): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([endpoint]));
  else known.add(endpoint);
}

function deleteFrom<K>(sets: Map<K, Set<ChannelEndpoint>>, key: K, endpoint: ChannelEndpoint): void {
  const known = sets.get(key);
  known?.delete(endpoint);
  if (known?.size === 0) sets.delete(key);
}
