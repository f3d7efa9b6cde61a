/** A worker that transmits numbered messages without waiting for anybody. */
import { workerData } from 'node:worker_threads';
import { BroadcastTransmitter } from '../../src/concurrent/broadcast-transmitter.ts';
import { Region } from '../../src/memory/region.ts';

const { buffer, handle, messages } = workerData as {
  readonly buffer: SharedArrayBuffer;
  readonly handle: number;
  readonly messages: number;
};

const transmitter = new BroadcastTransmitter(Region.adopt(buffer, handle), 0, buffer.byteLength);
const message = Buffer.alloc(64);
for (let sequence = 0; sequence < messages; sequence++) {
  const length = 4 + (sequence % 60);
  message.writeInt32LE(sequence, 0);
  for (let i = 4; i < length; i++) message[i] = (sequence + i) & 0xff;
  transmitter.transmit(1, message, 0, length);
}
