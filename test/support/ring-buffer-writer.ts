/** A worker that writes numbered messages into a ring as fast as it has room. */
import { workerData } from 'node:worker_threads';
import { ManyToOneRingBuffer } from '../../src/concurrent/many-to-one-ring-buffer.ts';
import { Region } from '../../src/memory/region.ts';

const { buffer, handle, writer, messages } = workerData as {
  readonly buffer: SharedArrayBuffer;
  readonly handle: number;
  readonly writer: number;
  readonly messages: number;
};

const ring = new ManyToOneRingBuffer(Region.adopt(buffer, handle), 0, buffer.byteLength);
const message = Buffer.alloc(64);
for (let sequence = 0; sequence < messages; sequence++) {
  const length = 4 + (sequence % 60);
  message.writeInt32LE(sequence, 0);
  for (let i = 4; i < length; i++) message[i] = (sequence + i) & 0xff;
  ring.nextCorrelationId();
  while (!ring.write(writer + 1, message, 0, length));
}
