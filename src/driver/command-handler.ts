import { CaptureFile } from '../capture/capture-file.ts';
import { FrameRecorder } from '../capture/frame-recorder.ts';
import { ErrorCode } from '../cnc/error-codes.ts';
import { LogBuffers } from '../logbuffer/log-buffers.ts';
import { Region } from '../memory/region.ts';
import type { Endpoint, EndpointOptions, Transport } from '../transport/transport.ts';
import { AeronError, assert, codeOf, messageOf } from '../util/errors.ts';
import type { AgentContext } from './agent-context.ts';
import type { AgentStreams } from './agent-streams.ts';
import type { FrameSender } from './frame-sender.ts';
import type {
  DestinationsSpec,
  ImageSpec,
  IpcPublicationSpec,
  NetworkCommand,
  NetworkPublicationSpec,
  ReceiverSpec,
  SharedRegion,
  SubscriberPosition,
} from './messages.ts';
import { ResolverEndpoint } from './names/resolver-endpoint.ts';
import { Image } from './receiver/image.ts';
import { ReceiveEndpoint } from './receiver/receive-endpoint.ts';
import { Destinations } from './sender/destinations.ts';
import { IpcPublication } from './sender/ipc-publication.ts';
import { NetworkPublication } from './sender/network-publication.ts';
import { ResponseRoute } from './sender/response-route.ts';
import { SendEndpoint } from './sender/send-endpoint.ts';
import { TimestampingRoute } from './sender/timestamping-route.ts';

/** What the kinds of streams have in common. */
interface StreamSpec {
  readonly registrationId: number;
  readonly log: SharedRegion;
  readonly termLength: number;
  readonly initialTermId: number;
}

/** What endpoints are made of. */
interface Network {
  readonly transport: Transport;
  readonly frames: FrameSender;
}

/** What the conductor is told of an endpoint that has opened. */
type Opened = Pick<Endpoint, 'localAddress' | 'localPort' | 'receiveBufferLength'>;

type EndpointCommand = Extract<
  NetworkCommand,
  {
    kind:
      | 'addSendEndpoint'
      | 'addReceiveEndpoint'
      | 'addMultiDestinationEndpoint'
      | 'addReceiveDestination'
      | 'removeReceiveDestination'
      | 'addResolverEndpoint'
      | 'sendResolution'
      | 'removeEndpoint'
      | 'reconnectEndpoint'
      | 'addDestination'
      | 'removeDestination'
      | 'moveDestination';
  }
>;

/** Does what the conductor says to the network agent, all but closing it. */
export class CommandHandler {
  private readonly context: AgentContext;
  private readonly streams: AgentStreams;
  private readonly network: Network | null;
  private receiveEndpointCount = 0;
  /** Null: nobody captures frames. */
  private recorder: FrameRecorder | null = null;

  constructor(
    context: AgentContext,
    streams: AgentStreams,
    transport: Transport | null,
    frames: FrameSender | null,
  ) {
    this.context = context;
    this.streams = streams;
    this.network = transport === null || frames === null ? null : { transport, frames };
  }

  /** Never throws: what cannot be done is answered by an event. */
  onCommand(command: Exclude<NetworkCommand, { kind: 'close' }>): void {
    const { receiveEndpoints } = this.streams;
    switch (command.kind) {
      case 'addNetworkPublication':
        this.adopt(command.publication, (log) => this.addNetworkPublication(log, command.publication));
        break;
      case 'addIpcPublication':
        this.adopt(command.publication, (log) => this.addIpcPublication(log, command.publication));
        break;
      case 'drainPublication':
        this.streams.publication(command.registrationId)?.drain(command.revoke);
        break;
      case 'addInterest':
        receiveEndpoints.get(command.endpointId)?.addInterest(command.streamId, command.sessionId);
        break;
      case 'removeInterest':
        receiveEndpoints.get(command.endpointId)?.removeInterest(command.streamId, command.sessionId);
        break;
      case 'addImage':
        this.context.onSetupAnswered();
        this.adopt(command.image, (log) => this.addImage(log, command.image));
        break;
      case 'imageNotCreated':
        this.context.onSetupAnswered();
        receiveEndpoints.get(command.endpointId)?.onImageNotCreated(command.streamId, command.sessionId);
        break;
      case 'addSubscriber':
        this.addSubscriber(command.registrationId, command.subscriber);
        break;
      case 'removeSubscriber':
        this.streams.subscribable(command.registrationId)?.removeSubscriber(command.counterId);
        this.context.subscriberRemoved(command.counterId);
        break;
      case 'setResponseSession':
        this.streams.image(command.registrationId)?.setResponseSession(command.sessionId);
        break;
      case 'requestSetup':
        receiveEndpoints.get(command.endpointId)?.requestSetup(command.streamId, command.sessionId);
        break;
      case 'rejectImage':
        this.streams.image(command.registrationId)?.reject(command.reason);
        break;
      case 'startCapture':
        this.startCapture(command.file);
        break;
      case 'stopCapture':
        this.stopCapture();
        break;
      default:
        this.onEndpointCommand(command);
    }
  }

  private startCapture({ buffer, handle }: SharedRegion): void {
    this.stopCapture();
    const tapPoint = this.network?.transport.tapPoint;
    if (tapPoint === undefined) return;
    const { clock, config } = this.context;
    const file = CaptureFile.adopt(Region.adopt(buffer, handle));
    this.recorder = new FrameRecorder(file, config.place?.index ?? 0, clock);
    tapPoint.tap = this.recorder;
  }

  /** Any number of calls. */
  stopCapture(): void {
    const { recorder } = this;
    if (recorder === null) return;
    this.recorder = null;
    this.network!.transport.tapPoint!.tap = null;
    recorder.close();
  }

  private onEndpointCommand(command: EndpointCommand): void {
    const { sendEndpoints, receiveEndpoints } = this.streams;
    switch (command.kind) {
      case 'addSendEndpoint':
        this.addSendEndpoint(command.endpointId, command.options, command.destinations ?? null);
        break;
      case 'addReceiveEndpoint':
        this.addReceiveEndpoint(command.endpointId, command.options, command.receiver);
        break;
      case 'addMultiDestinationEndpoint':
        this.addMultiDestinationEndpoint(command.endpointId, command.receiver);
        break;
      case 'addReceiveDestination':
        this.addReceiveDestination(command);
        break;
      case 'removeReceiveDestination':
        receiveEndpoints.get(command.endpointId)?.closeDestination(command.destinationId);
        break;
      case 'addResolverEndpoint':
        this.addResolverEndpoint(command.endpointId, command.options);
        break;
      case 'sendResolution':
        this.streams.resolverEndpoint?.send(command.frame, command.remoteAddress, command.remotePort);
        break;
      case 'removeEndpoint':
        this.removeEndpoint(command.endpointId);
        break;
      case 'reconnectEndpoint':
        sendEndpoints.get(command.endpointId)?.reconnect(command.remoteAddress, command.remotePort);
        receiveEndpoints.get(command.endpointId)?.setControl(command.remoteAddress, command.remotePort);
        break;
      case 'addDestination':
        sendEndpoints
          .get(command.endpointId)
          ?.destinations?.add(command.destinationId, command.address, command.port);
        break;
      case 'removeDestination':
        sendEndpoints.get(command.endpointId)?.destinations?.remove(command.destinationId);
        break;
      case 'moveDestination':
        sendEndpoints.get(command.endpointId)?.destinations?.move(command.destinationId, command.address);
        break;
    }
  }

  private addSendEndpoint(endpointId: number, options: EndpointOptions, spec: DestinationsSpec | null): void {
    this.open(endpointId, ({ transport, frames }) => {
      const { context } = this;
      const destinations =
        spec === null
          ? null
          : new Destinations(context, transport, endpointId, spec.isManual, context.counter(spec.counterId));
      const endpoint = new SendEndpoint(context, transport, frames, destinations);
      const opened = endpoint.open(options);
      this.streams.addSendEndpoint(endpointId, endpoint);
      return opened;
    });
  }

  private addReceiveEndpoint(endpointId: number, options: EndpointOptions, receiver?: ReceiverSpec): void {
    this.open(endpointId, (network) => {
      const endpoint = this.newReceiveEndpoint(network, endpointId, receiver, false);
      const opened = endpoint.open(options);
      this.streams.receiveEndpoints.set(endpointId, endpoint);
      return opened;
    });
  }

  private addMultiDestinationEndpoint(endpointId: number, receiver?: ReceiverSpec): void {
    this.open(endpointId, (network) => {
      this.streams.receiveEndpoints.set(
        endpointId,
        this.newReceiveEndpoint(network, endpointId, receiver, true),
      );
      return { localAddress: 0, localPort: 0, receiveBufferLength: 0 };
    });
  }

  private newReceiveEndpoint(
    { transport, frames }: Network,
    endpointId: number,
    receiver: ReceiverSpec | undefined,
    isMultiDestination: boolean,
  ): ReceiveEndpoint {
    const { context } = this;
    const { receiverIdLow, receiverIdHigh } = context.config;
    const low = (receiverIdLow + this.receiveEndpointCount++) | 0;
    return new ReceiveEndpoint(
      context,
      transport,
      frames,
      endpointId,
      low,
      receiverIdHigh,
      receiver,
      isMultiDestination,
    );
  }

  private addReceiveDestination({
    endpointId,
    destinationId,
    options,
    control,
  }: Extract<NetworkCommand, { kind: 'addReceiveDestination' }>): void {
    const { emit } = this.context;
    try {
      const endpoint = this.streams.receiveEndpoints.get(endpointId);
      assert(endpoint !== undefined, `receive endpoint ${endpointId} exists`);
      const { localAddress, localPort } = endpoint.openDestination(destinationId, options, control);
      emit({ kind: 'destinationOpened', destinationId, localAddress, localPort });
    } catch (error) {
      emit({ kind: 'destinationFailed', destinationId, code: codeOf(error), message: messageOf(error) });
    }
  }

  private addResolverEndpoint(endpointId: number, options: EndpointOptions): void {
    this.open(endpointId, ({ transport, frames }) => {
      const endpoint = new ResolverEndpoint(this.context, transport, frames, endpointId);
      const opened = endpoint.open(options);
      this.streams.resolverEndpoint = endpoint;
      return opened;
    });
  }

  private open(endpointId: number, openEndpoint: (network: Network) => Opened): void {
    const { emit } = this.context;
    try {
      if (this.network === null) {
        throw new AeronError(
          'NO_TRANSPORT',
          'this driver was started without a network: only aeron:ipc works',
        );
      }
      const { localAddress, localPort, receiveBufferLength } = openEndpoint(this.network);
      emit({ kind: 'endpointOpened', endpointId, localAddress, localPort, receiveBufferLength });
    } catch (error) {
      emit({ kind: 'endpointFailed', endpointId, code: codeOf(error), message: messageOf(error) });
    }
  }

  private removeEndpoint(endpointId: number): void {
    const { receiveEndpoints } = this.streams;
    this.streams.removeSendEndpoint(endpointId);
    receiveEndpoints.get(endpointId)?.close();
    receiveEndpoints.delete(endpointId);
    this.context.emit({ kind: 'endpointClosed', endpointId });
  }

  /** Hands a stream's log to `add`. When that fails, says so and releases the stream. */
  private adopt(spec: StreamSpec, add: (log: LogBuffers) => void): void {
    const { registrationId } = spec;
    try {
      const log = LogBuffers.adopt(spec.log.buffer, spec.log.handle);
      // Clients can write the metadata too; lengths must be those that were agreed on.
      assert(log.termLength === spec.termLength, 'the log has the term length of its stream');
      assert(log.initialTermId === spec.initialTermId, 'the log has the initial term id of its stream');
      add(log);
    } catch (error) {
      const message = `stream ${registrationId} was not added: ${messageOf(error)}`;
      this.context.emit({ kind: 'error', code: ErrorCode.GENERIC_ERROR, message });
      this.context.streamUnavailable(registrationId);
      this.context.streamReleased(registrationId);
    }
  }

  private addNetworkPublication(log: LogBuffers, spec: NetworkPublicationSpec): void {
    const endpoint = this.streams.sendEndpoints.get(spec.endpointId);
    assert(endpoint !== undefined, `send endpoint ${spec.endpointId} exists`);
    const route = spec.isResponse ? new ResponseRoute(endpoint) : endpoint;
    const { timestampOffset } = spec;
    const stamped =
      timestampOffset === undefined
        ? route
        : new TimestampingRoute(route, this.context.clock, log.region.view, timestampOffset);
    const publication = new NetworkPublication(this.context, stamped, log, spec);
    endpoint.addPublication(publication, spec.remoteAddress, spec.remotePort);
    this.streams.networkPublications.push(publication);
  }

  private addIpcPublication(log: LogBuffers, spec: IpcPublicationSpec): void {
    this.streams.ipcPublications.push(new IpcPublication(this.context, log, spec));
  }

  private addImage(log: LogBuffers, spec: ImageSpec): void {
    const endpoint = this.streams.receiveEndpoints.get(spec.endpointId);
    assert(endpoint !== undefined, `receive endpoint ${spec.endpointId} exists`);
    const image = new Image(this.context, endpoint, log, spec);
    for (const other of this.streams.images) other.onReplacedBy(image);
    endpoint.addImage(image);
    this.streams.images.push(image);
  }

  private addSubscriber(registrationId: number, subscriber: SubscriberPosition): void {
    const stream = this.streams.subscribable(registrationId);
    if (stream === undefined) {
      this.context.subscriberRefused(registrationId, subscriber.counterId);
    } else {
      stream.addSubscriber(subscriber);
    }
  }
}
