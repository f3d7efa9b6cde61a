import { lookup } from 'node:dns/promises';
import { AeronError, messageOf } from '../../util/errors.ts';
import { isMulticast, isWildcard } from '../../util/ip-address.ts';
import { parseIpAddress } from '../../util/ip-text.ts';

export interface Peer {
  readonly address: number;
  /** Null: none was given. */
  readonly port: number | null;
}

const PORT_MAX = 65535;

/**
 * Reads `10.0.0.2`, `10.0.0.2:40123`, `[fd00::2]:40123`, `host:40123`; looks names up.
 * @throws AeronError `INVALID_PEER`
 */
export async function readPeer(text: string): Promise<Peer> {
  const bare = parseIpAddress(text);
  if (bare !== null) return { address: unicast(bare, text), port: null };
  const [, bracketed, name, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? null : Number(digits);
  const host = bracketed ?? name;
  if (host === undefined || port === 0 || (port !== null && port > PORT_MAX)) {
    throw new AeronError(
      'INVALID_PEER',
      `"${text}" is no peer. Write 10.0.0.2, 10.0.0.2:40123, [fd00::2]:40123 or host:40123.`,
    );
  }
  const literal = parseIpAddress(host);
  if (literal !== null) return { address: unicast(literal, text), port };
  try {
    const found = parseIpAddress((await lookup(host, { order: 'ipv4first' })).address);
    if (found !== null) return { address: unicast(found, text), port };
  } catch (error) {
    throw new AeronError('INVALID_PEER', `"${host}" has no address: ${messageOf(error)}. Write the address.`);
  }
  throw new AeronError('INVALID_PEER', `"${host}" has no address that can be used. Write the address.`);
}

/** Reads `10.0.0.1` and `10.0.0.1/24`, an address of ours. Throws AeronError `INVALID_INTERFACE`. */
export function readInterface(text: string): number {
  const address = parseIpAddress(text.replace(/\/\d{1,3}$/, ''));
  if (address !== null && !isMulticast(address) && !isWildcard(address)) return address;
  throw new AeronError(
    'INVALID_INTERFACE',
    `"${text}" is no address of this machine. Write 10.0.0.1 or 10.0.0.1/24, as in a channel's interface=.`,
  );
}

function unicast(address: number, text: string): number {
  if (!isMulticast(address) && !isWildcard(address)) return address;
  throw new AeronError(
    'INVALID_PEER',
    `"${text}" is not the address of one host. Write that of a host; groups have many members, or none.`,
  );
}
