import type { IpAddress } from '../../transport/transport.ts';
import { knownAddress } from '../conductor/name-resolver.ts';

/** @throws Error when `text` is not `host:port` or `[address]:port`. */
export function splitHostAndPort(text: string): { host: string; port: number } {
  const [, host6, host4, port] = /^(?:\[([^\]\s]+)\]|([^:[\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = host6 ?? host4;
  if (host === undefined || Number(port) > 65535)
    throw new Error(`${text} is not host:port or [address]:port`);
  return { host, port: Number(port) };
}

/**
 * The address that a resolver is bound to, `0.0.0.0:8050` or `[::]:8050` for instance.
 * @throws Error when `text` is not an address or `localhost`, and a port.
 */
export function parseResolverAddress(text: string): { host: IpAddress; port: number } {
  const { host, port } = splitHostAndPort(text);
  const address = knownAddress(host);
  if (address === null) throw new Error(`${host} is not an IP address`);
  return { host: address, port };
}
