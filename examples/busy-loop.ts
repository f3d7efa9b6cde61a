/**
 * Driver and client on one thread that never sleeps: the lowest latency, and no garbage once it runs.
 * Measures round trips through an echo: `node dist/examples/busy-loop.js`.
 */
import { Aeron, BufferClaim } from 'aeron-bypass';
import { MediaDriver } from 'aeron-bypass/driver';

const CHANNEL = 'aeron:ipc';
const ROUND_TRIPS = 100_000;
const FRAGMENT_LIMIT = 10;

const driver = await MediaDriver.launch({
  dir: '/dev/shm/aeron-example-busy-loop',
  dirDeleteOnShutdown: true,
  threadingMode: 'INVOKER',
});
// While the client waits for the driver's answers it runs the driver itself.
const aeron = await Aeron.connect({ directory: driver.directory, driver, useConductorInvoker: true });

const pings = await aeron.addSubscription(CHANNEL, 1);
const pongs = await aeron.addSubscription(CHANNEL, 2);
const ping = await aeron.addExclusivePublication(CHANNEL, 1);
const pong = await aeron.addExclusivePublication(CHANNEL, 2);
while (!ping.isConnected || !pong.isConnected) {
  driver.doWork();
  aeron.doWork();
}

const claim = new BufferClaim();
let received = 0;

/** Returns false when the publication has no room now; the ping comes again then. */
function sendPing(): boolean {
  if (ping.tryClaim(8, claim) < 0) return false;
  claim.buffer.writeDoubleLE(performance.now(), claim.offset);
  claim.commit();
  return true;
}

const echo = (buffer: Buffer, offset: number, length: number): void => {
  while (pong.offer(buffer, offset, length) < 0) driver.doWork();
};
let worstMs = 0;
const onPong = (buffer: Buffer, offset: number): void => {
  received++;
  worstMs = Math.max(worstMs, performance.now() - buffer.readDoubleLE(offset));
};

const startMs = performance.now();
let sent = 0;
while (received < ROUND_TRIPS) {
  if (sent === received && sendPing()) sent++;
  driver.doWork();
  aeron.doWork();
  pings.poll(echo, FRAGMENT_LIMIT);
  pongs.poll(onPong, FRAGMENT_LIMIT);
}
const elapsedMs = performance.now() - startMs;
console.log(
  `${ROUND_TRIPS} round trips, ${((elapsedMs * 1_000) / ROUND_TRIPS).toFixed(2)} us each on average`,
);
console.log(`the slowest took ${(worstMs * 1_000).toFixed(0)} us`);

await aeron.close();
await driver.close();
