/**
 * A driver that is extended by modules of one's own: one loses datagrams, one holds senders back more than receivers ask
 * for. `node dist/examples/extend-driver.js`. What was lost is sent again, so every message arrives.
 */
import { fileURLToPath } from 'node:url';
import { Aeron } from 'aeron-bypass';
import { MediaDriver } from 'aeron-bypass/driver';

const driver = await MediaDriver.launch({
  dir: '/dev/shm/aeron-example-extend-driver',
  dirDeleteOnShutdown: true,
  threadingMode: 'SHARED',
  driverDynamicLibraries: ['./outgoing-loss.js', './half-window.js'].map((file) =>
    fileURLToPath(new URL(file, import.meta.url)),
  ),
  udpChannelOutgoingInterceptors: ['third-lost'],
  unicastFlowControl: 'half-window',
});
const aeron = await Aeron.connect({ directory: driver.directory });

const channel = 'aeron:udp?endpoint=localhost:20131|nak-delay=1ms';
const subscription = await aeron.addSubscription(channel, 1001);
const publication = await aeron.addPublication(channel, 1001);

const MESSAGES = 100;
for (let i = 0; i < MESSAGES; i++) await publication.send(`message ${i}`);

let arrived = 0;
for await (const message of subscription) {
  if (message.toString() !== `message ${arrived}`) throw new Error(`message ${arrived} is ${message}`);
  if (++arrived === MESSAGES) break;
}
console.log(`${arrived} messages arrived in order`);

await aeron.close();
await driver.close();
