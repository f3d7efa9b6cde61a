import type { Ipv4Address } from '../../transport/transport.ts';
import { knownAddress } from '../conductor/name-resolver.ts';

/** @throws Error when `text` is not `host:port`. */
export function splitHostAndPort(text: string): { host: string; port: number } {
  const [, host, port] = /^([^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65535) throw new Error(`${text} is not host:port`);
  return { host, port: Number(port) };
}

/**
 * The address that a resolver is bound to, `0.0.0.0:8050` for instance.
 * @throws Error when `text` is not an IPv4 address or `localhost`, and a port.
 */
export function parseResolverAddress(text: string): { host: Ipv4Address; port: number } {
  const { host, port } = splitHostAndPort(text);
  const address = knownAddress(host);
  if (address === null) throw new Error(`${host} is not an IPv4 address`);
  return { host: address, port };
}
