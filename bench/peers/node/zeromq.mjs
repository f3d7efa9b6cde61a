/** ZeroMQ, PUSH and PULL: a pair of sockets in each direction that is used. */
import { join } from 'node:path';
import { Pull, Push } from 'zeromq';
import { Counter, Pinger, parseRun, prepareMessage, print, stampMessage } from './side.mjs';

const HIGH_WATER_MARK = 10_000;

const run = parseRun();
const prepared = prepareMessage(run.messageLength);

function addressOf(side) {
  return run.media === 'ipc'
    ? `ipc://${join(run.folder, `${side}.sock`)}`
    : `tcp://127.0.0.1:${run.ports[side]}`;
}

async function receiver() {
  const pull = new Pull({ receiveHighWaterMark: HIGH_WATER_MARK });
  await pull.bind(addressOf(run.side));
  return pull;
}

function sender() {
  const push = new Push({ sendHighWaterMark: HIGH_WATER_MARK, linger: 0 });
  push.connect(addressOf(1 - run.side));
  return push;
}

/** Sends, in order, and without waiting where the socket has room. */
class Outbox {
  #push = sender();
  #last = Promise.resolve();

  send(message) {
    this.#last = this.#last.then(() => this.#push.send(message));
  }
}

const roles = {
  async publish() {
    const push = sender();
    print({ event: 'ready' });
    // The library holds on to long messages, so each is a new one.
    for (let sequence = 0; ; sequence++) await push.send(stampMessage(Buffer.from(prepared), sequence, 0));
  },

  async count() {
    const counter = new Counter(run);
    const pull = await receiver();
    print({ event: 'ready' });
    for await (const [bytes] of pull) counter.onMessage(bytes);
  },

  async ping() {
    const pull = await receiver();
    const outbox = new Outbox();
    print({ event: 'ready' });
    const pinger = new Pinger(run, (sequence, stampNs) => {
      outbox.send(stampMessage(Buffer.from(prepared), sequence, stampNs));
    });
    for await (const [bytes] of pull) pinger.onReply(bytes);
  },

  async echo() {
    const pull = await receiver();
    const push = sender();
    print({ event: 'ready' });
    for await (const [bytes] of pull) await push.send(bytes);
  },
};

await roles[run.role]();
