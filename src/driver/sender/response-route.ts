// hot
import type { DatagramBurst } from '../../transport/transport.ts';
import { releaseAddress, retainAddress } from '../../util/ip-address.ts';
import type { FrameSender } from '../frame-sender.ts';
import type { NetworkPublication } from './network-publication.ts';
import type { SendEndpoint, SendRoute } from './send-endpoint.ts';

/**
 * The way of one response publication: through the endpoint that it shares with others, to the one receiver that has asked
 * for its setup frame. Nothing leaves before somebody has.
 */
export class ResponseRoute implements SendRoute {
  readonly frames: FrameSender;
  private readonly endpoint: SendEndpoint;
  private address = 0;
  private port = 0;

  constructor(endpoint: SendEndpoint) {
    this.endpoint = endpoint;
    this.frames = endpoint.frames;
  }

  get coalescedLengthMax(): number {
    return this.endpoint.coalescedLengthMax;
  }

  onSetupElicited(sourceAddress: number, sourcePort: number): void {
    releaseAddress(this.address);
    this.address = retainAddress(sourceAddress);
    this.port = sourcePort;
  }

  send(burst: DatagramBurst): number {
    return this.port === 0 ? 0 : this.endpoint.sendTo(burst, this.address, this.port);
  }

  sendFrame(offset: number, length: number): boolean {
    return this.port !== 0 && this.endpoint.sendFrameTo(offset, length, this.address, this.port);
  }

  destinationOf(): number {
    return -1;
  }

  removePublication(publication: NetworkPublication): void {
    releaseAddress(this.address);
    this.address = 0;
    this.port = 0;
    this.endpoint.removePublication(publication);
  }
}
