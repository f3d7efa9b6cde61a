/** Appends checked messages to a log that other threads append to as well. Started by client-concurrent-producers.test.ts. */
import { workerData } from 'node:worker_threads';
import { BufferClaim } from '../../src/client/buffer-claim.ts';
import { ConcurrentAppender } from '../../src/client/concurrent-appender.ts';
import { PositionWord } from '../../src/client/position-word.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { Region } from '../../src/memory/region.ts';
import { shm } from '../../src/native/addons.ts';
import { CheckedMessageWriter } from './checked-message.ts';

export interface AppendingWorkerData {
  readonly logPath: string;
  readonly counters: SharedArrayBuffer;
  readonly countersHandle: number;
  readonly seed: number;
  readonly maxLength: number;
  readonly producer: number;
  readonly count: number;
}

const data = workerData as AppendingWorkerData;
// A mapping of its own, as another process would have.
const log = LogBuffers.map(data.logPath);
const limit = new PositionWord(Region.adopt(data.counters, data.countersHandle), 0);
const appender = new ConcurrentAppender(log, limit, log.sessionId, log.streamId);
const writer = new CheckedMessageWriter({ seed: data.seed, maxLength: data.maxLength }, data.producer);
const buffer = Buffer.alloc(data.maxLength);
const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
const claim = new BufferClaim();

for (let index = 0; index < data.count; index++) {
  const length = writer.write(view, 0, index);
  if (index % 7 === 0) {
    while (appender.claim(index % 100, claim) < 0) shm.yield();
    claim.abort();
  }
  if (index % 3 === 0 && length <= appender.maxPayloadLength) {
    while (appender.claim(length, claim) < 0) shm.yield();
    buffer.copy(claim.buffer, claim.offset, 0, length);
    claim.commit();
  } else {
    while (appender.append(buffer, 0, length, null) < 0) shm.yield();
  }
}
log.close();
