// hot
import { AeronError } from '../../util/errors.ts';
import { ownerOf } from '../port-owner.ts';
import type { BypassEndpoint } from './bypass-endpoint.ts';

const PORTS = 65536;
/** The range RFC 6335 leaves for ports that nobody chose. */
const EPHEMERAL_FIRST = 49152;

/**
 * Which endpoint has which UDP port of an address of ours, of those ports that belong to this network agent. One word a port: a
 * look-up is one load, whatever strangers send.
 */
export class PortTable {
  /** Index into `endpoints`; 0, whose endpoint is null, where the port is free. */
  private readonly indexes: Uint16Array = new Uint16Array(PORTS);
  private readonly endpoints: (BypassEndpoint | null)[] = [null];
  private readonly agentIndex: number;
  private readonly agentCount: number;
  private nextEphemeral = EPHEMERAL_FIRST;

  constructor(agentIndex: number, agentCount: number) {
    this.agentIndex = agentIndex;
    this.agentCount = agentCount;
  }

  find(port: number): BypassEndpoint | null {
    return this.endpoints[this.indexes[port]!]!;
  }

  /** The port itself, or a free one for 0. Throws AeronError `EADDRINUSE` when there is none. */
  choose(port: number): number {
    if (port !== 0) {
      if (!this.isOurs(port)) {
        throw new AeronError(
          'EADDRNOTAVAIL',
          `UDP port ${port} is not of network agent ${this.agentIndex}, which has every ${this.agentCount}th. ` +
            `For destinations of a subscription choose multiples of ${this.agentCount}, or set aeron.network.agents=1.`,
        );
      }
      if (this.find(port) === null) return port;
      throw new AeronError('EADDRINUSE', `UDP port ${port} has an endpoint already. Choose another port.`);
    }
    for (let i = EPHEMERAL_FIRST; i < PORTS; i++) {
      const candidate = this.nextEphemeral;
      this.nextEphemeral = candidate + 1 < PORTS ? candidate + 1 : EPHEMERAL_FIRST;
      if (this.isOurs(candidate) && this.find(candidate) === null) return candidate;
    }
    throw new AeronError(
      'EADDRINUSE',
      `every UDP port from ${EPHEMERAL_FIRST} on has an endpoint. Close some.`,
    );
  }

  private isOurs(port: number): boolean {
    return ownerOf(port, this.agentCount) === this.agentIndex;
  }

  add(port: number, endpoint: BypassEndpoint): void {
    let index = this.endpoints.indexOf(null, 1);
    if (index < 0) index = this.endpoints.length;
    this.endpoints[index] = endpoint;
    this.indexes[port] = index;
  }

  remove(port: number): void {
    this.endpoints[this.indexes[port]!] = null;
    this.indexes[port] = 0;
  }
}
