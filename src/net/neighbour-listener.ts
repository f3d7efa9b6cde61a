// hot

/** Another stack of the port: hears of every neighbour that says something of itself, and of what routers and hosts say. */
export interface NeighbourListener {
  tell(address: number, macHigh: number, macLow: number): void;
  /** As {@link GroupMembership.onQuery}. */
  tellQuery(group: number, version: number, responseTime: number): void;
  /** A datagram from and to these ports did not arrive. Returns whether the source port is another stack's. */
  tellUnreachable(address: number, ports: number, code: number, mtu: number): boolean;
}
