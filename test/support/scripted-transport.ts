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
import type { ErrorName } from '../../src/util/error-codes.ts';
import { AeronError } from '../../src/util/errors.ts';

/** A datagram that was sent, bytes and destination. */
export interface SentDatagram {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Of the endpoint it left by. */
  readonly localPort: number;
  readonly address: number;
  readonly port: number;
}

/** A transport whose other end is the test: what it sends is kept, what it receives was given to {@link deliver}. */
export class ScriptedTransport implements Transport {
  readonly maxDatagramLength = 65504;
  coalescedLengthMax = 0;
  readonly sent: SentDatagram[] = [];
  readonly handlers: (DatagramHandler | null)[] = [];
  readonly reconnects: { address: number; port: number }[] = [];
  /** Datagrams that are still accepted. */
  accepts: number = Number.POSITIVE_INFINITY;
  /** The code that the next open fails with. */
  openFailure = '';
  flushes = 0;
  isClosed = false;
  private readonly packets: Region = Region.allocate(1 << 17);
  private readonly inbox: { endpoint: number; bytes: Uint8Array; address: number; port: number }[] = [];

  open(options: EndpointOptions, handler: DatagramHandler): Endpoint {
    if (this.openFailure !== '') throw new AeronError(this.openFailure as ErrorName, 'as the test wants it');
    const index = this.handlers.push(handler) - 1;
    return {
      localAddress: options.localAddress,
      localPort: options.localPort === 0 ? 40000 + index : options.localPort,
      receiveBufferLength: 131072,
      reconnect: (address, port) => this.reconnects.push({ address, port }),
      close: () => {
        this.handlers[index] = null;
      },
    };
  }

  /** Queues a datagram for the endpoint that was opened as number `endpoint`. */
  deliver(endpoint: number, bytes: Uint8Array, address = 0x7f000001, port = 9999): void {
    this.inbox.push({ endpoint, bytes, address, port });
  }

  poll(listener: BurstListener): number {
    let offset = 3; // Frames in packets are not aligned.
    const datagrams = this.inbox.splice(0);
    for (const { endpoint, bytes, address, port } of datagrams) {
      if (offset + bytes.length > this.packets.byteLength) {
        listener.onBurstEnd();
        offset = 3;
      }
      this.packets.bytes.set(bytes, offset);
      this.handlers[endpoint]?.onDatagram(this.packets, offset, bytes.length, address, port);
      offset += bytes.length + 5;
    }
    listener.onBurstEnd();
    this.packets.bytes.fill(0xee);
    return datagrams.length;
  }

  send({ localPort }: Endpoint, burst: DatagramBurst, address: number, port: number): number {
    const count = Math.min(burst.count, this.accepts);
    this.accepts -= count;
    for (let i = 0; i < count; i++) {
      const [handle, offset, length] = burst.words.subarray(3 * i, 3 * i + 3);
      const bytes = this.copy(handle!, offset!, length!);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      this.sent.push({ bytes, view, localPort, address, port });
    }
    return count;
  }

  /** What was sent since the last call. */
  takeSent(): SentDatagram[] {
    return this.sent.splice(0);
  }

  flush(): void {
    this.flushes++;
  }

  close(): void {
    this.isClosed = true;
  }

  private copy(handle: number, offset: number, length: number): Buffer {
    const region = Region.allocate(length);
    copyRegion(handle, offset, region, length);
    const bytes = Buffer.from(region.bytes.subarray(0, length));
    region.close();
    return bytes;
  }
}

const copies = new CopyBurst(1);

/** Copies bytes of the region that native code knows as `handle`. */
function copyRegion(handle: number, offset: number, to: Region, length: number): void {
  copies.add(to.handle, 0, handle, offset, length);
  copies.copy();
}
