/** Node's own UDP sockets, one message a datagram. */
import { createSocket } from 'node:dgram';
import { Counter, Pinger, parseRun, prepareMessage, print, stampMessage } from './side.mjs';

const BURST = 256;
const BUFFER_LENGTH = 2 << 20;

const run = parseRun();
const socket = createSocket('udp4');
// The other side may not be there yet.
socket.on('error', (error) => {
  if (error.code !== 'ECONNREFUSED') throw error;
});
socket.bind(run.ports[run.side], '127.0.0.1', () => {
  socket.setRecvBufferSize(BUFFER_LENGTH);
  socket.setSendBufferSize(BUFFER_LENGTH);
  socket.connect(run.ports[1 - run.side], '127.0.0.1', () => {
    print({ event: 'ready' });
    roles[run.role]();
  });
});

const roles = {
  /** Bursts: a message's buffer is free again when its callback comes. */
  publish() {
    const messages = Array.from({ length: BURST }, () => prepareMessage(run.messageLength));
    let sequence = 0;
    let underWay = 0;
    const onSent = () => {
      if (--underWay === 0) setImmediate(burst);
    };
    const burst = () => {
      underWay = BURST;
      for (const message of messages) socket.send(stampMessage(message, sequence++, 0), onSent);
    };
    burst();
  },

  count() {
    const counter = new Counter(run);
    socket.on('message', (bytes) => counter.onMessage(bytes));
  },

  ping() {
    const prepared = prepareMessage(run.messageLength);
    const pinger = new Pinger(run, (sequence, stampNs) => {
      socket.send(stampMessage(Buffer.from(prepared), sequence, stampNs), () => {});
    });
    socket.on('message', (bytes) => pinger.onReply(bytes));
  },

  echo() {
    socket.on('message', (bytes) => socket.send(bytes, () => {}));
  },
};
