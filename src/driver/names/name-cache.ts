import {
  RESOLUTION_TYPE_IPV4,
  RESOLUTION_TYPE_IPV6,
  type ResolutionEntry,
} from '../../protocol/resolution-frame.ts';

/** Strangers must not fill memory: names beyond these are not remembered. */
const ENTRIES_MAX = 1024;

/** What a neighbour said of a name. */
export interface NamedAddress {
  readonly name: string;
  /** Of a resolution entry. */
  readonly type: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly lastActivityMs: number;
}

/** Names of other drivers, for as long as somebody says that they are alive. */
export class NameCache {
  private readonly entries: Map<string, NamedAddress> = new Map();
  private readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.entries.size;
  }

  /** The address of a driver, 4 or 16 bytes in network order, of IPv4 if it has one; or `null`. */
  find(name: string): Uint8Array | null {
    const { entries } = this;
    const found =
      entries.get(keyOf(RESOLUTION_TYPE_IPV4, name)) ?? entries.get(keyOf(RESOLUTION_TYPE_IPV6, name));
    return found?.address ?? null;
  }

  /** `lastActivityMs` is when the driver was last heard of. */
  update({ name, type, port }: ResolutionEntry, address: Uint8Array, lastActivityMs: number): void {
    const key = keyOf(type, name);
    if (this.entries.size >= ENTRIES_MAX && !this.entries.has(key)) return;
    this.entries.set(key, { name, type, address, port, lastActivityMs });
  }

  /** Forgets those who have been silent for too long. */
  expire(nowMs: number): void {
    for (const [key, { lastActivityMs }] of this.entries) {
      if (lastActivityMs + this.timeoutMs < nowMs) this.entries.delete(key);
    }
  }

  all(): IterableIterator<NamedAddress> {
    return this.entries.values();
  }
}

function keyOf(type: number, name: string): string {
  return `${type} ${name}`;
}
