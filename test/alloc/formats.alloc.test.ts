import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { BroadcastReceiver } from '../../src/concurrent/broadcast-receiver.ts';
import { SystemClock } from '../../src/concurrent/clock.ts';
import { LossReport } from '../../src/concurrent/loss-report.ts';
import { ManyToOneRingBuffer } from '../../src/concurrent/many-to-one-ring-buffer.ts';
import * as descriptor from '../../src/logbuffer/descriptor.ts';
import { GapScanner } from '../../src/logbuffer/gap-scanner.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { TermScanner } from '../../src/logbuffer/term-scanner.ts';
import { unblock } from '../../src/logbuffer/term-unblocker.ts';
import { Region } from '../../src/memory/region.ts';
import { isValidFrame } from '../../src/protocol/frame.ts';
import { isValidSetup, writeSetup } from '../../src/protocol/setup-frame.ts';
import { isValidStatusMessage, writeStatusMessage } from '../../src/protocol/status-message-frame.ts';
import { NOISE_BYTES, runGcGate } from '../support/gc-gate.ts';

const directory = mkdtempSync('/dev/shm/aeron-bypass-alloc-');
after(() => {
  log.close();
  rmSync(directory, { recursive: true });
});

/** Beyond 32 bits, where a careless number would live on the heap. */
const FAR = 2n ** 40n;

/**
 * One operation a gate, as agents call them. V8 inlines up to a budget into each function; a step of many operations would
 * test that budget instead.
 */
function makesNoGarbage(name: string, step: () => void): void {
  test(`${name} makes no garbage`, () => {
    const { collections, bytesAllocated, steps } = runGcGate({ warmUpMs: 200, measureMs: 250, step });
    assert.equal(collections, 0);
    assert.ok(bytesAllocated < NOISE_BYTES, `${bytesAllocated} bytes in ${steps} steps`);
  });
}

let work = 0;

function count(): void {
  work++;
}

/** A ring and a broadcast buffer, empty, whose positions are far on. */
const ringRegion = Region.allocate(4096 + ManyToOneRingBuffer.TRAILER_LENGTH);
for (const field of [128, 256, 384, 640]) ringRegion.view.setBigInt64(4096 + field, FAR, true);
const ring = new ManyToOneRingBuffer(ringRegion, 0, ringRegion.byteLength);

const broadcastRegion = Region.allocate(4096 + BroadcastReceiver.TRAILER_LENGTH);
for (const field of [0, 8, 16]) broadcastRegion.view.setBigInt64(4096 + field, FAR, true);
const receiver = new BroadcastReceiver(broadcastRegion, 0, broadcastRegion.byteLength);

makesNoGarbage('looking for a command when there is none', () => {
  work += ring.read(count, 1);
});

makesNoGarbage('looking at the driver’s heartbeat', () => {
  if (ring.consumerHeartbeatMs() < 0) work++;
});

makesNoGarbage('looking for a blocked command', () => {
  if (ring.unblock()) work++;
});

makesNoGarbage('looking for an event when there is none', () => {
  work += receiver.receive(count);
});

const log = LogBuffers.create(`${directory}/log`, {
  logType: 'concurrentPublication',
  registrationId: 1,
  sessionId: 2,
  streamId: 3,
  initialTermId: -5,
  termLength: 65536,
  mtu: 1408,
  startPosition: 2 ** 40 + 128,
});
const { i32 } = log.region;
const termStart = log.termStart(descriptor.partitionIndexOf(2 ** 40, log.bits));
for (let offset = 0; offset < 4096; offset += 64) {
  i32[(termStart + offset) >> 2] = 64;
  i32[((termStart + offset) >> 2) + 1] = 0x1c000;
}
const terms = new TermScanner();
const gaps = new GapScanner();

makesNoGarbage('scanning a term for frames and for gaps', () => {
  work = (work + terms.scan(i32, termStart, 0, 1408) + gaps.scan(i32, termStart, 1024, 8192)) | 0;
});

makesNoGarbage('asking a log where its publishers are', () => {
  const position = log.producerPosition();
  work ^= descriptor.termIdOf(position, log.bits, log.initialTermId);
  work ^= descriptor.termOffsetOf(position, log.termLength);
});

makesNoGarbage('reading and writing the state of a log', () => {
  log.setConnected((work & 1) === 0);
  log.setActiveTransportCount(work & 3);
  if (log.isRevoked() || log.endOfStreamPosition() < 5) work++;
});

makesNoGarbage('looking for a blocked publication', () => {
  if (unblock(log, 2 ** 40 + 128)) work++;
});

const countersRegion = Region.allocate(4096);
countersRegion.view.setBigInt64(1024 + 128, FAR, true);
const counter = new AtomicCounter(countersRegion, 1024, 1);

makesNoGarbage('counting', () => {
  counter.increment();
  counter.add(3);
  counter.setMax(5);
  if (counter.getVolatile() < 0) work++;
});

const report = new LossReport(Region.allocate(4096), new SystemClock());
/** Passes a multiple of 4 GiB while everything warms up: code for what happens once in 4 GiB is compiled then. */
const entry = report.createEntry(Number(FAR) - (1 << 20), 1, 2, 'aeron:ipc', 'source');

makesNoGarbage('reporting a loss again', () => {
  report.recordObservation(entry, 32);
});

const view = new DataView(new ArrayBuffer(128));

makesNoGarbage('writing and checking control frames', () => {
  writeSetup(view, 2, 0, 64, 1, 2, 3, 4, 65536, 1408, 0);
  if (!isValidFrame(view, 2, 40) || !isValidSetup(view, 2)) work++;
  writeStatusMessage(view, 2, 0, 1, 2, 3, 64, 32768, 5, 6);
  if (!isValidFrame(view, 2, 36) || !isValidStatusMessage(view, 2, 65536)) work++;
});
