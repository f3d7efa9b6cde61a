/** A server that answers, and a client that asks, over UDP: `node dist/examples/request-response.js`. */
import { Aeron, type Publication, type Subscription } from 'aeron-bypass';
import { MediaDriver } from 'aeron-bypass/driver';

const REQUESTS = 'aeron:udp?endpoint=127.0.0.1:24101';
const RESPONSES = 'aeron:udp?endpoint=127.0.0.1:24102';
const STREAM_ID = 1;

async function serve(requests: Subscription, responses: Publication, signal: AbortSignal): Promise<void> {
  for await (const request of requests.messages({ signal })) {
    const { id, question } = JSON.parse(request.toString());
    await responses.send(JSON.stringify({ id, answer: question.toUpperCase() }));
  }
}

const driver = await MediaDriver.launch({ dir: '/dev/shm/aeron-example-request', dirDeleteOnShutdown: true });
const aeron = await Aeron.connect({ directory: driver.directory });

const stop = new AbortController();
const serving = serve(
  await aeron.addSubscription(REQUESTS, STREAM_ID),
  await aeron.addPublication(RESPONSES, STREAM_ID),
  stop.signal,
);

const requests = await aeron.addPublication(REQUESTS, STREAM_ID);
const responses = (await aeron.addSubscription(RESPONSES, STREAM_ID)).messages();
for (const question of ['who', 'what', 'why']) {
  await requests.send(JSON.stringify({ id: 1, question }), { signal: AbortSignal.timeout(5_000) });
  const { value } = await responses.next();
  console.log(question, '->', JSON.parse(String(value)).answer);
}

stop.abort();
await serving.catch((reason: Error) => console.log('the server stopped:', reason.name));
await aeron.close();
await driver.close();
