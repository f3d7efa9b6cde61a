import { getPositionVolatile, setPositionRelease } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { AeronError, assert } from '../util/errors.ts';
import type { Clock } from './clock.ts';

/** Bytes of a counter's record in the values section. */
export const COUNTER_VALUE_LENGTH = 128;
/** Bytes of a counter's record in the metadata section. */
export const COUNTER_METADATA_LENGTH = 512;
export const COUNTER_KEY_LENGTH_MAX = 112;
export const COUNTER_LABEL_LENGTH_MAX = 380;

/** A record that was never used: the last of a scan. */
export const COUNTER_UNUSED = 0;
export const COUNTER_ALLOCATED = 1;
/** Freed, and to be reused after a while. */
export const COUNTER_RECLAIMED: number = -1;

const VALUE = 0;
const REGISTRATION_ID = 8;
const OWNER_ID = 16;
const REFERENCE_ID = 24;

const STATE = 0;
const TYPE_ID = 4;
const FREE_FOR_REUSE_DEADLINE_MS = 8;
const KEY = 16;
const LABEL_LENGTH = 128;
const LABEL = 132;

const NOT_FREE_TO_REUSE = 0x7fffffffffffffffn;

/** A part of a region. Offset and length in bytes. */
export interface Section {
  readonly region: Region;
  readonly offset: number;
  readonly length: number;
}

/** What is known of an allocated counter when it was looked at. */
export interface CounterInfo {
  readonly id: number;
  readonly typeId: number;
  /** {@link COUNTER_KEY_LENGTH_MAX} bytes, a copy. */
  readonly key: Buffer;
  readonly label: string;
  readonly registrationId: number;
  readonly ownerId: number;
  readonly referenceId: number;
  readonly value: number;
}

/** What a counter is allocated with. Keys and labels that are too long are cut. */
export interface CounterSpec {
  readonly typeId: number;
  readonly label: string;
  readonly key?: Uint8Array;
  readonly registrationId?: number;
  readonly ownerId?: number;
  readonly referenceId?: number;
}

/** Reads the counters of a driver, of any process. Ids are from 0 to {@link maxCounterId}; others are a caller's error. */
export class CountersReader {
  readonly maxCounterId: number;
  protected readonly metadata: Section;
  readonly values: Section;

  constructor(metadata: Section, values: Section) {
    const valuesCapacity = Math.floor(values.length / COUNTER_VALUE_LENGTH);
    const metadataCapacity = Math.floor(metadata.length / COUNTER_METADATA_LENGTH);
    this.maxCounterId = Math.min(valuesCapacity, metadataCapacity) - 1;
    this.metadata = metadata;
    this.values = values;
  }

  /** Calls `handler` for every allocated counter, in the order of ids. */
  forEach(handler: (counter: CounterInfo) => void): void {
    for (let id = 0; id <= this.maxCounterId; id++) {
      const state = this.state(id);
      if (state === COUNTER_UNUSED) return;
      if (state === COUNTER_ALLOCATED) handler(this.counter(id));
    }
  }

  /** Everything about one counter. */
  counter(id: number): CounterInfo {
    return {
      id,
      typeId: this.typeId(id),
      key: this.key(id),
      label: this.label(id),
      registrationId: this.registrationId(id),
      ownerId: this.ownerId(id),
      referenceId: this.referenceId(id),
      value: this.value(id),
    };
  }

  /** {@link COUNTER_UNUSED}, {@link COUNTER_ALLOCATED} or {@link COUNTER_RECLAIMED}. */
  state(id: number): number {
    return Atomics.load(this.metadata.region.i32, this.metadataOffset(id, STATE) >> 2);
  }

  typeId(id: number): number {
    return this.metadata.region.i32[this.metadataOffset(id, TYPE_ID) >> 2]!;
  }

  label(id: number): string {
    const claimed = Atomics.load(this.metadata.region.i32, this.metadataOffset(id, LABEL_LENGTH) >> 2);
    const length = Math.max(0, Math.min(claimed, COUNTER_LABEL_LENGTH_MAX));
    const offset = this.metadataOffset(id, LABEL);
    return this.metadata.region.bytes.toString('latin1', offset, offset + length);
  }

  key(id: number): Buffer {
    const offset = this.metadataOffset(id, KEY);
    return Buffer.from(this.metadata.region.bytes.subarray(offset, offset + COUNTER_KEY_LENGTH_MAX));
  }

  registrationId(id: number): number {
    return this.word(id, REGISTRATION_ID);
  }

  ownerId(id: number): number {
    return this.word(id, OWNER_ID);
  }

  referenceId(id: number): number {
    return this.word(id, REFERENCE_ID);
  }

  value(id: number): number {
    return this.word(id, VALUE);
  }

  /** The first allocated counter of this type and registration id, or -1. */
  findByTypeAndRegistration(typeId: number, registrationId: number): number {
    for (let id = 0; id <= this.maxCounterId; id++) {
      const state = this.state(id);
      if (state === COUNTER_UNUSED) break;
      if (state !== COUNTER_ALLOCATED) continue;
      if (this.typeId(id) === typeId && this.registrationId(id) === registrationId) return id;
    }
    return -1;
  }

  protected metadataOffset(id: number, field: number): number {
    assert(id >= 0 && id <= this.maxCounterId, 'a counter id is in range');
    return this.metadata.offset + id * COUNTER_METADATA_LENGTH + field;
  }

  protected valuesOffset(id: number, field: number): number {
    assert(id >= 0 && id <= this.maxCounterId, 'a counter id is in range');
    return this.values.offset + id * COUNTER_VALUE_LENGTH + field;
  }

  private word(id: number, field: number): number {
    return getPositionVolatile(this.values.region.i32, this.valuesOffset(id, field) >> 2);
  }
}

/** Allocates and frees counters. One object a driver, on one thread; it starts from sections of zeros. */
export class CountersManager extends CountersReader {
  private readonly clock: Clock;
  private readonly freeToReuseTimeoutMs: number;
  private readonly freed: { id: number; deadlineMs: number }[] = [];
  private highWaterId = -1;

  /** A freed counter is not reused before `freeToReuseTimeoutMs`, so that clients notice that it went. */
  constructor(metadata: Section, values: Section, clock: Clock, freeToReuseTimeoutMs: number) {
    super(metadata, values);
    this.clock = clock;
    this.freeToReuseTimeoutMs = freeToReuseTimeoutMs;
  }

  /** Returns the id of a new counter of value 0. Throws AeronError `COUNTERS_EXHAUSTED` when all are in use. */
  allocate(spec: CounterSpec): number {
    const id = this.nextId();
    const { i32, b64, bytes } = this.metadata.region;
    i32[this.metadataOffset(id, TYPE_ID) >> 2] = spec.typeId;
    b64[this.metadataOffset(id, FREE_FOR_REUSE_DEADLINE_MS) >> 3] = NOT_FREE_TO_REUSE;
    if (spec.key !== undefined) {
      bytes.set(spec.key.subarray(0, COUNTER_KEY_LENGTH_MAX), this.metadataOffset(id, KEY));
    }
    this.setWord(id, OWNER_ID, spec.ownerId ?? 0);
    this.setWord(id, REFERENCE_ID, spec.referenceId ?? 0);
    this.setWord(id, REGISTRATION_ID, spec.registrationId ?? 0);
    this.setWord(id, VALUE, 0);
    this.setLabel(id, spec.label);
    Atomics.store(i32, this.metadataOffset(id, STATE) >> 2, COUNTER_ALLOCATED);
    return id;
  }

  /** Frees an allocated counter; anything else is left alone. */
  free(id: number): void {
    if (this.state(id) !== COUNTER_ALLOCATED) return;
    const { i32, b64, bytes } = this.metadata.region;
    const deadlineMs = Math.floor(this.clock.epochMs + this.freeToReuseTimeoutMs);
    Atomics.store(i32, this.metadataOffset(id, STATE) >> 2, COUNTER_RECLAIMED);
    const key = this.metadataOffset(id, KEY);
    bytes.fill(0, key, key + COUNTER_KEY_LENGTH_MAX);
    b64[this.metadataOffset(id, FREE_FOR_REUSE_DEADLINE_MS) >> 3] = BigInt(deadlineMs);
    this.freed.push({ id, deadlineMs });
  }

  setLabel(id: number, label: string): void {
    const { i32, bytes } = this.metadata.region;
    const length = bytes.write(label, this.metadataOffset(id, LABEL), COUNTER_LABEL_LENGTH_MAX, 'latin1');
    Atomics.store(i32, this.metadataOffset(id, LABEL_LENGTH) >> 2, length);
  }

  setRegistrationId(id: number, registrationId: number): void {
    this.setWord(id, REGISTRATION_ID, registrationId);
  }

  setOwnerId(id: number, ownerId: number): void {
    this.setWord(id, OWNER_ID, ownerId);
  }

  setReferenceId(id: number, referenceId: number): void {
    this.setWord(id, REFERENCE_ID, referenceId);
  }

  /** For counters that nobody else writes. */
  setValue(id: number, value: number): void {
    this.setWord(id, VALUE, value);
  }

  private setWord(id: number, field: number, value: number): void {
    const { i32, b64 } = this.values.region;
    setPositionRelease(i32, b64, this.valuesOffset(id, field) >> 2, value);
  }

  private nextId(): number {
    const reusable = this.freed.findIndex(({ deadlineMs }) => deadlineMs <= this.clock.epochMs);
    if (reusable >= 0) return this.freed.splice(reusable, 1)[0]!.id;
    if (this.highWaterId === this.maxCounterId) {
      throw new AeronError(
        'COUNTERS_EXHAUSTED',
        `all ${this.maxCounterId + 1} counters are in use. Close what is not needed, or restart the driver with a ` +
          'larger aeron.counters.buffer.length.',
      );
    }
    return ++this.highWaterId;
  }
}

/** Adds text to the label of a counter that another process made, as far as there is room: clients sign their heartbeat so. */
export function appendToLabel(metadata: Section, id: number, text: string): void {
  const { region, offset } = metadata;
  const record = offset + id * COUNTER_METADATA_LENGTH;
  const length = Atomics.load(region.i32, (record + LABEL_LENGTH) >> 2);
  if (length < 0 || length > COUNTER_LABEL_LENGTH_MAX) return;
  const room = COUNTER_LABEL_LENGTH_MAX - length;
  const written = region.bytes.write(text, record + LABEL + length, room, 'latin1');
  Atomics.store(region.i32, (record + LABEL_LENGTH) >> 2, length + written);
}
