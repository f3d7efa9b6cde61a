import { randomInt } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../concurrent/clock.ts';
import { Region } from '../../memory/region.ts';
import { FLAG_EOS, FLAG_UNFRAGMENTED, writeHeartbeat } from '../../protocol/data-frame.ts';
import { ERROR_SESSION_ID, ERROR_STREAM_ID, errorText, isValidError } from '../../protocol/error-frame.ts';
import { frameType, isValidFrame, TYPE_ERR, TYPE_SM } from '../../protocol/frame.ts';
import { SETUP_LENGTH, writeSetup } from '../../protocol/setup-frame.ts';
import {
  STATUS_MESSAGE_RECEIVER_WINDOW,
  STATUS_MESSAGE_SESSION_ID,
  STATUS_MESSAGE_STREAM_ID,
} from '../../protocol/status-message-frame.ts';
import {
  DatagramBurst,
  type DatagramHandler,
  type Endpoint,
  type IpAddress,
  type Transport,
} from '../../transport/transport.ts';
import type { TransportStatistics } from '../../transport/transport-statistics.ts';
import type { AeronEvidence, Question } from './evidence.ts';

const TIMEOUT_MS = 3000;
const SETUP_INTERVAL_MS = 100;
/** Receivers may miss one. */
const END_OF_STREAM_FRAMES = 3;
const TERM_LENGTH = 65536;
const INT32_MAX = 0x7fffffff;
const NOBODY = { onBurstEnd(): void {} };

export type CountingTransport = Transport & { readonly statistics: TransportStatistics };

/** Runs duty cycles of a transport until `isDone`, or for `timeoutMs`. Returns whether it is done. */
export async function turnUntil(
  transport: Transport,
  clock: Clock,
  isDone: () => boolean,
  timeoutMs: number,
): Promise<boolean> {
  clock.update();
  const deadlineNs = clock.nanoTime + timeoutMs * 1e6;
  for (;;) {
    clock.update();
    transport.poll(NOBODY);
    transport.flush();
    if (isDone()) return true;
    if (clock.nanoTime >= deadlineNs) return false;
    await setTimeout(1);
  }
}

/**
 * Announces a stream that has nothing to say, as a publication does, until the receiver answers or says no; then ends it, so
 * that the receiver's image of it goes. The stream's session id is random, its log at the receiver of the smallest length.
 */
export async function shakeHands(
  transport: CountingTransport,
  clock: Clock,
  localAddress: IpAddress,
  port: number,
  { address, streamId, mtuLength }: Question,
): Promise<AeronEvidence> {
  const announced = new AnnouncedStream(randomInt(INT32_MAX), streamId, randomInt(INT32_MAX), mtuLength);
  const endpoint = transport.open(
    {
      localAddress,
      localPort: 0,
      remoteAddress: address,
      remotePort: port,
      receiveBufferLength: 0,
      sendBufferLength: 0,
    },
    announced,
  );
  const errorsBefore = transport.statistics.sendErrors;
  const lastError = (): string => transport.statistics.lastError;
  try {
    let dueNs = clock.nanoTime;
    const isDone = (): boolean => {
      if (announced.answer !== null || lastError() === 'ECONNREFUSED') return true;
      if (clock.nanoTime >= dueNs) {
        dueNs = clock.nanoTime + SETUP_INTERVAL_MS * 1e6;
        announced.sendSetup(transport, endpoint);
      }
      return false;
    };
    await turnUntil(transport, clock, isDone, TIMEOUT_MS);
    if (announced.answer !== null) {
      await announced.end(transport, endpoint, clock);
      return announced.answer;
    }
    if (lastError() === 'ECONNREFUSED') return { state: 'refused', detail: '' };
    const isKept = transport.statistics.sendErrors > errorsBefore;
    return isKept ? { state: 'not-sent', detail: lastError() } : { state: 'silent', detail: '' };
  } finally {
    endpoint.close();
    announced.close();
  }
}

class AnnouncedStream implements DatagramHandler {
  answer: AeronEvidence | null = null;
  private readonly frame: Region = Region.allocate(SETUP_LENGTH);
  private readonly burst: DatagramBurst = new DatagramBurst();
  private readonly sessionId: number;
  private readonly streamId: number;
  private readonly termId: number;
  private readonly mtuLength: number;

  constructor(sessionId: number, streamId: number, termId: number, mtuLength: number) {
    this.sessionId = sessionId;
    this.streamId = streamId;
    this.termId = termId;
    this.mtuLength = mtuLength;
  }

  onDatagram(region: Region, offset: number, length: number): void {
    const { view } = region;
    if (this.answer !== null || !isValidFrame(view, offset, length)) return;
    const type = frameType(view, offset);
    if (type === TYPE_SM && this.isOurs(view, offset, STATUS_MESSAGE_SESSION_ID, STATUS_MESSAGE_STREAM_ID)) {
      const window = view.getInt32(offset + STATUS_MESSAGE_RECEIVER_WINDOW, true);
      this.answer = {
        state: 'answered',
        detail: `a status message has come, with a window of ${window} bytes`,
      };
    } else if (type === TYPE_ERR && this.isOurs(view, offset, ERROR_SESSION_ID, ERROR_STREAM_ID)) {
      const text = isValidError(view, offset) ? errorText(view, offset) : '';
      // It is a stranger's, and goes to a terminal.
      this.answer = { state: 'rejected', detail: text.replace(/[^\x20-\x7e]/g, '?') };
    }
  }

  sendSetup(transport: Transport, endpoint: Endpoint): void {
    const { sessionId, streamId, termId, mtuLength } = this;
    const { view } = this.frame;
    this.send(
      transport,
      endpoint,
      writeSetup(view, 0, 0, 0, sessionId, streamId, termId, termId, TERM_LENGTH, mtuLength, 0),
    );
  }

  async end(transport: Transport, endpoint: Endpoint, clock: Clock): Promise<void> {
    const { sessionId, streamId, termId } = this;
    const flags = FLAG_UNFRAGMENTED | FLAG_EOS;
    for (let i = 0; i < END_OF_STREAM_FRAMES; i++) {
      this.send(
        transport,
        endpoint,
        writeHeartbeat(this.frame.view, 0, flags, 0, sessionId, streamId, termId),
      );
      await turnUntil(transport, clock, () => false, SETUP_INTERVAL_MS / 2);
    }
  }

  close(): void {
    this.frame.close();
    this.burst.region.close();
  }

  private isOurs(view: DataView, offset: number, sessionField: number, streamField: number): boolean {
    return (
      view.getInt32(offset + sessionField, true) === this.sessionId &&
      view.getInt32(offset + streamField, true) === this.streamId
    );
  }

  private send(transport: Transport, endpoint: Endpoint, length: number): void {
    this.burst.clear();
    this.burst.add(this.frame.handle, 0, length);
    // Ones that do not leave are sent again anyway.
    transport.send(endpoint, this.burst, 0, 0);
    transport.flush();
  }
}
