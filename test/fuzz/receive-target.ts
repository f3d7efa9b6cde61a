import assert from 'node:assert/strict';
import type { ImageSpec, NetworkEvent } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { isValidFrame } from '../../src/protocol/frame.ts';
import type { Prng } from '../../src/util/prng.ts';
import {
  endpointOptions,
  INITIAL_TERM_ID,
  MTU,
  STREAM_ID,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestSubscriber,
} from '../support/stream-fixtures.ts';
import { FrameSeeds, type StreamPlace } from './frame-seeds.ts';
import { FuzzTransport } from './fuzz-transport.ts';
import { Mutator } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const ENDPOINT_ID = 2;
const ONE_SESSION_STREAM_ID = STREAM_ID + 1;
/** Streams and sessions that subscriptions want, and some that none does. */
const STREAM_IDS = [STREAM_ID, STREAM_ID, STREAM_ID, STREAM_ID, ONE_SESSION_STREAM_ID, 77];
const SESSION_IDS = [1, 2, 3, 4, -5, 0x7fffffff];
const IMAGES_MAX = 8;
const RECEIVER_ID_LOW = 0x01020304;
const CYCLE_NS = 40_000;
const VALID_OF_16 = 5;

type SetupReceived = Extract<NetworkEvent, { kind: 'setupReceived' }>;

/** An image, what reads it, and its log. */
interface Received {
  readonly spec: ImageSpec;
  readonly log: LogBuffers;
  readonly subscriber: TestSubscriber;
}

/**
 * Frames at a receive endpoint of a network agent with images that live and die. A consumer reads what gets into their
 * logs.
 */
export class ReceiveTarget implements FuzzTarget {
  private readonly prng: Prng;
  private readonly transport: FuzzTransport;
  private readonly agent: TestAgent;
  private readonly directory: TestDirectory = new TestDirectory();
  private readonly mutator: Mutator;
  private readonly seeds: FrameSeeds;
  private readonly images: Received[] = [];
  /** Logs of images that are gone, cleared and used again: to make one costs more than all the frames. */
  private readonly spareLogs: LogBuffers[] = [];
  private logCount = 0;
  private nextRegistrationId = 1;

  constructor(prng: Prng) {
    this.prng = prng;
    this.transport = new FuzzTransport(prng);
    this.transport.onSent = (view, length) =>
      assert.ok(isValidFrame(view, 0, length), 'what is sent is valid');
    this.agent = new TestAgent(this.transport);
    this.mutator = new Mutator(prng, 2048, true);
    this.seeds = new FrameSeeds(prng, this.mutator);
    this.addEndpoint(prng.nextBelow(2) === 0);
    const interest = { kind: 'addInterest', endpointId: ENDPOINT_ID } as const;
    this.agent.command({ ...interest, streamId: STREAM_ID, sessionId: null });
    this.agent.command({ ...interest, streamId: ONE_SESSION_STREAM_ID, sessionId: SESSION_IDS[0]! });
    this.agent.takeEvents();
  }

  /** At one port, or at several whose streams are the same. */
  private addEndpoint(isMultiDestination: boolean): void {
    const { agent } = this;
    const options = endpointOptions();
    if (!isMultiDestination) {
      agent.command({ kind: 'addReceiveEndpoint', endpointId: ENDPOINT_ID, options });
      return;
    }
    agent.command({ kind: 'addMultiDestinationEndpoint', endpointId: ENDPOINT_ID });
    for (const destinationId of [1, 2, 3]) {
      const destination = { endpointId: ENDPOINT_ID, destinationId, options, control: null };
      agent.command({ kind: 'addReceiveDestination', ...destination });
    }
  }

  get isMalformed(): boolean {
    return this.mutator.isSpoiled;
  }

  step(): void {
    const { prng, mutator, transport } = this;
    mutator.begin();
    if (prng.nextBelow(64) === 0) {
      mutator.randomize(prng.nextBelow(128));
    } else {
      const fields = this.seeds.write(this.place(), prng.nextBelow(4) === 0 ? 0 : RECEIVER_ID_LOW);
      if (prng.nextBelow(16) >= VALID_OF_16) mutator.mutate(fields);
    }
    transport.deliver(mutator.bytes, mutator.length);
    if (transport.isFull) this.cycle();
  }

  /** Where a stream is that an image receives, or that one could be made of. */
  private place(): StreamPlace {
    const { mutator, images } = this;
    const received = this.prng.nextBelow(8) > 0 && images.length > 0 ? mutator.pick(images) : null;
    if (received === null) {
      return {
        sessionId: mutator.pick(SESSION_IDS),
        streamId: mutator.pick(STREAM_IDS),
        initialTermId: INITIAL_TERM_ID,
        termLength: TERM_LENGTH,
        mtu: MTU,
        position: 0,
      };
    }
    const { sessionId, streamId, initialTermId, termLength, mtu } = received.spec;
    return { sessionId, streamId, initialTermId, termLength, mtu, position: this.positionOf(received) };
  }

  private positionOf({ spec }: Received): number {
    return this.agent.counter(spec.rcvPosCounterId).get();
  }

  private cycle(): void {
    const { agent, prng } = this;
    agent.clock.advanceNs(CYCLE_NS);
    agent.agent.doWork();
    // Rarely, long enough for an image to die.
    if (prng.nextBelow(4000) === 0) agent.run(12_000);
    for (const event of agent.takeEvents()) this.onEvent(event);
    for (const received of this.images) this.consume(received);
  }

  private onEvent(event: NetworkEvent): void {
    if (event.kind === 'setupReceived') {
      this.onSetup(event);
    } else if (event.kind === 'streamReleased') {
      const index = this.images.findIndex(({ spec }) => spec.registrationId === event.registrationId);
      const [received] = this.images.splice(index, 1);
      received!.log.region.bytes.fill(0, 0, 3 * TERM_LENGTH);
      this.spareLogs.push(received!.log);
    }
  }

  private onSetup(setup: SetupReceived): void {
    const { streamId, sessionId, activeTermId, initialTermId, termOffset, termLength } = setup;
    assert.equal(termOffset % 32, 0);
    assert.ok(termOffset >= 0 && termOffset < termLength);
    const isUsual = termLength === TERM_LENGTH && initialTermId === INITIAL_TERM_ID;
    if (!isUsual || this.images.length === IMAGES_MAX) {
      this.agent.command({ kind: 'imageNotCreated', endpointId: ENDPOINT_ID, streamId, sessionId });
      return;
    }
    const joinPosition = ((activeTermId - initialTermId) | 0) * termLength + termOffset;
    const log = this.spareLogs.pop() ?? this.directory.createLog(`image-${this.logCount++}`);
    const registrationId = this.nextRegistrationId++;
    // Four counters each, from 100 on.
    const slot = [...Array(IMAGES_MAX).keys()].find((i) =>
      this.images.every(({ spec }) => spec.rcvHwmCounterId !== 100 + 4 * i),
    )!;
    const [rcvHwmCounterId, rcvPosCounterId, rcvNaksSentCounterId, counterId] = [0, 1, 2, 3].map(
      (i) => 100 + 4 * slot + i,
    ) as [number, number, number, number];
    const spec = this.agent.addImage(log, [this.agent.counter(counterId)], {
      registrationId,
      sessionId,
      streamId,
      joinPosition,
      isReliable: registrationId % 4 !== 0,
      rejoin: registrationId % 2 === 0,
      isGroup: registrationId % 3 === 0,
      sourceAddress: setup.sourceAddress,
      sourcePort: setup.sourcePort,
      destinationId: setup.destinationId,
      rcvHwmCounterId,
      rcvPosCounterId,
      rcvNaksSentCounterId,
    });
    const subscriber = new TestSubscriber(log, this.agent.position(counterId), joinPosition);
    this.images.push({ spec, log, subscriber });
  }

  /** Reads what is there as a client does, and looks at where the driver has got to. */
  private consume(received: Received): void {
    const { spec, subscriber, log } = received;
    const rcvPos = this.positionOf(received);
    const rcvHwm = this.agent.counter(spec.rcvHwmCounterId).get();
    assert.ok(rcvPos <= rcvHwm, `received ${rcvPos} of ${rcvHwm}`);
    assert.ok(rcvPos >= spec.joinPosition, `received ${rcvPos} from ${spec.joinPosition} on`);
    // A malformed frame stops a client, which this reader is not: it goes on where the driver is.
    const isAstray = subscriber.position > rcvPos || subscriber.position < rcvPos - log.termLength;
    if (isAstray) subscriber.position = rcvPos;
    subscriber.poll(() => {}, 16);
  }

  check(): void {
    assert.ok(this.images.length <= IMAGES_MAX);
    assert.ok(this.logCount <= IMAGES_MAX, `${this.logCount} logs`);
  }

  describe(): string {
    return this.mutator.bytes.toString('hex', 0, this.mutator.length);
  }

  close(): void {
    this.agent.close();
    this.directory.close();
  }
}
