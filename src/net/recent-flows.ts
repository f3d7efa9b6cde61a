// hot

const CAPACITY = 1024;
const MASK = CAPACITY - 1;

/**
 * Whom we sent to lately, from which port: what an ICMP error may quote. A flow is noted when another one had its turn before,
 * so a datagram of a burst costs nothing. Two flows of the same place displace each other.
 */
export class RecentFlows {
  private readonly addresses: Int32Array = new Int32Array(CAPACITY);
  private readonly ports: Int32Array = new Int32Array(CAPACITY);

  /** `ports` are the source's, in the upper half, and the destination's. */
  add(address: number, ports: number): void {
    const place = placeOf(address, ports);
    this.addresses[place] = address;
    this.ports[place] = ports;
  }

  has(address: number, ports: number): boolean {
    const place = placeOf(address, ports);
    return this.addresses[place] === address && this.ports[place] === ports;
  }
}

function placeOf(address: number, ports: number): number {
  return (Math.imul(address ^ Math.imul(ports, 0x85ebca6b), 0x9e3779b1) >>> 22) & MASK;
}
