/**
 * Streams datagrams over the loopback interface of the network namespace it runs in and prints what the transport counted.
 * Argument: `{ bursts: Run[][], sendBufferLength }`.
 */
import { openKernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import { DatagramStream, type Run } from './datagram-stream.ts';

const { bursts, sendBufferLength } = JSON.parse(process.argv[2]!) as {
  bursts: Run[][];
  sendBufferLength: number;
};
const transport = openKernelTransport();
const stream = new DatagramStream(transport, transport, sendBufferLength);
for (const runs of bursts) {
  stream.send(runs);
  stream.drain();
}
const { received } = stream;
const { datagramsSent, shortSends, sendErrors, coalescedSends, coalescingRefusals } = transport.statistics;
console.log(
  JSON.stringify({
    received,
    datagramsSent,
    shortSends,
    sendErrors,
    coalescedSends,
    coalescingRefusals,
  }),
);
transport.close();
