/**
 * One end of TCP connections, as of SSH. Arguments: its own address and that of the other end. Sends back what comes in;
 * connects itself, sends until its standard input ends, and says whether all of that came back, which is its outcome.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TCP_PORT } from '../capture-check.ts';

const [own = '', other = ''] = process.argv.slice(2);
const TURN_BYTES = 20_000;
const TURN_MS = 100;

const server = createServer((peer) => peer.on('error', () => {}).pipe(peer)).listen(TCP_PORT, own);
await once(server, 'listening');
console.log('listening');

/** The other end may take longer to start. */
async function connected(): Promise<Socket> {
  for (;;) {
    const socket = connect(TCP_PORT, other);
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      await sleep(TURN_MS);
    }
  }
}

const peer = await connected();
let received = 0;
let wrong = 0;
peer.on('data', (chunk) => {
  for (const byte of chunk) if (byte !== (received++ * 7) % 251) wrong++;
});
let sent = 0;
let isOver = false;
process.stdin.resume().on('end', () => {
  isOver = true;
});
while (!isOver) {
  const bytes = Buffer.alloc(TURN_BYTES);
  for (let i = 0; i < TURN_BYTES; i++) bytes[i] = (sent++ * 7) % 251;
  if (!peer.write(bytes)) await once(peer, 'drain');
  await sleep(TURN_MS);
}
peer.end();
await once(peer, 'close');
console.log(JSON.stringify({ sent, received, wrong }));
// The other end may still be at it.
server.close();
process.exitCode = sent === received && wrong === 0 ? 0 : 1;
