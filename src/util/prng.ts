// hot
/**
 * Random numbers from a seed, the same on every machine: xoshiro128**, its state filled from the seed by a
 * Weyl sequence with a 32-bit finalizer. For tests, faults and jitter; never for secrets.
 */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param seed - any 32-bit integer; 0 is as good as another. */
  constructor(seed: number) {
    this.a = mix(seed + 0x9e3779b9);
    this.b = mix(seed + 0x3c6ef372);
    this.c = mix(seed + 0xdaa66d2b);
    this.d = mix(seed + 0x78dde6e4) | 1;
  }

  /** 32 random bits as a signed integer. */
  next(): number {
    const product = Math.imul(this.b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** From 0 inclusive to 1 exclusive, so `nextFraction() < probability` is true that often. */
  nextFraction(): number {
    return (this.next() >>> 0) / 4294967296;
  }

  /** An integer from 0 to `bound` - 1. `bound` is 1 to 2^31; the bias is below `bound` / 2^32. */
  nextBelow(bound: number): number {
    return Math.floor(this.nextFraction() * bound);
  }
}

function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
