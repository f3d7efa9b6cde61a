/**
 * A driver and its client on one thread at one end of the cable: sends checked messages to the other end and checks those
 * from there. Arguments: where the driver's wire is (a PCI address, or `kernel`), its address, the peer's, how many
 * messages each way, seconds at most, and settings of the driver (`-Dname=value`). Says with a line of JSON what came of
 * it, and ends when its standard input has ended: until then its driver is at work.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Aeron } from '../../src/client/aeron.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { CheckedMessageVerifier, CheckedMessageWriter } from '../../test/support/checked-message.ts';
import { AERON_PORT } from '../capture-check.ts';

const [wire = '', local = '', remote = '', count, limitSeconds, ...more] = process.argv.slice(2);
const MESSAGES = Number(count);
const MESSAGE_STREAM = { seed: 7, maxLength: 8192 };
const STREAM = 1001;
const TERM_LENGTH = 256 * 1024;
/** Work of one kind before the other gets its turn. */
const BURST = 32;
const PROGRESS_MS = 10_000;

const settings = [
  `-Daeron.dir=/dev/shm/aeron-${local}`,
  '-Daeron.threading.mode=INVOKER',
  // A guest stands still now and then: nobody is dead because nothing was heard of him for some seconds.
  '-Daeron.client.liveness.timeout=120s',
  '-Daeron.publication.unblock.timeout=180s',
  '-Daeron.image.liveness.timeout=60s',
  '-Daeron.publication.connection.timeout=60s',
  '-Daeron.driver.timeout=120000',
  ...more,
];
const args =
  wire === 'kernel'
    ? [...settings, '-Daeron.transport=kernel']
    : ['-a', wire, '--', ...settings, `-Daeron.dpdk.local.ipv4.address=${local}/24`];
const driver = await MediaDriver.launch(loadConfiguration({ env: {}, args }));
const aeron = await Aeron.connect({
  directory: driver.directory,
  driver,
  useConductorInvoker: true,
  driverTimeoutMs: 120_000,
});
const subscription = await aeron.addSubscription(`aeron:udp?endpoint=${local}:${AERON_PORT}`, STREAM);
const publication = await aeron.addExclusivePublication(
  `aeron:udp?endpoint=${remote}:${AERON_PORT}|term-length=${TERM_LENGTH}`,
  STREAM,
);
console.log('ready');

const writer = new CheckedMessageWriter(MESSAGE_STREAM, 0);
const verifier = new CheckedMessageVerifier(MESSAGE_STREAM, 1, MESSAGES);
const assembler = new FragmentAssembler((buffer, offset, length) => {
  verifier.onMessage(new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength), offset, length);
});
const message = Buffer.alloc(MESSAGE_STREAM.maxLength);
const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
let sent = 0;
let length = writer.write(view, 0, 0);

/** Sends until the window is full or the burst is over. */
function send(): void {
  for (let i = 0; i < BURST && sent < MESSAGES; i++) {
    if (publication.offer(message, 0, length) < 0) return;
    sent++;
    length = writer.write(view, 0, sent);
  }
}

const startMs = performance.now();
let progressMs = startMs;
let nowMs = startMs;
while (nowMs - startMs < Number(limitSeconds) * 1000) {
  send();
  driver.doWork();
  subscription.poll(assembler.handler, BURST);
  aeron.doWork();
  nowMs = performance.now();
  if (nowMs - progressMs > PROGRESS_MS) {
    progressMs = nowMs;
    console.log(`sent ${sent}, received ${verifier.received}`);
  }
  if (verifier.isComplete && sent === MESSAGES && !subscription.isConnected) break;
  // Nothing more to say: the peer sees the end of the stream once it has everything.
  if (sent === MESSAGES && verifier.isComplete && !publication.isClosed) await publication.close();
}
verifier.finish();
aeron.countersReader.forEach(({ typeId, value }) => {
  if (typeId === CounterType.DPDK_TX_ZERO_COPY) console.log(`frames from the log: ${value}`);
});
const seconds = Math.round(performance.now() - startMs) / 1000;
console.log(JSON.stringify({ sent, ...verifier.summary(), seconds }));

let isWanted = true;
process.stdin.resume().once('end', () => {
  isWanted = false;
});
while (isWanted && performance.now() - startMs < Number(limitSeconds) * 1000) {
  driver.doWork();
  aeron.doWork();
  await turn();
}
await aeron.close();
await driver.close();
