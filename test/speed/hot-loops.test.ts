/**
 * What a message costs in things that can be counted, so that a change for the worse shows on any machine, however busy.
 * Times are the benchmark's business.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { MESSAGE_LENGTH, type Wire } from '../support/exchange-loop.ts';
import { engineCosts, type Load, nativeCosts, type SideCosts } from '../support/hot-loop-costs.ts';

const HEADER_LENGTH = 32;
/** A frame takes its header's length more than its payload; 1 % for setups, status messages and heartbeats. */
const FRAME_BYTES_PER_BYTE = 1.01 * ((MESSAGE_LENGTH + HEADER_LENGTH) / MESSAGE_LENGTH);

/** What a stream may cost. Calls are native calls. */
interface Ceilings {
  /** Besides the copies of the messages that are offered, of which there may be one a message. */
  readonly senderCallsPerDatagram: number;
  readonly receiverCallsPerDatagram: number;
  readonly senderCopiesPerByte: number;
  readonly receiverCopiesPerByte: number;
}

/**
 * A burst of 16 datagrams is one call each for the clock, what is received, what is sent, and once in 16 KiB cleaning or a
 * status message: a quarter of a call a datagram, and some for the clients and the rotation of logs.
 */
const CALLS_PER_DATAGRAM = 0.32;

const CEILINGS: Readonly<Record<'kernel' | 'dpdk', Ceilings>> = {
  // An offer copies into the log, an insert into the image's log. The kernel's own copies are not seen from here.
  kernel: {
    senderCallsPerDatagram: CALLS_PER_DATAGRAM,
    receiverCallsPerDatagram: CALLS_PER_DATAGRAM,
    senderCopiesPerByte: 1,
    receiverCopiesPerByte: FRAME_BYTES_PER_BYTE,
  },
  // The same, and frames from the log into packet buffers.
  dpdk: {
    senderCallsPerDatagram: CALLS_PER_DATAGRAM,
    receiverCallsPerDatagram: CALLS_PER_DATAGRAM,
    senderCopiesPerByte: 1 + FRAME_BYTES_PER_BYTE,
    receiverCopiesPerByte: FRAME_BYTES_PER_BYTE,
  },
};

/** IPC has nothing to send: now and then a look at the clock and a piece of log to clean. */
const IPC_CALLS_PER_MESSAGE = 0.02;

/** An idle duty cycle asks the wire, and the clock every fourth time. */
const CALLS_PER_IDLE_CYCLE = 1.3;

/** A double that is boxed once a step costs 16 bytes; V8 takes a little for itself now and then. */
const BYTES_PER_STEP_MAX = 8;
const NOISE_BYTES = 256 * 1024;

const WARM_UP_MS = 2_000;

const COPY_IN = 'shm.copyIn';

function callsOf({ calls }: SideCosts): number {
  return Object.entries(calls).reduce((sum, [name, count]) => sum + (name === COPY_IN ? 0 : count), 0);
}

function assertAtMost(t: TestContext, what: string, value: number, ceiling: number): void {
  t.diagnostic(`${what}: ${value.toFixed(4)}, at most ${ceiling.toFixed(4)}`);
  assert.ok(value <= ceiling, `${what}: ${value} is more than ${ceiling}`);
}

const WIRES: readonly { wire: Wire; skip: string | false }[] = [
  { wire: 'ipc', skip: false },
  { wire: 'kernel', skip: false },
  { wire: 'dpdk', skip: SKIP_WITHOUT_DPDK },
];

for (const wire of ['kernel', 'dpdk'] as const) {
  const skip = wire === 'dpdk' && SKIP_WITHOUT_DPDK;

  test(`a stream over ${wire} costs few native calls and copies`, { skip }, async (t) => {
    const { messages, datagrams, sender, receiver } = await nativeCosts(t, wire, 'stream');
    const bytes = messages * MESSAGE_LENGTH;
    assert.ok(messages > 100_000, `${messages} messages arrived`);
    // What the counters do not see would pass below any ceiling.
    assert.ok(
      sender.bytesCopied >= bytes && receiver.bytesCopied >= bytes,
      'every byte was copied by each end',
    );
    const ceilings = CEILINGS[wire];
    assertAtMost(t, 'datagrams per message', datagrams / messages, 0.26);
    assertAtMost(t, 'copies into the log per message', (sender.calls[COPY_IN] ?? 0) / messages, 1);
    assertAtMost(
      t,
      'sender: other native calls per datagram',
      callsOf(sender) / datagrams,
      ceilings.senderCallsPerDatagram,
    );
    assertAtMost(
      t,
      'receiver: native calls per datagram',
      callsOf(receiver) / datagrams,
      ceilings.receiverCallsPerDatagram,
    );
    assertAtMost(
      t,
      'sender: bytes copied per byte',
      sender.bytesCopied / bytes,
      ceilings.senderCopiesPerByte,
    );
    assertAtMost(
      t,
      'receiver: bytes copied per byte',
      receiver.bytesCopied / bytes,
      ceilings.receiverCopiesPerByte,
    );
  });
}

test('a stream over IPC costs one native call and one copy a message', async (t) => {
  const { messages, sender, receiver } = await nativeCosts(t, 'ipc', 'stream');
  assert.ok(messages > 100_000, `${messages} messages arrived`);
  const bytes = messages * MESSAGE_LENGTH;
  assert.ok(callsOf(sender) > 0, 'calls are counted');
  assertAtMost(t, 'copies into the log per message', (sender.calls[COPY_IN] ?? 0) / messages, 1);
  assertAtMost(
    t,
    'other native calls per message',
    (callsOf(sender) + callsOf(receiver)) / messages,
    IPC_CALLS_PER_MESSAGE,
  );
  assertAtMost(t, 'bytes copied per byte', (sender.bytesCopied + receiver.bytesCopied) / bytes, 1);
});

for (const { wire, skip } of WIRES) {
  test(`an idle duty cycle over ${wire} costs few native calls`, { skip }, async (t) => {
    const { steps, sender, receiver } = await nativeCosts(t, wire, 'idle');
    assert.ok(callsOf(sender) > 0, 'calls are counted');
    assertAtMost(t, 'sender: native calls per cycle', callsOf(sender) / steps, CALLS_PER_IDLE_CYCLE);
    assertAtMost(t, 'receiver: native calls per cycle', callsOf(receiver) / steps, CALLS_PER_IDLE_CYCLE);
  });

  for (const load of ['stream', 'idle'] satisfies Load[]) {
    test(`${load} over ${wire}: nothing is allocated or compiled anew once it is warm`, {
      skip,
    }, async (t) => {
      // A busy machine warms up late: what is not at rest then has a second chance, and what never comes to rest fails.
      let costs = await engineCosts(t, wire, load, WARM_UP_MS);
      if (costs.collections + costs.deoptimisations.length > 0) {
        costs = await engineCosts(t, wire, load, 3 * WARM_UP_MS);
      }
      const { steps, collections, bytesAllocated, received, deoptimisations } = costs;
      t.diagnostic(
        `${collections} collections, ${bytesAllocated} bytes in ${steps} steps, ${received} messages`,
      );
      assert.deepEqual(deoptimisations, []);
      assert.equal(collections, 0);
      assert.ok(
        bytesAllocated < BYTES_PER_STEP_MAX * steps + NOISE_BYTES,
        `${bytesAllocated} bytes in ${steps} steps`,
      );
      if (load === 'stream') assert.ok(received > 100_000, `${received} messages arrived`);
    });
  }
}
