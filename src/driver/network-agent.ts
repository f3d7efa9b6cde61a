// hot
import type { Clock } from '../concurrent/clock.ts';
import { MAX_UDP_PAYLOAD_LENGTH } from '../protocol/frame.ts';
import type { Transport } from '../transport/transport.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import { AgentContext } from './agent-context.ts';
import { AgentStreams } from './agent-streams.ts';
import { CommandHandler } from './command-handler.ts';
import type { Extensions } from './extensions/extensions.ts';
import { FrameSender } from './frame-sender.ts';
import type { NetworkAgentConfig, NetworkCommand, NetworkEvent } from './messages.ts';
import { STREAMS_PER_CYCLE, STREAMS_PER_CYCLE_BESIDE, StreamTurns } from './stream-turns.ts';
import { TrafficCounters } from './traffic-counters.ts';

const PENDING_SETUP_CHECK_INTERVAL_NS = 100_000_000;
/** Looking at the clock is a sixth of an idle duty cycle: of those that find nothing to do, one in four looks. */
const IDLE_CYCLES_PER_CLOCK_UPDATE = 4;

/**
 * The sender and the receiver: moves every stream's bytes between logs and the wire. Runs in any isolate, on one thread;
 * hears from the conductor through {@link onCommand} and answers through `emit`.
 */
export class NetworkAgent {
  readonly roleName = 'network';
  private readonly context: AgentContext;
  private readonly config: NetworkAgentConfig;
  private readonly clock: Clock;
  private readonly transport: Transport | null;
  private readonly frames: FrameSender | null;
  private readonly streams: AgentStreams = new AgentStreams();
  private readonly commands: CommandHandler;
  /** Null unless the agent is one of several. */
  private readonly traffic: TrafficCounters | null;
  private readonly statistics: TransportStatistics | null;
  private readonly publicationTurns: StreamTurns = new StreamTurns();
  private readonly imageTurns: StreamTurns = new StreamTurns();
  /** Duty cycles until the next look at the clock, unless one finds work. */
  private idleCyclesToTime = 0;
  private cyclesWithoutReceive = 0;
  /** Several agents hand over to each other what arrives: each must look all the time. */
  private readonly isAlone: boolean;
  private isClosed = false;
  private isTimerPutOff = false;
  // Fields of doubles start as NaN, here and in the streams: V8 then never takes them for fields of small integers.
  private timeOfLastCycleNs = Number.NaN;
  private maxCycleNs = Number.NaN;
  private nextTimerNs = Number.NaN;
  private nextPendingSetupCheckNs = Number.NaN;

  /** Without a transport the agent serves IPC only. `statistics` are those of the transport. Emits `started`. */
  constructor(
    config: NetworkAgentConfig,
    transport: Transport | null,
    clock: Clock,
    emit: (event: NetworkEvent) => void,
    statistics: TransportStatistics | null = null,
    extensions?: Extensions,
  ) {
    this.context = new AgentContext(config, clock, emit, extensions);
    this.config = config;
    this.clock = clock;
    this.transport = transport;
    this.frames = transport === null ? null : new FrameSender(transport, this.context.counters);
    this.commands = new CommandHandler(this.context, this.streams, transport, this.frames);
    this.isAlone = config.place === null;
    this.statistics = statistics;
    this.traffic =
      config.place === null || config.place.trafficCounterIds.length === 0 || statistics === null
        ? null
        : new TrafficCounters(
            statistics,
            config.place.trafficCounterIds.map((id) => this.context.counter(id)),
          );
    clock.update();
    this.timeOfLastCycleNs = clock.nanoTime;
    this.maxCycleNs = 0;
    this.nextTimerNs = clock.nanoTime + config.timerIntervalNs;
    this.nextPendingSetupCheckNs = clock.nanoTime + PENDING_SETUP_CHECK_INTERVAL_NS;
    this.context.started(transport?.maxDatagramLength ?? MAX_UDP_PAYLOAD_LENGTH);
  }

  /** Does what the conductor says, between duty cycles. Never throws. Cold. */
  onCommand(command: NetworkCommand): void {
    if (command.kind === 'close') {
      this.close();
    } else if (!this.isClosed) {
      this.commands.onCommand(command);
    }
  }

  /** One duty cycle. Returns how much was done, 0 when there was nothing to do. */
  doWork(): number {
    if (this.isClosed) return 0;
    const clock = this.clock;
    if (this.idleCyclesToTime === 0) {
      this.idleCyclesToTime = IDLE_CYCLES_PER_CLOCK_UPDATE;
      clock.update();
      this.trackCycleTime();
    }
    let workCount = this.send();
    if (this.isReceiveDue(workCount)) workCount += this.receive();
    const ipcPublications = this.streams.ipcPublications;
    for (let i = 0; i < ipcPublications.length; i++) workCount += ipcPublications[i]!.doWork();
    if (this.transport !== null) {
      this.transport.flush();
      this.frames!.endCycle();
    }
    // After the flush: nothing that is released here is still being sent.
    if (clock.nanoTime >= this.nextTimerNs) this.onTimer();
    this.idleCyclesToTime = workCount > 0 ? 0 : this.idleCyclesToTime - 1;
    return workCount;
  }

  private send(): number {
    const publications = this.streams.networkPublications;
    const turns = this.publicationTurns;
    const visits = turns.begin(publications.length);
    const castEndpoints = this.streams.castEndpoints;
    for (let i = 0; i < castEndpoints.length; i++) castEndpoints[i]!.drain();
    let workCount = 0;
    for (let i = 0; i < visits; i++) workCount += publications[turns.next()]!.doWork();
    return turns.end(workCount);
  }

  /**
   * Who only sends looks for what receivers say once in so many cycles that sent something: looking in vain costs a call
   * into the kernel. Nothing waits for long: the window closes, and then nothing is sent.
   */
  private isReceiveDue(sent: number): boolean {
    if (sent > 0 && this.isAlone && this.streams.receiveEndpoints.size === 0) {
      if (++this.cyclesWithoutReceive < this.config.sendToStatusPollRatio) return false;
    }
    this.cyclesWithoutReceive = 0;
    return true;
  }

  private receive(): number {
    const transport = this.transport;
    if (transport === null) return 0;
    const inserts = this.context.inserts;
    const images = this.streams.images;
    // Of many images, those that something comes for have their turn at once, while they are in a cache; of the rest, a few.
    inserts.givesTurns = images.length > STREAMS_PER_CYCLE;
    inserts.workCount = 0;
    let workCount = transport.poll(inserts);
    inserts.onBurstEnd();
    const turns = this.imageTurns;
    const visits = turns.begin(images.length, STREAMS_PER_CYCLE_BESIDE);
    let imageWork = inserts.workCount;
    for (let i = 0; i < visits; i++) imageWork += images[turns.next()]!.doWork();
    workCount += turns.end(imageWork);
    if (this.clock.nanoTime >= this.nextPendingSetupCheckNs) {
      this.nextPendingSetupCheckNs = this.clock.nanoTime + PENDING_SETUP_CHECK_INTERVAL_NS;
      this.streams.checkPendingSetups();
      this.streams.checkDestinations();
    }
    return workCount;
  }

  private onTimer(): void {
    const { nanoTime } = this.clock;
    const { timerIntervalNs } = this.config;
    // Who does not run hears nobody: what others said meanwhile is read before they are judged by their silence. Once.
    this.isTimerPutOff = !this.isTimerPutOff && nanoTime - this.nextTimerNs > timerIntervalNs;
    this.nextTimerNs = nanoTime + timerIntervalNs;
    if (this.isTimerPutOff) return;
    const { networkPublications, ipcPublications, images } = this.streams;
    for (let i = 0; i < networkPublications.length; i++) networkPublications[i]!.onTimer();
    for (let i = 0; i < ipcPublications.length; i++) ipcPublications[i]!.onTimer();
    for (let i = 0; i < images.length; i++) images[i]!.onTimer();
    this.streams.release(this.context);
    this.traffic?.update();
    const report = this.statistics?.takeReport?.() ?? '';
    if (report !== '') this.context.report(report);
  }

  /** The time between two cycles, idle ones in fours, is what a stall costs, whoever caused it. */
  private trackCycleTime(): void {
    const counters = this.context.counters;
    const cycleNs = this.clock.nanoTime - this.timeOfLastCycleNs;
    this.timeOfLastCycleNs = this.clock.nanoTime;
    if (cycleNs > this.maxCycleNs) {
      this.maxCycleNs = cycleNs;
      counters.senderMaxCycleTime.set(cycleNs);
      counters.receiverMaxCycleTime.set(cycleNs);
    }
    if (cycleNs > this.config.cycleThresholdNs) {
      counters.senderCycleTimeThresholdExceeded.increment();
      counters.receiverCycleTimeThresholdExceeded.increment();
    }
  }

  /** Closes endpoints and transport at once, streams in whatever state they are. Emits `closed`. Cold. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.streams.close();
    this.commands.stopCapture();
    this.traffic?.update();
    this.transport?.close();
    this.frames?.close();
    this.context.close();
  }
}
