import { TermScanner } from '../../logbuffer/term-scanner.ts';
import { DatagramBurst } from '../../transport/transport.ts';
import { StatusMessage } from '../flow/status-message.ts';

/**
 * What a publication needs only while it has its turn. One for all publications of an agent: it stays in the caches, where
 * one each would be cold at every turn of a thousand streams.
 */
export class SendScratch {
  readonly scanner: TermScanner = new TermScanner();
  readonly burst: DatagramBurst = new DatagramBurst();
  /** Where in the term each datagram of the burst ends. */
  readonly endOffsets: Int32Array = new Int32Array(DatagramBurst.CAPACITY);
  readonly statusMessage: StatusMessage = new StatusMessage();
}
