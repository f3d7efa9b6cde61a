/**
 * A driver, a publisher and a subscriber in one process, without a network: `node dist/examples/hello.js`.
 */
import { Aeron } from 'aeron-bypass';
import { MediaDriver } from 'aeron-bypass/driver';

const driver = await MediaDriver.launch({ dir: '/dev/shm/aeron-example-hello', dirDeleteOnShutdown: true });
const aeron = await Aeron.connect({ directory: driver.directory });

const subscription = await aeron.addSubscription('aeron:ipc', 1001);
const publication = await aeron.addPublication('aeron:ipc', 1001);

for (const name of ['world', 'Aeron', 'last one']) await publication.send(`hello, ${name}`);

for await (const message of subscription) {
  console.log(message.toString());
  if (message.toString().endsWith('last one')) break;
}

await aeron.close();
await driver.close();
