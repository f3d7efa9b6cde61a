/** Opens a transport on a thread of its own, says so, and keeps it until the thread ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { openBypassTransport } from '../../src/transport/bypass/open-bypass-transport.ts';

const transport = openBypassTransport(workerData, new SimulatedClock());
parentPort!.on('message', () => {
  transport.close();
  parentPort!.close();
});
parentPort!.postMessage(transport.device.capabilities.driverName);
