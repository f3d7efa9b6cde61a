// hot
import type { Clock } from '../concurrent/clock.ts';
import { ownerOf } from '../transport/port-owner.ts';
import type { AgentSharing } from './agent-sharing.ts';
import type { NetworkCommand, NetworkEvent } from './messages.ts';
import type { RunningNetwork } from './network-link.ts';

/** How old the sums of the agents' counters get. */
const SUM_INTERVAL_NS = 10e6;

/** Commands that are not for every agent. */
type CommandForOne = Exclude<NetworkCommand, { kind: 'startCapture' | 'stopCapture' }>;

/** The agents of DEDICATED: one for endpoints that send, and IPC, and one for those that receive. */
export const SENDER = 0;
export const RECEIVER = 1;

/**
 * Several network agents, each in a thread of its own, that look like one to the conductor. An endpoint belongs to one of
 * them, by its UDP port, and with it all streams of the endpoint; IPC streams are dealt out in turn.
 */
export class NetworkAgents implements RunningNetwork {
  readonly maxDatagramLength: number;
  readonly transportStatistics = null;
  private readonly agents: readonly RunningNetwork[];
  private readonly sharing: AgentSharing;
  private readonly clock: Clock;
  /** Whose an endpoint or a stream is. */
  private readonly endpointAgents: Map<number, number> = new Map();
  private readonly streamAgents: Map<number, number> = new Map();
  private readonly isByRole: boolean;
  private pollIndex = 0;
  private nextSumNs = 0;

  /**
   * Starts as many agents as `sharing` has places for: first number 0, which sets the port up for all, then the others.
   * `isByRole` deals endpoints out to {@link SENDER} and {@link RECEIVER}, and not by port.
   * @throws what `startAgent` throws; none of them runs then.
   */
  static async start(
    sharing: AgentSharing,
    clock: Clock,
    startAgent: (index: number) => Promise<RunningNetwork>,
    isByRole = false,
  ): Promise<NetworkAgents> {
    const agents: RunningNetwork[] = [];
    try {
      for (let i = 0; i < sharing.count; i++) agents.push(await startAgent(i));
    } catch (error) {
      await closeAll(agents, sharing);
      throw error;
    }
    return new NetworkAgents(agents, sharing, clock, isByRole);
  }

  private constructor(
    agents: readonly RunningNetwork[],
    sharing: AgentSharing,
    clock: Clock,
    isByRole: boolean,
  ) {
    this.isByRole = isByRole;
    this.agents = agents;
    this.sharing = sharing;
    this.clock = clock;
    this.maxDatagramLength = agents[0]!.maxDatagramLength;
  }

  send(command: NetworkCommand): void {
    if (command.kind === 'startCapture' || command.kind === 'stopCapture') this.sendToAll(command);
    else this.agents[this.agentFor(command)]!.send(command);
  }

  private sendToAll(command: NetworkCommand): void {
    for (let i = 0; i < this.agents.length; i++) this.agents[i]!.send(command);
  }

  poll(): NetworkEvent | null {
    const { agents } = this;
    for (let i = 0; i < agents.length; i++) {
      this.pollIndex = this.pollIndex + 1 < agents.length ? this.pollIndex + 1 : 0;
      const event = agents[this.pollIndex]!.poll();
      if (event === null) continue;
      this.forget(event);
      return event;
    }
    return null;
  }

  doWork(): number {
    const { clock } = this;
    clock.update();
    if (clock.nanoTime >= this.nextSumNs) {
      this.nextSumNs = clock.nanoTime + SUM_INTERVAL_NS;
      this.sharing.sumUp();
    }
    return 0;
  }

  close(): Promise<void> {
    return closeAll(this.agents, this.sharing);
  }

  /** What an agent no longer has, it may be asked about by mistake: then any of them can say so. */
  private agentFor(command: CommandForOne): number {
    switch (command.kind) {
      case 'addSendEndpoint':
      case 'addReceiveEndpoint':
        if (this.isByRole) return this.assignRole(command.endpointId, command.kind === 'addSendEndpoint');
        return this.assignEndpoint(command.endpointId, command.options.localPort, command.options.remotePort);
      case 'addMultiDestinationEndpoint':
        if (this.isByRole) return this.assignRole(command.endpointId, false);
        // Destinations may come with any port; those of a DPDK port must be the agent's own, so it has to be foreseeable.
        this.endpointAgents.set(command.endpointId, 0);
        return 0;
      case 'addResolverEndpoint':
        if (this.isByRole) return this.assignRole(command.endpointId, false);
        return this.assignEndpoint(command.endpointId, command.options.localPort, 0);
      case 'addNetworkPublication':
        return this.assignStream(command.publication.registrationId, command.publication.endpointId);
      case 'addImage':
        return this.assignStream(command.image.registrationId, command.image.endpointId);
      case 'addIpcPublication': {
        const { registrationId } = command.publication;
        const agent = this.isByRole ? SENDER : registrationId % this.agents.length;
        this.streamAgents.set(registrationId, agent);
        return agent;
      }
      case 'addReceiveDestination':
      case 'removeReceiveDestination':
      case 'sendResolution':
      case 'removeEndpoint':
      case 'reconnectEndpoint':
      case 'addDestination':
      case 'removeDestination':
      case 'moveDestination':
      case 'addInterest':
      case 'removeInterest':
      case 'imageNotCreated':
      case 'requestSetup':
        return this.endpointAgents.get(command.endpointId) ?? 0;
      case 'drainPublication':
      case 'addSubscriber':
      case 'removeSubscriber':
      case 'rejectImage':
      case 'setResponseSession':
        return this.streamAgents.get(command.registrationId) ?? 0;
      case 'close':
        return 0;
    }
  }

  /** Cold. */
  private assignRole(endpointId: number, sends: boolean): number {
    const agent = sends ? SENDER : RECEIVER;
    this.endpointAgents.set(endpointId, agent);
    return agent;
  }

  /** A port that is still to be chosen may be anybody's: its agent chooses one of its own. Cold. */
  private assignEndpoint(endpointId: number, localPort: number, remotePort: number): number {
    const port = localPort !== 0 ? localPort : remotePort;
    const agent = ownerOf(port !== 0 ? port : endpointId, this.agents.length);
    this.endpointAgents.set(endpointId, agent);
    return agent;
  }

  private assignStream(registrationId: number, endpointId: number): number {
    const agent = this.endpointAgents.get(endpointId) ?? 0;
    this.streamAgents.set(registrationId, agent);
    return agent;
  }

  private forget(event: NetworkEvent): void {
    switch (event.kind) {
      case 'endpointFailed':
      case 'endpointClosed':
        this.endpointAgents.delete(event.endpointId);
        break;
      case 'streamReleased':
        this.streamAgents.delete(event.registrationId);
        break;
      default:
        break;
    }
  }
}

async function closeAll(agents: readonly RunningNetwork[], sharing: AgentSharing): Promise<void> {
  await Promise.all(agents.map((agent) => agent.close()));
  sharing.close();
}
