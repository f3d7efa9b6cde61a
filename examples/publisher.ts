/**
 * Publishes a message a second, for `subscriber.ts`, to a driver that runs already:
 * `node dist/examples/publisher.js [channel] [stream id]`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Aeron } from 'aeron-bypass';

const [channel = 'aeron:udp?endpoint=localhost:20121', streamId = '1001'] = process.argv.slice(2);

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const aeron = await Aeron.connect();
const publication = await aeron.addPublication(channel, Number(streamId));
console.log(`publishing on ${publication}, session ${publication.sessionId}; Ctrl-C ends it`);
try {
  for (let i = 0; ; i++) {
    const position = await publication.send(`message ${i}`, { signal: stop.signal });
    console.log(`sent message ${i}, the stream is at ${position}`);
    await sleep(1_000, undefined, { signal: stop.signal });
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
} finally {
  await aeron.close();
}
