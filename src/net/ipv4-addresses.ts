// hot

/** An address of ours, and how many of its first bits all hosts of its network have. */
export interface Ipv4Prefix {
  readonly address: number;
  readonly prefixLength: number;
}

/** Our addresses of IPv4 on a link, each in a network of its own; none, where a host speaks IPv6 only. */
export class Ipv4Addresses {
  readonly count: number;
  /** 0: there is none. */
  readonly first: number;
  readonly numbers: Int32Array;
  private readonly masks: Int32Array;

  /** Cold. */
  constructor(prefixes: readonly Ipv4Prefix[]) {
    this.count = prefixes.length;
    this.first = prefixes[0]?.address ?? 0;
    this.numbers = Int32Array.from(prefixes, ({ address }) => address);
    this.masks = Int32Array.from(prefixes, ({ prefixLength }) => maskOf(prefixLength));
  }

  /** Whether an address is one of ours. */
  has(address: number): boolean {
    const { numbers } = this;
    for (let i = 0; i < numbers.length; i++) if (numbers[i] === address) return true;
    return false;
  }

  /** Which of ours speaks to a neighbour: that of the smallest network which has it, or else the first. */
  sourceFor(neighbour: number): number {
    const { numbers, masks } = this;
    const mask = this.linkMask(neighbour);
    if (mask < 0) return this.first;
    for (let i = 0; i < numbers.length; i++) {
      if (masks[i]! >>> 0 === mask && ((neighbour ^ numbers[i]!) & mask) === 0) return numbers[i]!;
    }
    return this.first;
  }

  /** The mask, without a sign, of the smallest of our networks that has an address; -1: none has it. */
  linkMask(address: number): number {
    const { numbers, masks } = this;
    let mask = -1;
    for (let i = 0; i < numbers.length; i++) {
      // A longer prefix is a greater mask.
      if (((address ^ numbers[i]!) & masks[i]!) === 0) mask = Math.max(mask, masks[i]! >>> 0);
    }
    return mask;
  }
}

/** The bits of an address that name its network. */
export function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}
