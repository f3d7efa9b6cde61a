/**
 * Prints what `publisher.ts`, or any Aeron publisher, sends: `node dist/examples/subscriber.js [channel]
 * [stream id]`.
 */
import { Aeron } from 'aeron-bypass';

const [channel = 'aeron:udp?endpoint=localhost:20121', streamId = '1001'] = process.argv.slice(2);

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const aeron = await Aeron.connect({
  onAvailableImage: (image) => console.log(`+ ${image.sourceIdentity}, session ${image.sessionId}`),
  onUnavailableImage: (image) => console.log(`- ${image.sourceIdentity}, at position ${image.position}`),
});
const subscription = await aeron.addSubscription(channel, Number(streamId));
console.log(`listening on ${subscription}; Ctrl-C ends it`);
try {
  for await (const message of subscription.messages({ signal: stop.signal })) {
    console.log(message.toString());
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
} finally {
  await aeron.close();
}
