import { CopyBurst } from '../../src/memory/copy-burst.ts';
import { Region } from '../../src/memory/region.ts';
import type {
  BurstListener,
  DatagramBurst,
  DatagramHandler,
  Endpoint,
  EndpointOptions,
  Transport,
} from '../../src/transport/transport.ts';
import type { Prng } from '../../src/util/prng.ts';

const SLOTS = 16;
const SLOT_LENGTH = 2048;
const SENT_LENGTH_MAX = 65536;

/**
 * Hands datagrams of the test to endpoints, each to any of them. A datagram lies at the very end of memory of its own, so
 * that a read beyond it throws. What is sent is looked at and thrown away.
 */
export class FuzzTransport implements Transport {
  readonly maxDatagramLength = 65504;
  readonly coalescedLengthMax = 0;
  /** Looks at each datagram that is sent. */
  onSent: (view: DataView, length: number) => void = () => {};
  private readonly prng: Prng;
  private readonly slots: readonly Region[] = Array.from({ length: SLOTS }, () =>
    Region.allocate(SLOT_LENGTH),
  );
  private readonly lengths: Int32Array = new Int32Array(SLOTS);
  private waiting = 0;
  private readonly handlers: (DatagramHandler | null)[] = [];
  private readonly sent: Region = Region.allocate(SENT_LENGTH_MAX);
  private readonly copies: CopyBurst = new CopyBurst(1);

  constructor(prng: Prng) {
    this.prng = prng;
  }

  get isFull(): boolean {
    return this.waiting === SLOTS;
  }

  get isEmpty(): boolean {
    return this.waiting === 0;
  }

  /** Queues a datagram of at most 2 KiB. */
  deliver(bytes: Buffer, length: number): void {
    const slot = this.slots[this.waiting]!;
    slot.bytes.set(bytes.subarray(0, length), SLOT_LENGTH - length);
    this.lengths[this.waiting++] = length;
  }

  open(options: EndpointOptions, handler: DatagramHandler): Endpoint {
    const index = this.handlers.push(handler) - 1;
    return {
      localAddress: options.localAddress,
      localPort: options.localPort === 0 ? 40_000 : options.localPort,
      receiveBufferLength: 1 << 20,
      reconnect: () => {},
      close: () => {
        this.handlers[index] = null;
      },
    };
  }

  poll(listener: BurstListener): number {
    const count = this.waiting;
    for (let i = 0; i < count; i++) {
      const length = this.lengths[i]!;
      const port = 9990 + this.prng.nextBelow(8);
      const handler = this.handlers[this.prng.nextBelow(this.handlers.length)] ?? null;
      handler?.onDatagram(this.slots[i]!, SLOT_LENGTH - length, length, 0x7f000001, port);
    }
    listener.onBurstEnd();
    this.waiting = 0;
    return count;
  }

  send(_endpoint: Endpoint, burst: DatagramBurst): number {
    // Now and then the wire takes less than it is given.
    const count = this.prng.nextBelow(32) === 0 ? this.prng.nextBelow(burst.count + 1) : burst.count;
    for (let i = 0; i < count; i++) {
      const [handle, offset, length] = burst.words.subarray(3 * i, 3 * i + 3);
      this.copies.add(this.sent.handle, 0, handle!, offset!, length!);
      this.copies.copy();
      this.onSent(this.sent.view, length!);
    }
    return count;
  }

  flush(): void {}

  close(): void {
    for (const slot of this.slots) slot.close();
    this.sent.close();
    this.copies.close();
  }
}
