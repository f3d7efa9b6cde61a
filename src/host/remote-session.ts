import { SocketAddress } from 'node:net';
import type { Host } from './host.ts';
import { readAncestors, readEnvironment, readOpenFiles, readProcessName } from './process.ts';

/** A connection that whoever runs this process may be sitting behind. */
export interface RemoteSession {
  /** This machine's address in it, without zone. */
  readonly address: string;
  /** The interface, when the address is link-local and names one. */
  readonly interfaceName: string | null;
  /** How it is known. */
  readonly evidence: string;
}

const ESTABLISHED = '01';

/**
 * The connections by which this process may be controlled: what SSH says in the environment of it and its ancestors (sudo
 * takes the variable away, the shell above it has it still), and TCP connections that an ancestor holds, as sshd does.
 * @param sshConnection SSH_CONNECTION of this process: client, its port, server, its port.
 */
export function readRemoteSessions(
  host: Host,
  pid: number,
  sshConnection: string | undefined,
): RemoteSession[] {
  const ancestors = readAncestors(host, pid);
  const said = [sshConnection ?? null, ...ancestors.map((id) => readEnvironment(host, id, 'SSH_CONNECTION'))]
    .map((text) => text?.split(' ')[2])
    .filter((server) => server !== undefined)
    .map((server) => ({ ...splitZone(server), evidence: 'SSH_CONNECTION' }));
  const sockets = readEstablished(host);
  const held = ancestors.flatMap((id) =>
    readOpenFiles(host, id).flatMap((file) => {
      const address = sockets.get(/^socket:\[(\d+)\]$/.exec(file)?.[1] ?? '');
      if (address === undefined) return [];
      return [{ address, interfaceName: null, evidence: `process ${id} (${readProcessName(host, id)})` }];
    }),
  );
  const known = new Set<string>();
  return [...said, ...held].filter(({ address }) => !known.has(address) && known.add(address));
}

/** An address as the kernel prints it, so that two ways to write one are the same; IPv4 in IPv6 is IPv4. */
export function canonicalAddress(text: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text);
  if (mapped !== null) return mapped[1]!;
  if (!text.includes(':')) return text;
  try {
    return new SocketAddress({ address: text, family: 'ipv6' }).address;
  } catch {
    return text;
  }
}

function splitZone(text: string): Pick<RemoteSession, 'address' | 'interfaceName'> {
  const [address = '', zone] = text.split('%');
  return { address: canonicalAddress(address), interfaceName: zone ?? null };
}

/** Local addresses of established TCP connections, by the inode of their socket. */
function readEstablished(host: Host): Map<string, string> {
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) =>
    (host.text(path) ?? '').split('\n').slice(1),
  );
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state !== ESTABLISHED || local === undefined || inode === undefined) return [];
      return [[inode, addressOf(local.split(':')[0]!)]];
    }),
  );
}

/** Hexadecimal in words of 32 bits, each in the byte order of a little-endian machine. */
function addressOf(hex: string): string {
  const bytes = (hex.toLowerCase().match(/.{8}/g) ?? []).flatMap((word) => word.match(/../g)!.reverse());
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join('.');
  const text = bytes.join('').match(/.{4}/g)?.join(':') ?? '';
  // ::ffff:0:0/96 holds IPv4.
  if (bytes.slice(0, 12).join('') === '00000000000000000000ffff') {
    return bytes
      .slice(12)
      .map((byte) => parseInt(byte, 16))
      .join('.');
  }
  return canonicalAddress(text);
}
