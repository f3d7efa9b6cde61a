// hot
/** A bounded first-in first-out queue between agents of one isolate. */
export class Queue<T> {
  readonly capacity: number;
  private readonly items: (T | null)[];
  private head = 0;
  private count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.items = new Array<T | null>(capacity).fill(null);
  }

  get size(): number {
    return this.count;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Adds an item at the end. Returns false when the queue is full. */
  offer(item: T): boolean {
    if (this.count === this.capacity) return false;
    this.items[(this.head + this.count) % this.capacity] = item;
    this.count++;
    return true;
  }

  /** Takes the item that has waited longest, or null. */
  poll(): T | null {
    if (this.count === 0) return null;
    const item = this.items[this.head]!;
    this.items[this.head] = null;
    this.head = (this.head + 1) % this.capacity;
    this.count--;
    return item;
  }
}
