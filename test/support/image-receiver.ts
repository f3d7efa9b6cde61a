import type { ImageSpec, ReceiverSpec } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { ScriptedTransport } from './scripted-transport.ts';
import { endpointOptions, STREAM_ID, TestAgent, TestDirectory, TestSubscriber } from './stream-fixtures.ts';

/** A network agent that receives one stream, over a scripted transport, and the subscriber that reads it. */
export class ImageReceiver {
  private readonly directory = new TestDirectory();
  readonly transport: ScriptedTransport = new ScriptedTransport();
  readonly agent: TestAgent = new TestAgent(this.transport);
  readonly log: LogBuffers;
  readonly spec: ImageSpec;
  readonly subscriber: TestSubscriber;
  readonly subscriberCounterId: number;
  messages = 0;

  constructor(overrides: Partial<ImageSpec> = {}, receiver?: ReceiverSpec) {
    const { joinPosition = 0 } = overrides;
    this.log = this.directory.createLog('image', { logType: 'image' });
    const endpoint = { endpointId: 2, options: endpointOptions() };
    this.agent.command({ kind: 'addReceiveEndpoint', ...endpoint, ...(receiver && { receiver }) });
    this.agent.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
    const counter = this.agent.claimCounter();
    this.subscriberCounterId = counter.id;
    this.spec = this.agent.addImage(this.log, [counter], overrides);
    this.subscriber = new TestSubscriber(this.log, this.agent.position(counter.id), joinPosition);
    this.agent.takeEvents();
  }

  get hwm(): number {
    return this.agent.counter(this.spec.rcvHwmCounterId).get();
  }

  get position(): number {
    return this.agent.counter(this.spec.rcvPosCounterId).get();
  }

  /** Lets datagrams arrive, and the agent look at them. */
  receive(...datagrams: Buffer[]): void {
    for (const datagram of datagrams) this.transport.deliver(0, datagram);
    this.agent.agent.doWork();
  }

  consume(): number {
    return this.subscriber.poll(() => this.messages++);
  }

  invalidPackets(): number {
    return this.agent.counter(14).get();
  }

  [Symbol.dispose](): void {
    this.agent.close();
    this.directory.close();
  }
}
