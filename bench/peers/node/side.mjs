/** What these sides share: arguments, messages, and the books of a counter and of a pinger. No transport in here. */
import { writeSync } from 'node:fs';

const SAMPLE_MS = 100;
const CONNECT_RETRY_MS = 20;
/** After this a reply is lost, when one is in flight. */
const REPLY_WAIT_MS = 100;
/** So long after its end the window's replies are waited for. */
const DRAIN_MS = 1000;
/** Messages a rate may have due at once before the event loop gets a turn. */
const DUE_MAX = 256;
const TWO_32 = 4294967296;

/** The `key=value` words of the command line. */
export function parseRun() {
  const run = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
  for (const name of ['side', 'messageLength', 'rate', 'warmUpMs', 'durationMs'])
    run[name] = Number(run[name]);
  run.ports = run.ports.split(',').map(Number);
  return run;
}

export function print(event) {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

/** Monotonic. */
export function nowNs() {
  return performance.now() * 1e6;
}

export function prepareMessage(length) {
  return Buffer.alloc(length, 'm');
}

export function stampMessage(message, sequence, stampNs) {
  message.writeUInt32LE(sequence % TWO_32, 0);
  message.writeUInt32LE(sequence / TWO_32, 4);
  message.writeUInt32LE(stampNs % TWO_32, 8);
  message.writeUInt32LE(stampNs / TWO_32, 12);
  return message;
}

function wordAt(bytes, offset) {
  const low =
    bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
  const high =
    bytes[offset + 4] | (bytes[offset + 5] << 8) | (bytes[offset + 6] << 16) | (bytes[offset + 7] << 24);
  return high * TWO_32 + (low >>> 0);
}

/** Counts what arrives, from the first message on; timers see to samples, window and result. */
export class Counter {
  #run;
  #messages = 0;
  #expected = 0;
  #lost = 0;
  #samples = [];

  constructor(run) {
    this.#run = run;
  }

  onMessage(bytes) {
    const sequence = wordAt(bytes, 0);
    if (this.#messages === 0) this.#begin();
    else if (sequence > this.#expected) this.#lost += sequence - this.#expected;
    this.#expected = sequence + 1;
    this.#messages++;
  }

  #begin() {
    let sampled = 0;
    const sampler = setInterval(() => {
      this.#samples.push(this.#messages - sampled);
      sampled = this.#messages;
    }, SAMPLE_MS);
    setTimeout(() => {
      const startNs = nowNs();
      const messages = this.#messages;
      const lost = this.#lost;
      print({ event: 'window' });
      setTimeout(() => {
        clearInterval(sampler);
        print({
          event: 'result',
          messages: this.#messages - messages,
          elapsedNs: Math.round(nowNs() - startNs),
          lost: this.#lost - lost,
          samples: this.#samples,
        });
      }, this.#run.durationMs);
    }, this.#run.warmUpMs);
  }
}

/** Counts nanoseconds in buckets that are at most 1.6 % wide. */
class Histogram {
  count = 0;
  #counts = new Map();

  record(ns) {
    const shift = Math.max(0, Math.floor(Math.log2(ns)) - 6);
    const end = (Math.floor(ns / 2 ** shift) + 1) * 2 ** shift - 1;
    this.#counts.set(end, (this.#counts.get(end) ?? 0) + 1);
    this.count++;
  }

  toBuckets() {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }
}

/** Finds out that the echo is there, then sends by the schedule, or one message after the other. */
export class Pinger {
  #run;
  #send;
  #histogram = new Histogram();
  #sequence = 0;
  #due = 0;
  #scheduled = 0;
  #lastSentNs = 0;
  #startNs = Number.POSITIVE_INFINITY;
  #windowNs = Number.POSITIVE_INFINITY;
  #endNs = Number.POSITIVE_INFINITY;
  #isWindowOpen = false;

  /** `send(sequence, stampNs)` sends a message. */
  constructor(run, send) {
    this.#run = run;
    this.#send = send;
    const prober = setInterval(() => {
      if (this.#startNs < Number.POSITIVE_INFINITY) clearInterval(prober);
      else this.#sendNow(nowNs());
    }, CONNECT_RETRY_MS);
  }

  onReply(bytes) {
    const now = nowNs();
    const stampNs = wordAt(bytes, 8);
    const isLast = wordAt(bytes, 0) === this.#sequence - 1;
    const { rate } = this.#run;
    // A reply that was given up is lost, though it comes.
    if (stampNs >= this.#windowNs && (isLast || rate > 0)) this.#histogram.record(now - stampNs);
    if (this.#startNs === Number.POSITIVE_INFINITY) this.#begin(now);
    else if (rate === 0 && isLast) this.#sendNow(now);
  }

  #begin(now) {
    const { rate, warmUpMs, durationMs } = this.#run;
    this.#startNs = now;
    this.#windowNs = now + warmUpMs * 1e6;
    this.#endNs = this.#windowNs + durationMs * 1e6;
    if (rate > 0) {
      this.#sendDue();
    } else {
      this.#sendNow(now);
      setInterval(() => {
        if (nowNs() - this.#lastSentNs > REPLY_WAIT_MS * 1e6) this.#sendNow(nowNs());
      }, REPLY_WAIT_MS);
    }
    setTimeout(() => this.#finish(), warmUpMs + durationMs + DRAIN_MS);
  }

  #sendDue() {
    const now = nowNs();
    for (let i = 0; i < DUE_MAX; i++) {
      const dueNs = this.#startNs + (this.#scheduled * 1e9) / this.#run.rate;
      if (dueNs > now || dueNs >= this.#endNs) break;
      this.#scheduled++;
      this.#sendNow(dueNs);
    }
    if (now < this.#endNs + DRAIN_MS * 1e6) setImmediate(() => this.#sendDue());
  }

  #sendNow(stampNs) {
    if (stampNs >= this.#endNs) return;
    if (stampNs >= this.#windowNs) {
      if (!this.#isWindowOpen) print({ event: 'window' });
      this.#isWindowOpen = true;
      this.#due++;
    }
    this.#lastSentNs = nowNs();
    this.#send(this.#sequence++, Math.floor(stampNs));
  }

  #finish() {
    const { rate, durationMs } = this.#run;
    // What the schedule holds is due, sent or not.
    const due = rate === 0 ? this.#due : Math.floor((rate * durationMs) / 1000);
    print({
      event: 'result',
      messages: this.#histogram.count,
      elapsedNs: durationMs * 1e6,
      lost: Math.max(0, due - this.#histogram.count),
      histogram: this.#histogram.toBuckets(),
    });
  }
}
