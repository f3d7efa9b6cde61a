// hot
import { AeronError } from '../../util/errors.ts';
import { isWildcard } from '../../util/ip-address.ts';
import type { IpAddress } from '../transport.ts';
import type { BypassEndpoint } from './bypass-endpoint.ts';
import { PortTable } from './port-table.ts';

/** Ports that are tried for one that is free at every address. */
const ATTEMPTS = 65536;

/** Which endpoint has which UDP port of which address of ours, of one family. An endpoint without an address has it at all. */
export class AddressPorts {
  /** Of the first address; of none, where there is none. */
  readonly first: PortTable;
  private readonly addresses: Int32Array;
  /** By the index of the address. */
  private readonly tables: readonly PortTable[];

  /** As for {@link PortTable}. */
  constructor(addresses: Int32Array, agentIndex: number, agentCount: number) {
    this.addresses = addresses;
    this.tables = Array.from(
      { length: Math.max(1, addresses.length) },
      () => new PortTable(agentIndex, agentCount),
    );
    this.first = this.tables[0]!;
  }

  /** Null: nobody has it. */
  find(address: IpAddress, port: number): BypassEndpoint | null {
    const { addresses } = this;
    for (let i = 0; i < addresses.length; i++)
      if (addresses[i] === address) return this.tables[i]!.find(port);
    return null;
  }

  /** The port itself, or a free one for 0. Throws AeronError `EADDRINUSE` when there is none. Cold. */
  choose(address: IpAddress, port: number): number {
    const [first, ...others] = this.tablesOf(address);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const chosen = first!.choose(port);
      if (others.every((table) => table.find(chosen) === null)) return chosen;
      if (port !== 0) break;
    }
    throw new AeronError(
      'EADDRINUSE',
      `UDP port ${port} has an endpoint at one of our addresses. Choose another port.`,
    );
  }

  /** Cold. */
  add(endpoint: BypassEndpoint): void {
    for (const table of this.tablesOf(endpoint.localAddress)) table.add(endpoint.localPort, endpoint);
  }

  /** Cold. */
  remove(endpoint: BypassEndpoint): void {
    for (const table of this.tablesOf(endpoint.localAddress)) table.remove(endpoint.localPort);
  }

  /** Cold. */
  private tablesOf(address: IpAddress): readonly PortTable[] {
    return isWildcard(address) ? this.tables : this.tables.filter((_, i) => this.addresses[i] === address);
  }
}
