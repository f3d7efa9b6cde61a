// hot

/** What {@link IpStack.startDatagrams} says. */
export const READY = 0;
/** The neighbour's Ethernet address is being asked for: try again. */
export const UNRESOLVED = -1;
/** There is no route, or the neighbour has been silent: datagrams would be lost. */
export const UNREACHABLE = -2;
