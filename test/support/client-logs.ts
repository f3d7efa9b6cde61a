import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConcurrentAppender } from '../../src/client/concurrent-appender.ts';
import { Image, type ImageOwner } from '../../src/client/image.ts';
import { PositionWord } from '../../src/client/position-word.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { zero } from '../../src/memory/bytes.ts';
import { getPosition, setPositionRelease } from '../../src/memory/position.ts';
import { Region } from '../../src/memory/region.ts';

export interface TestLogOptions {
  readonly termLength?: number;
  readonly mtu?: number;
  readonly initialTermId?: number;
  readonly startPosition?: number;
  readonly isExclusive?: boolean;
}

/**
 * A publication's log with a reader at the other end, as IPC joins them: the test moves the limit, and
 * cleans what was read, as a driver would.
 */
export class TestLog {
  readonly directory: string;
  readonly path: string;
  readonly log: LogBuffers;
  readonly counters: Region = Region.allocate(256);
  readonly limit: PositionWord;
  readonly position: PositionWord;
  readonly malformed: number[] = [];
  private cleanPosition: number;

  constructor(options: TestLogOptions = {}) {
    this.directory = mkdtempSync('/dev/shm/aeron-bypass-test-');
    this.path = join(this.directory, 'log');
    const startPosition = options.startPosition ?? 0;
    this.log = LogBuffers.create(this.path, {
      logType: options.isExclusive ? 'exclusivePublication' : 'concurrentPublication',
      registrationId: 7,
      sessionId: 11,
      streamId: 22,
      initialTermId: options.initialTermId ?? 2_147_483_646,
      termLength: options.termLength ?? 65_536,
      mtu: options.mtu ?? 1_408,
      startPosition,
    });
    this.log.setConnected(true);
    this.limit = new PositionWord(this.counters, 0);
    this.position = new PositionWord(this.counters, 128);
    this.cleanPosition = startPosition;
    this.setLimit(startPosition + this.log.termLength / 2);
    setPositionRelease(this.counters.i32, this.counters.b64, this.position.index, startPosition);
  }

  setLimit(position: number): void {
    setPositionRelease(this.counters.i32, this.counters.b64, this.limit.index, position);
  }

  image(): Image {
    const owner: ImageOwner = {
      rejectImage: () => Promise.resolve(),
      onMalformedFrame: (_image, _termOffset, frameLength) => void this.malformed.push(frameLength),
    };
    return new Image(owner, {
      sessionId: 11,
      correlationId: 7,
      sourceIdentity: 'aeron:ipc',
      log: this.log,
      path: this.path,
      position: this.position,
    });
  }

  /** What a driver does: cleans what was read and lets the publisher go half a term further. */
  advanceLimit(): void {
    const { log, counters } = this;
    const readPosition = getPosition(counters.i32, this.position.index);
    while (this.cleanPosition < readPosition) {
      const termOffset = this.cleanPosition % log.termLength;
      const length = Math.min(readPosition - this.cleanPosition, log.termLength - termOffset);
      const partition = Math.floor(this.cleanPosition / log.termLength) % 3;
      zero(log.region, log.termStart(partition) + termOffset, length);
      this.cleanPosition += length;
    }
    this.setLimit(readPosition + log.termLength / 2);
  }

  close(): void {
    this.log.close();
    this.counters.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A log with a publisher, for tests of who reads it. */
export class PublishedLog extends TestLog {
  readonly appender: ConcurrentAppender;

  constructor(options: TestLogOptions = {}) {
    super(options);
    this.appender = new ConcurrentAppender(this.log, this.limit, 11, 22);
  }

  /** How far a driver sees that the reader came. */
  get readPosition(): number {
    return getPosition(this.counters.i32, this.position.index);
  }

  publish(...messages: readonly (string | Buffer)[]): void {
    for (const message of messages) {
      const bytes = Buffer.from(message);
      assert.ok(this.appender.append(bytes, 0, bytes.length, null) >= 0);
    }
  }
}
