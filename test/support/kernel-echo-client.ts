/**
 * A plain kernel socket that sends datagrams to an echo and checks what comes back.
 *
 *   node kernel-echo-client.js <host> <port> <count> [long]
 */
import { createSocket } from 'node:dgram';
import { FIRST_LONG, isAnswer, LENGTH_MAX, writeDatagram } from './echo-datagram.ts';

/** Under way at a time; more would overrun a socket's buffer. */
const WINDOW = process.argv[5] === 'long' ? 2 : 32;
const FIRST = process.argv[5] === 'long' ? FIRST_LONG : 0;
const SILENCE_MS = 5_000;

const [host, port, count] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
let next = 0;
let corrupt = 0;
const answered = new Set<number>();

function sendNext(): void {
  if (next === count) return;
  const bytes = Buffer.alloc(LENGTH_MAX);
  const length = writeDatagram(bytes, FIRST + next++);
  socket.send(bytes, 0, length, port, host);
}

/** Something was lost: silence ends the test with what there is. */
const silence = setTimeout(finish, SILENCE_MS);

function finish(): void {
  clearTimeout(silence);
  console.log(JSON.stringify({ sent: next, answered: answered.size, corrupt }));
  socket.close();
}

socket.on('message', (bytes) => {
  silence.refresh();
  if (isAnswer(bytes, 0, bytes.length)) answered.add(bytes.readUInt32BE());
  else corrupt++;
  if (answered.size === count) finish();
  else sendNext();
});
for (let i = 0; i < WINDOW; i++) sendNext();
