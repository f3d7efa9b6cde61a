// hot

/** Hears of every neighbour that says something of itself, and of routers that ask for members of groups. */
export interface NeighbourListener {
  tell(address: number, macHigh: number, macLow: number): void;
  /** As {@link GroupMembership.onQuery}. */
  tellQuery(group: number, version: number, responseTime: number): void;
}
