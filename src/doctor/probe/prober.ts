import { isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import {
  type AeronEvidence,
  type EchoEvidence,
  type Evidence,
  headersLength,
  type LinkEvidence,
  type NeighbourEvidence,
  type PathMtuEvidence,
  type Question,
} from './evidence.ts';

/** What carries our packets: kernel sockets, or a DPDK port with a stack of our own. Every answer comes within seconds. */
export interface Ground {
  link(): Promise<LinkEvidence>;
  neighbour(): Promise<NeighbourEvidence>;
  /** Whether an echo comes back, in an IP packet of `packetLength` bytes that must not be cut in pieces. */
  echo(packetLength: number): Promise<EchoEvidence>;
  /** Sends setup frames until a status message comes. The stream that they announce ends at once. */
  setup(port: number): Promise<AeronEvidence>;
  close(): void;
}

const SMALL_PACKET_LENGTH = 84;

/** Asks one layer after the other, until one fails that the rest needs. `isStopped` is looked at between questions. */
export async function probe(ground: Ground, question: Question, isStopped: () => boolean): Promise<Evidence> {
  const { address, port, mtuLength } = question;
  const link = await ground.link();
  const start = { peer: formatIpAddress(address), isIpv6: isIpv6(address), question, link };
  const nothing = { neighbour: null, echo: null, pathMtu: null, aeron: null };
  if (link.state !== 'up' || isStopped()) return { ...start, ...nothing };
  const neighbour = await ground.neighbour();
  if (neighbour.state === 'silent' || isStopped()) return { ...start, ...nothing, neighbour };
  const echo = await ground.echo(SMALL_PACKET_LENGTH);
  const needed = mtuLength + headersLength(start.isIpv6);
  const pathMtu =
    echo.state === 'answered' && !isStopped() ? await pathMtuOf(ground, link.mtu, needed, isStopped) : null;
  // A receiver may answer where echoes are filtered.
  const aeron = port === null || isStopped() ? null : await ground.setup(port);
  return { ...start, neighbour, echo, pathMtu, aeron };
}

/** By halves between a packet that was answered and one that was not. */
async function pathMtuOf(
  ground: Ground,
  linkMtu: number,
  needed: number,
  isStopped: () => boolean,
): Promise<PathMtuEvidence> {
  const passes = async (length: number): Promise<boolean> => (await ground.echo(length)).state === 'answered';
  const longest = linkMtu === 0 ? needed : Math.min(needed, linkMtu);
  if (await passes(longest)) return { needed, largest: longest };
  let largest = SMALL_PACKET_LENGTH;
  let tooLong = longest;
  while (tooLong - largest > 1 && !isStopped()) {
    const middle = (largest + tooLong) >> 1;
    if (await passes(middle)) largest = middle;
    else tooLong = middle;
  }
  return { needed, largest };
}
