/** NATS, with a server of its own that side 1 starts. The server may use every processor. */
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { connect } from '@nats-io/transport-node';
import { Counter, Pinger, parseRun, prepareMessage, print, stampMessage } from './side.mjs';

const BURST = 512;
const THERE = 'there';
const BACK = 'back';

const run = parseRun();
const port = run.ports[1];
const prepared = prepareMessage(run.messageLength);

/** It ends with this process, however that ends. */
function startServer() {
  const everyCpu = `0-${cpus().length - 1}`;
  const server = ['nats-server', '-a', '127.0.0.1', '-p', String(port)];
  spawn('setpriv', ['--pdeathsig', 'KILL', 'taskset', '-c', everyCpu, ...server], { stdio: 'ignore' }).on(
    'exit',
    (code) => {
      throw new Error(`nats-server ended with exit code ${code}`);
    },
  );
}

if (run.side === 1) startServer();
const connection = await connect({
  servers: `127.0.0.1:${port}`,
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 20,
  reconnectJitter: 0,
});
print({ event: 'ready' });

function subscribe(subject, onMessage) {
  connection.subscribe(subject, { callback: (_error, message) => onMessage(message.data) });
}

/** The connection holds on to a message until it is written, so each is a new one. */
function publish(subject, sequence, stampNs) {
  connection.publish(subject, stampMessage(Buffer.from(prepared), sequence, stampNs));
}

const roles = {
  /** A burst goes out while the server answers for the one before, which bounds what waits in memory. */
  async publish() {
    let sequence = 0;
    let flushed = connection.flush();
    for (;;) {
      for (let i = 0; i < BURST; i++) publish(THERE, sequence++, 0);
      const next = connection.flush();
      await flushed;
      flushed = next;
    }
  },

  count() {
    const counter = new Counter(run);
    subscribe(THERE, (bytes) => counter.onMessage(bytes));
  },

  ping() {
    const pinger = new Pinger(run, (sequence, stampNs) => publish(THERE, sequence, stampNs));
    subscribe(BACK, (bytes) => pinger.onReply(bytes));
  },

  echo() {
    subscribe(THERE, (bytes) => connection.publish(BACK, bytes));
  },
};

await roles[run.role]();
