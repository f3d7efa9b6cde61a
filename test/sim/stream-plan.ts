/** What a seed says of its streams: how they travel, who sends and who receives, what the messages are like. */
import { formatIpv4 } from '../../src/util/ipv4.ts';
import type { Prng } from '../../src/util/prng.ts';

/** How a stream gets to its subscribers. */
export type StreamKind =
  | 'ipc'
  | 'udp'
  /** Of the publisher's own machine, beside others or alone. */
  | 'spy'
  /** Receivers make themselves known. */
  | 'multi-destination-cast'
  /** Destinations are told, and come and go. */
  | 'manual-multi-destination-cast'
  | 'multicast'
  /** One stream that arrives at two ports, and is one image. */
  | 'merged-subscription'
  /** Streams of their own, by several ways: ports, IPC, spies. */
  | 'multi-destination-subscription';

/** One end of a stream, as a client adds it. */
export interface StreamEnd {
  readonly host: number;
  readonly channel: string;
  /** Added to it afterwards. */
  readonly destinations: readonly string[];
}

export interface SubscriberEnd extends StreamEnd {
  /** False: it is left behind rather than that others wait for it. */
  readonly isTethered: boolean;
  /**
   * Spies take the stream along as fast as memory is while no receiver is known: until a new one is, they may be further
   * than its window.
   */
  readonly isOutrun: boolean;
  /** Reads nothing until the publishers have closed; untethered, and not alone. */
  readonly isStuck: boolean;
}

export interface StreamPlan {
  readonly index: number;
  readonly name: string;
  readonly kind: StreamKind;
  readonly streamId: number;
  readonly isReliable: boolean;
  readonly isExclusive: boolean;
  /** Whether receivers measure and adapt their window. */
  readonly isCubic: boolean;
  /** Whether several machines receive: who comes late may be outrun by the others, whatever the flow control is. */
  readonly isOfSeveral: boolean;
  /** Whether several machines receive and the fastest sets the pace: others may be outrun again and again. */
  readonly isOfFastest: boolean;
  /** Null: as the driver's settings say. */
  readonly lingerMs: number | null;
  readonly publishers: readonly StreamEnd[];
  readonly subscribers: readonly SubscriberEnd[];
  /** Bytes of the longest message, as a share of the longest there can be. */
  readonly messageLengths: 'tiny' | 'small' | 'mixed' | 'long';
  /** Probability of offering in a step, and messages at most then. */
  readonly offerRate: number;
  readonly burst: number;
  readonly claimShare: number;
}

/** What a stream is drawn from. */
export class StreamDraw {
  readonly prng: Prng;
  readonly addresses: readonly number[];

  constructor(prng: Prng, addresses: readonly number[]) {
    this.prng = prng;
    this.addresses = addresses;
  }

  pick<T>(...values: readonly T[]): T {
    return values[this.prng.nextBelow(values.length)]!;
  }

  chance(probability: number): boolean {
    return this.prng.nextFraction() < probability;
  }

  stream(index: number): StreamPlan {
    const kind = this.kind();
    const isExclusive = this.chance(0.5);
    const isReliable = kind === 'ipc' || kind === 'spy' || this.chance(0.8);
    const isCubic = kind !== 'ipc' && this.chance(0.25);
    const lingerMs = this.chance(0.3) ? this.pick(10, 300) : null;
    const layout = this.layout(kind, this.portOf(kind, index));
    const count = isExclusive || layout.publishers.length > 1 ? 1 : this.pick(1, 1, 2);
    const publishing = this.publicationParameters(isExclusive, lingerMs);
    const subscribing = [...(isReliable ? [] : ['reliable=false']), ...(isCubic ? ['cc=cubic'] : [])];
    const subscribers = layout.subscribers.flatMap((end) => this.subscribersOf(end, subscribing));
    const { channel } = layout.publishers[0]!;
    return {
      index,
      name: `${kind} stream ${index}`,
      kind,
      streamId: 1000 + index,
      isReliable,
      isExclusive,
      isCubic,
      isOfSeveral: channel.includes('fc=') && layout.subscribers.length > 1,
      isOfFastest: channel.includes('fc=max') && layout.subscribers.length > 1,
      lingerMs,
      publishers: layout.publishers.flatMap((end) =>
        Array.from({ length: count }, () => ({ ...end, channel: withParameters(end.channel, publishing) })),
      ),
      // One that reads nothing has to have somebody beside it for whom the stream goes on.
      subscribers: subscribers.map((end) => ({
        ...end,
        isOutrun: channel.includes('ssc=true') && !end.channel.startsWith('aeron-spy'),
        isStuck: end.isStuck && subscribers.some((other) => other.isTethered && other.host === end.host),
      })),
      messageLengths: this.pick('tiny', 'small', 'mixed', 'long'),
      offerRate: this.pick(0.02, 0.1, 0.5, 1),
      burst: this.pick(1, 3, 10),
      claimShare: this.pick(0, 0.2, 0.7),
    };
  }

  private kind(): StreamKind {
    if (this.addresses.length === 1) {
      return this.pick('ipc', 'ipc', 'udp', 'spy', 'merged-subscription', 'multi-destination-subscription');
    }
    return this.pick(
      'udp',
      'udp',
      'ipc',
      'spy',
      'multi-destination-cast',
      'manual-multi-destination-cast',
      'multicast',
      'merged-subscription',
      'multi-destination-subscription',
    );
  }

  /** Streams of one kind may share an endpoint, unless there is more to it than a port. */
  private portOf(kind: StreamKind, index: number): number {
    const isShared = this.chance(0.3);
    if (kind === 'udp' || kind === 'spy') return 20_000 + (isShared ? 0 : 4 * index);
    if (kind === 'multicast') return 24_000 + (isShared ? 0 : 4 * index);
    return 28_000 + 4 * index;
  }

  /** Who sends and who receives, and as what; parameters are added to it. */
  private layout(kind: StreamKind, port: number): { publishers: StreamEnd[]; subscribers: StreamEnd[] } {
    const hosts = this.addresses.length;
    const from = this.prng.nextBelow(hosts);
    const to = (from + (hosts > 1 ? 1 : 0)) % hosts;
    const others = this.addresses.map((_, host) => host).filter((host) => host !== from);
    // Several machines receive, or one of them.
    const receivers = others.length > 1 && this.chance(0.6) ? others : [to];
    const endpoint = (host: number, offset = 0): string => `endpoint=${this.address(host)}:${port + offset}`;
    const udp = (host: number, offset = 0): string => `aeron:udp?${endpoint(host, offset)}`;
    const control = `control=${this.address(from)}:${port + 1_000}`;
    switch (kind) {
      case 'ipc':
        return { publishers: [end(from, 'aeron:ipc')], subscribers: [end(from, 'aeron:ipc')] };
      case 'udp':
        return { publishers: [end(from, udp(to))], subscribers: [end(to, udp(to))] };
      case 'spy': {
        const isAlone = hosts === 1 || this.chance(0.5);
        const simulates = isAlone || this.chance(0.5);
        const spies = [end(from, `aeron-spy:${udp(to)}`)];
        return {
          publishers: [end(from, simulates ? `${udp(to)}|ssc=true` : udp(to))],
          subscribers: isAlone ? spies : [...spies, end(to, udp(to))],
        };
      }
      case 'multi-destination-cast':
        return {
          publishers: [end(from, `aeron:udp?${control}|control-mode=dynamic|${this.flowControl()}`)],
          subscribers: receivers.map((host) => end(host, `${udp(host)}|${control}|control-mode=dynamic`)),
        };
      case 'manual-multi-destination-cast': {
        const channel = `aeron:udp?control-mode=manual|${this.flowControl()}`;
        return {
          publishers: [
            end(
              from,
              channel,
              receivers.map((host) => udp(host)),
            ),
          ],
          subscribers: receivers.map((host) => end(host, udp(host))),
        };
      }
      case 'multicast': {
        const group = `aeron:udp?endpoint=224.20.0.1:${port + 2_000}|interface=`;
        return {
          publishers: [end(from, `${group}${this.address(from)}|${this.flowControl()}`)],
          subscribers: receivers.map((host) => end(host, `${group}${this.address(host)}`)),
        };
      }
      case 'merged-subscription': {
        const ways = [udp(to), udp(to, 1)];
        return {
          publishers: [end(from, `aeron:udp?control-mode=manual|${this.flowControl()}`, ways)],
          subscribers: [end(to, 'aeron:udp?control-mode=manual', ways)],
        };
      }
      case 'multi-destination-subscription': {
        const second = this.pick(
          { host: from, channel: udp(to, 1), destination: udp(to, 1) },
          { host: to, channel: 'aeron:ipc', destination: 'aeron:ipc' },
          { host: to, channel: `${udp(from, 2)}|ssc=true`, destination: `aeron-spy:${udp(from, 2)}` },
        );
        return {
          publishers: [end(from, udp(to)), end(second.host, second.channel)],
          subscribers: [end(to, 'aeron:udp?control-mode=manual', [udp(to), second.destination])],
        };
      }
    }
  }

  private address(host: number): string {
    return formatIpv4(this.addresses[host]!);
  }

  private flowControl(): string {
    return `fc=${this.pick('max', 'min,t:300ms')}`;
  }

  private publicationParameters(isExclusive: boolean, lingerMs: number | null): string[] {
    const parameters: string[] = [];
    if (this.chance(0.2)) parameters.push(`term-length=${this.pick(65_536, 131_072, 262_144)}`);
    if (lingerMs !== null) parameters.push(`linger=${lingerMs}ms`);
    if (isExclusive && this.chance(0.3)) {
      const initialTermId = this.pick(0x7fffffff, -1, 0, 0x7ffffffe);
      const terms = this.pick(0, 1, 2, 3);
      parameters.push(`init-term-id=${initialTermId}`, `term-id=${(initialTermId + terms) | 0}`);
      parameters.push(`term-offset=${this.pick(0, 32, 64, 65_536 - 64, 65_536 - 32)}`);
    }
    return parameters;
  }

  private subscribersOf(at: StreamEnd, parameters: readonly string[]): SubscriberEnd[] {
    // Only one can have ports to itself.
    const count = at.destinations.length > 0 ? 1 : this.pick(1, 1, 2);
    return Array.from({ length: count }, () => {
      const isTethered = this.chance(0.8);
      const isStuck = !isTethered && this.chance(0.5);
      const own = isTethered ? parameters : [...parameters, 'tether=false'];
      return { ...at, channel: withParameters(at.channel, own), isTethered, isOutrun: false, isStuck };
    });
  }
}

function end(host: number, channel: string, destinations: readonly string[] = []): StreamEnd {
  return { host, channel, destinations };
}

function withParameters(channel: string, parameters: readonly string[]): string {
  if (parameters.length === 0) return channel;
  return `${channel}${channel.includes('?') ? '|' : '?'}${parameters.join('|')}`;
}
