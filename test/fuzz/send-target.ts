import assert from 'node:assert/strict';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type { NetworkPublicationSpec } from '../../src/driver/messages.ts';
import { validateFrames } from '../../src/driver/receiver/validate-frames.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { DATA_TERM_OFFSET } from '../../src/protocol/data-frame.ts';
import { frameType, isValidFrame, TYPE_DATA, TYPE_PAD } from '../../src/protocol/frame.ts';
import type { Prng } from '../../src/util/prng.ts';
import {
  endpointOptions,
  INITIAL_TERM_ID,
  MTU,
  STREAM_ID,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestPublisher,
} from '../support/stream-fixtures.ts';
import { FrameSeeds, type StreamPlace } from './frame-seeds.ts';
import { FuzzTransport } from './fuzz-transport.ts';
import { Mutator } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const ENDPOINT_ID = 1;
const PUBLICATIONS = 4;
const CYCLE_NS = 40_000;
const CYCLES_TO_POLL_MAX = 100;
const VALID_OF_16 = 3;
const UNKNOWN_SESSION_ID = 99;

interface Published {
  readonly spec: NetworkPublicationSpec;
  readonly log: LogBuffers;
  readonly publisher: TestPublisher;
}

/**
 * Frames at a send endpoint of a network agent whose publications are written to all the time. Whatever receivers
 * claim, only what is in a log is sent, and nothing is sent or may be written that is not allowed to.
 */
export class SendTarget implements FuzzTarget {
  private readonly prng: Prng;
  private readonly transport: FuzzTransport;
  private readonly agent: TestAgent;
  private readonly directory: TestDirectory = new TestDirectory();
  private readonly mutator: Mutator;
  private readonly seeds: FrameSeeds;
  private readonly publications: readonly Published[];
  private cycles = 0;
  private readonly message: Buffer = Buffer.alloc(256, 0x42);

  constructor(prng: Prng) {
    this.prng = prng;
    this.transport = new FuzzTransport(prng);
    this.transport.onSent = checkSent;
    // What was delivered is taken in the next cycle, whether that sends or not.
    this.agent = new TestAgent(this.transport, new SimulatedClock(), { sendToStatusPollRatio: 1 });
    this.mutator = new Mutator(prng, 2048, true);
    this.seeds = new FrameSeeds(prng, this.mutator);
    this.addEndpoint(prng.nextBelow(3));
    this.publications = Array.from({ length: PUBLICATIONS }, (_, i) => this.publish(i));
    this.agent.takeEvents();
  }

  /** To one receiver, to those that make themselves known, or to those that are told of. */
  private addEndpoint(kind: number): void {
    const { agent } = this;
    if (kind === 0) {
      const options = endpointOptions({ remoteAddress: 0x7f000001, remotePort: 20121 });
      agent.command({ kind: 'addSendEndpoint', endpointId: ENDPOINT_ID, options });
      return;
    }
    const destinations = { isManual: kind === 1, counterId: agent.claimCounter().id };
    const options = endpointOptions();
    agent.command({ kind: 'addSendEndpoint', endpointId: ENDPOINT_ID, options, destinations });
    if (kind !== 1) return;
    for (const port of [9990, 9991]) {
      const destination = { endpointId: ENDPOINT_ID, destinationId: port, address: 0x7f000001, port };
      agent.command({ kind: 'addDestination', ...destination });
    }
  }

  private publish(index: number): Published {
    const sessionId = 1 + (index >> 1);
    const streamId = STREAM_ID + (index & 1);
    const parameters = { registrationId: 1 + index, sessionId, streamId };
    const log = this.directory.createLog(`publication-${index}`, parameters);
    const spec = this.agent.addPublication(log);
    const publisher = new TestPublisher(log, this.agent.position(spec.publisherLimitCounterId));
    return { spec, log, publisher };
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
      const fields = this.seeds.write(this.place(), prng.nextBelow(4));
      if (prng.nextBelow(16) >= VALID_OF_16) mutator.mutate(fields);
    }
    transport.deliver(mutator.bytes, mutator.length);
    if (transport.isFull) this.cycle();
  }

  private place(): StreamPlace {
    const { mutator, prng } = this;
    const { spec, log } = mutator.pick(this.publications);
    const sent = this.agent.counter(spec.senderPositionCounterId).get();
    return {
      sessionId: prng.nextBelow(16) === 0 ? UNKNOWN_SESSION_ID : spec.sessionId,
      streamId: spec.streamId,
      initialTermId: INITIAL_TERM_ID,
      termLength: log.termLength,
      mtu: MTU,
      position: sent,
    };
  }

  private cycle(): void {
    const { agent, prng } = this;
    this.cycles++;
    for (const { publisher } of this.publications) {
      for (let i = prng.nextBelow(4); i > 0; i--) publisher.offer(this.message, prng.nextBelow(256));
    }
    agent.clock.advanceNs(prng.nextBelow(1000) === 0 ? 1e9 : CYCLE_NS);
    // An agent that has a lot to send does not look for datagrams in each cycle.
    for (let i = 0; i < CYCLES_TO_POLL_MAX && !this.transport.isEmpty; i++) agent.agent.doWork();
    agent.events.length = 0;
    for (const published of this.publications) this.checkPositions(published);
  }

  private checkPositions({ spec, publisher, log }: Published): void {
    const sent = this.agent.counter(spec.senderPositionCounterId).get();
    const limit = this.agent.counter(spec.publisherLimitCounterId).get();
    assert.ok(sent <= publisher.position, `sent ${sent} of ${publisher.position}`);
    assert.ok(limit <= sent + log.termLength / 2, `the limit is ${limit}, sent was up to ${sent}`);
  }

  check(): void {
    const moved = this.publications.filter(({ publisher }) => publisher.position > 0).length;
    assert.ok(moved > 0 || this.cycles < 1000, 'streams move, whatever receivers say');
  }

  describe(): string {
    return this.mutator.bytes.toString('hex', 0, this.mutator.length);
  }

  close(): void {
    this.agent.close();
    this.directory.close();
  }
}

function checkSent(view: DataView, length: number): void {
  assert.ok(isValidFrame(view, 0, length), 'what is sent is valid');
  const type = frameType(view, 0);
  if (type !== TYPE_DATA && type !== TYPE_PAD) return;
  assert.ok(length <= MTU, `${length} bytes of ${MTU}`);
  const walked = validateFrames(view, 0, length, view.getInt32(DATA_TERM_OFFSET, true), TERM_LENGTH);
  assert.ok(walked >= 0, 'what is sent are whole frames of one term');
}
