import type { AgentContext } from './agent-context.ts';
import type { ResolverEndpoint } from './names/resolver-endpoint.ts';
import type { Image } from './receiver/image.ts';
import type { ReceiveEndpoint } from './receiver/receive-endpoint.ts';
import type { IpcPublication } from './sender/ipc-publication.ts';
import type { NetworkPublication } from './sender/network-publication.ts';
import type { SendEndpoint } from './sender/send-endpoint.ts';

interface Stream {
  readonly registrationId: number;
  readonly isDone: boolean;
}

/** The endpoints and streams of a network agent. Changed by commands and timers only, never while a cycle walks it. */
export class AgentStreams {
  readonly sendEndpoints: Map<number, SendEndpoint> = new Map();
  /** Those of {@link sendEndpoints} that have several destinations. */
  castEndpoints: SendEndpoint[] = [];
  readonly receiveEndpoints: Map<number, ReceiveEndpoint> = new Map();
  resolverEndpoint: ResolverEndpoint | null = null;
  networkPublications: NetworkPublication[] = [];
  ipcPublications: IpcPublication[] = [];
  images: Image[] = [];

  publication(registrationId: number): NetworkPublication | IpcPublication | undefined {
    return withId(this.networkPublications, registrationId) ?? withId(this.ipcPublications, registrationId);
  }

  /** A stream that subscribers join and leave. */
  subscribable(registrationId: number): Image | IpcPublication | NetworkPublication | undefined {
    return withId(this.images, registrationId) ?? this.publication(registrationId);
  }

  image(registrationId: number): Image | undefined {
    return withId(this.images, registrationId);
  }

  checkPendingSetups(): void {
    this.receiveEndpoints.forEach(checkPendingSetups);
  }

  /** Destinations not heard of. */
  checkDestinations(): void {
    const endpoints = this.castEndpoints;
    for (let i = 0; i < endpoints.length; i++) endpoints[i]!.destinations?.checkSilent();
  }

  addSendEndpoint(endpointId: number, endpoint: SendEndpoint): void {
    this.sendEndpoints.set(endpointId, endpoint);
    if (endpoint.destinations !== null) this.castEndpoints.push(endpoint);
  }

  removeSendEndpoint(endpointId: number): void {
    const endpoint = this.sendEndpoints.get(endpointId);
    if (endpoint === undefined) return;
    endpoint.close();
    this.sendEndpoints.delete(endpointId);
    this.castEndpoints = this.castEndpoints.filter((other) => other !== endpoint);
  }

  /** Lets go of streams that are done, and says so. */
  release(context: AgentContext): void {
    this.networkPublications = liveOf(this.networkPublications, context);
    this.ipcPublications = liveOf(this.ipcPublications, context);
    this.images = liveOf(this.images, context);
  }

  /** Closes every endpoint and forgets every stream. */
  close(): void {
    for (const endpoint of this.sendEndpoints.values()) endpoint.close();
    for (const endpoint of this.receiveEndpoints.values()) endpoint.close();
    this.resolverEndpoint?.close();
    this.resolverEndpoint = null;
    this.sendEndpoints.clear();
    this.castEndpoints = [];
    this.receiveEndpoints.clear();
    this.networkPublications = [];
    this.ipcPublications = [];
    this.images = [];
  }
}

function withId<T extends Stream>(streams: T[], registrationId: number): T | undefined {
  return streams.find((stream) => stream.registrationId === registrationId);
}

/** `streams` without those that are done, of which `context` is told: the same array while all live. */
function liveOf<T extends Stream>(streams: T[], context: AgentContext): T[] {
  for (let i = 0; i < streams.length; i++) {
    if (streams[i]!.isDone) return withoutDone(streams, context);
  }
  return streams;
}

function withoutDone<T extends Stream>(streams: T[], context: AgentContext): T[] {
  return streams.filter((stream) => {
    if (stream.isDone) context.streamReleased(stream.registrationId);
    return !stream.isDone;
  });
}

function checkPendingSetups(endpoint: ReceiveEndpoint): void {
  endpoint.checkPendingSetups();
}
