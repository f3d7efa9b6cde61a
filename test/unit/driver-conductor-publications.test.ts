import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { ConductorBench, LOOPBACK, only, opened, types } from '../support/conductor-bench.ts';

const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';
const IPC = 'aeron:ipc';

test('should make an IPC publication with counters, a log and a client, in this order of events', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId, events } = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });

  assert.deepEqual(types(events), ['counterReady', 'publicationReady']);
  const [heartbeat] = events;
  assert.ok(heartbeat?.type === 'counterReady');
  assert.equal(heartbeat.correlationId, bench.clientId);
  assert.equal(bench.counter(heartbeat.counterId).typeId, CounterType.CLIENT_HEARTBEAT);

  const ready = only(events, 'publicationReady');
  assert.equal(ready.correlationId, correlationId);
  assert.equal(ready.registrationId, correlationId);
  assert.equal(ready.channelStatusCounterId, -1);
  assert.equal(ready.logFileName, `${bench.directory}/publications/${correlationId}.logbuffer`);
  const tail = `${correlationId} ${ready.sessionId} 10 aeron:ipc`;
  assert.deepEqual(
    [...bench.labels().values()],
    [`pub-pos (concurrent): ${tail}`, `pub-lmt: ${tail}`, `client-heartbeat: id=${bench.clientId}`],
  );
  assert.equal(bench.counter(ready.positionLimitCounterId).ownerId, bench.clientId);

  const log = LogBuffers.map(ready.logFileName);
  assert.equal(log.termLength, 65_536);
  assert.equal(log.mtu, 1408);
  assert.equal(log.sessionId, ready.sessionId);
  log.close();

  const { publication } = bench.network.last('addIpcPublication');
  assert.equal(publication.registrationId, correlationId);
  assert.equal(publication.termWindowLength, 32_768);
  assert.equal(publication.isExclusive, false);
});

test('should make a network publication with the counters of the official driver', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId, events } = bench.call({
    type: 'addExclusivePublication',
    streamId: 10,
    channel: UDP,
  });
  const ready = only(events, 'exclusivePublicationReady');
  assert.deepEqual(types(events), ['counterReady', 'exclusivePublicationReady']);
  const tail = `${correlationId} ${ready.sessionId} 10 ${UDP}`;
  const labels = [...bench.labels()];
  assert.deepEqual(labels, [
    [46, `snd-channel: ${UDP} 127.0.0.1:40001`],
    [47, 'snd-local-sockaddr: 46 127.0.0.1:40001'],
    [48, `pub-pos (exclusive): ${tail}`],
    [49, `pub-lmt: ${tail}`],
    [50, `snd-pos: ${tail}`],
    [51, `snd-lmt: ${tail}`],
    [52, `snd-bpe: ${tail}`],
    [53, `snd-naks-received: ${tail}`],
    [54, `client-heartbeat: id=${bench.clientId}`],
  ]);
  assert.equal(ready.channelStatusCounterId, 46);
  assert.equal(ready.positionLimitCounterId, 49);
  assert.equal(bench.counter(46).value, 1);
  assert.equal(bench.counter(47).value, 1);
  assert.equal(bench.counter(47).typeId, CounterType.LOCAL_SOCKADDR);

  const { options } = bench.network.last('addSendEndpoint');
  assert.equal(options.remoteAddress, LOOPBACK);
  assert.equal(options.remotePort, 24325);
  assert.equal(options.localPort, 0);
  const { publication } = bench.network.last('addNetworkPublication');
  assert.equal(publication.remotePort, 24325);
  assert.equal(publication.senderNaksReceivedCounterId, 53);
  assert.equal(publication.lingerTimeoutNs, 5e9);
});

test('should share a concurrent publication between clients and drain it after the last one', (t) => {
  const bench = new ConductorBench(t);
  const first = bench.call({ type: 'addPublication', streamId: 10, channel: UDP });
  const second = bench.call({ type: 'addPublication', streamId: 10, channel: UDP }, 200);
  const [one, two] = [first, second].map(({ events }) => only(events, 'publicationReady'));
  assert.equal(two!.registrationId, first.correlationId);
  assert.equal(two!.correlationId, second.correlationId);
  assert.equal(two!.sessionId, one!.sessionId);
  assert.equal(two!.logFileName, one!.logFileName);
  assert.equal(bench.network.all('addSendEndpoint').length, 1);
  assert.equal(bench.network.all('addNetworkPublication').length, 1);

  bench.call({ type: 'removePublication', registrationId: first.correlationId, revoke: false });
  assert.equal(bench.network.all('drainPublication').length, 0);
  const { events } = bench.call(
    { type: 'removePublication', registrationId: second.correlationId, revoke: false },
    200,
  );
  assert.deepEqual(types(events), ['operationSuccess']);
  assert.deepEqual(bench.network.last('drainPublication'), {
    kind: 'drainPublication',
    registrationId: first.correlationId,
    revoke: false,
  });
});

test('should take the log, the counters and the endpoint away when the stream is released', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId: registrationId, events } = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: UDP,
  });
  const { logFileName } = only(events, 'publicationReady');
  const mappedBytes = bench.systemCounter(35);
  assert.equal(statSync(logFileName).size, 3 * 65_536 + 4096);
  bench.call({ type: 'removePublication', registrationId, revoke: false });
  assert.ok(existsSync(logFileName));
  bench.network.emit({ kind: 'streamUnavailable', registrationId });
  bench.network.emit({ kind: 'streamReleased', registrationId });
  bench.run();
  assert.ok(!existsSync(logFileName));
  assert.equal(bench.systemCounter(35), mappedBytes - (3 * 65_536 + 4096));
  assert.equal(bench.network.all('removeEndpoint').length, 1);
  assert.deepEqual([...bench.labels().values()], [`client-heartbeat: id=${bench.clientId}`]);
});

test('should revoke an exclusive publication', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId: registrationId } = bench.call({
    type: 'addExclusivePublication',
    streamId: 10,
    channel: IPC,
  });
  bench.call({ type: 'removePublication', registrationId, revoke: true });
  assert.equal(bench.network.last('drainPublication').revoke, true);
});

test('should not share a publication that drains', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId: registrationId } = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: IPC,
  });
  bench.call({ type: 'removePublication', registrationId, revoke: false });
  const { correlationId, events } = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  assert.equal(only(events, 'publicationReady').registrationId, correlationId);
});

test('should refuse to share a publication that has other parameters', (t) => {
  const bench = new ConductorBench(t);
  const base = `${IPC}?session-id=5`;
  bench.call({ type: 'addPublication', streamId: 10, channel: base });
  for (const [parameter, reason] of [
    ['session-id=6', "existing publication has different 'session-id': existing=5 requested=6"],
    ['mtu=4096', "existing publication has different 'mtu': existing=1408 requested=4096"],
    ['term-length=128k', "existing publication has different 'term-length': existing=65536 requested=131072"],
    [
      'init-term-id=9|term-id=9|term-offset=0',
      "existing publication has different 'init-term-id': existing=",
    ],
  ]) {
    const { correlationId, events } = bench.call({
      type: 'addPublication',
      streamId: 10,
      channel: `${IPC}?${parameter}`,
    });
    const error = only(events, 'error');
    assert.equal(error.offendingCorrelationId, correlationId);
    assert.equal(error.errorCode, ErrorCode.GENERIC_ERROR);
    assert.ok(error.message.startsWith(reason!), error.message);
  }
});

test('should refuse a session id that another publication of the stream has', (t) => {
  const bench = new ConductorBench(t);
  for (const channel of [`${UDP}|session-id=5`, `${IPC}?session-id=5`]) {
    bench.call({ type: 'addExclusivePublication', streamId: 10, channel });
    const { events } = bench.call({ type: 'addExclusivePublication', streamId: 10, channel });
    const error = only(events, 'error');
    assert.equal(error.errorCode, ErrorCode.INVALID_CHANNEL);
    assert.ok(error.message.startsWith('existing publication has clashing sessionId=5 for streamId=10'));
    const other = bench.call({ type: 'addExclusivePublication', streamId: 11, channel });
    only(other.events, 'exclusivePublicationReady');
  }
});

test('should start where the channel says, in every counter', (t) => {
  const bench = new ConductorBench(t);
  const channel = `${UDP}|init-term-id=-3|term-id=-1|term-offset=64|term-length=64k`;
  const { events } = bench.call({ type: 'addExclusivePublication', streamId: 10, channel });
  const position = 2 * 65_536 + 64;
  const { logFileName } = only(events, 'exclusivePublicationReady');
  const log = LogBuffers.map(logFileName);
  assert.equal(log.producerPosition(), position);
  log.close();
  const { publication } = bench.network.last('addNetworkPublication');
  assert.equal(publication.startPosition, position);
  assert.equal(publication.initialTermId, -3);
  for (const id of [
    publication.publisherPositionCounterId,
    publication.publisherLimitCounterId,
    publication.senderPositionCounterId,
    publication.senderLimitCounterId,
  ]) {
    assert.equal(bench.counter(id).value, position);
  }
  assert.equal(bench.counter(publication.senderBpeCounterId).value, 0);
});

test('should refuse parameters that make no sense, with the official texts', (t) => {
  const bench = new ConductorBench(t);
  const { GENERIC_ERROR, INVALID_CHANNEL } = ErrorCode;
  for (const [channel, errorCode, text] of [
    ['aeron:udp?endpoint=127.0.0.1:0', GENERIC_ERROR, 'endpoint has port=0 for publication: channel='],
    ['aeron:udp?mtu=1408', INVALID_CHANNEL, 'a UDP channel needs endpoint=host:port'],
    [
      'aeron:udp?control=127.0.0.1:1',
      INVALID_CHANNEL,
      "'control' parameter requires that either 'endpoint' or 'control-mode' is specified",
    ],
    ['aeron:udp?endpoint=127.0.0.1', INVALID_CHANNEL, 'endpoint=127.0.0.1 is not host:port'],
    ['aeron:udp?endpoint=127.0.0.1:70000', INVALID_CHANNEL, 'endpoint=127.0.0.1:70000 is not host:port'],
    ['aeron:tcp?endpoint=127.0.0.1:1', INVALID_CHANNEL, ''],
    ['nonsense', INVALID_CHANNEL, ''],
    [`${UDP}|mtu=1000`, GENERIC_ERROR, 'mtuLength must be a multiple of FRAME_ALIGNMENT: mtuLength=1000'],
    [`${UDP}|mtu=x`, GENERIC_ERROR, "mtu=x: INVALID_SIZE: 'x' is not a size"],
    [
      `${UDP}|mtu=8k|so-sndbuf=4k`,
      GENERIC_ERROR,
      'MTU greater than SO_SNDBUF for channel: mtu=8192 so-sndbuf=4096',
    ],
    [`${UDP}|term-length=100k`, GENERIC_ERROR, 'Term length not a power of 2: length=102400'],
    [
      `${UDP}|term-id=1`,
      GENERIC_ERROR,
      'params must be used as a complete set: init-term-id term-id term-offset channel=',
    ],
    [
      `${UDP}|init-term-id=0|term-id=-2147483648|term-offset=0`,
      GENERIC_ERROR,
      'difference greater than 2^31 - 1: init-term-id=0 when term-id=-2147483648 channel=',
    ],
    [
      `${UDP}|init-term-id=0|term-id=0|term-offset=33`,
      GENERIC_ERROR,
      'term-offset=33 must be a multiple of FRAME_ALIGNMENT',
    ],
    [`${UDP}|init-term-id=0|term-id=0|term-offset=1g`, GENERIC_ERROR, 'term-offset=1g: expected an integer'],
    [
      `${UDP}|init-term-id=0|term-id=0|term-offset=131072`,
      GENERIC_ERROR,
      'term-offset=131072 > term-length=65536: channel=',
    ],
    [`${UDP}|session-id=4294967296`, GENERIC_ERROR, 'session-id=4294967296 does not fit into 32 bits'],
    [`${UDP}|pub-wnd=1k`, GENERIC_ERROR, 'pub-wnd=1024 cannot be less than the mtu=1408'],
    [`${UDP}|pub-wnd=64k`, GENERIC_ERROR, 'pub-wnd=65536 must not exceed half the term-length=65536'],
    [`${UDP}|max-resend=257`, GENERIC_ERROR, 'invalid max-resend=257, must be > 0 and <= 256'],
    [`${UDP}|linger=soon`, GENERIC_ERROR, 'linger=soon: INVALID_DURATION: '],
    [`${UDP}|sparse=maybe`, GENERIC_ERROR, 'sparse=maybe: expected true or false'],
    [`${UDP}|interface=10.0.0.7`, INVALID_CHANNEL, 'no local address matches interface=10.0.0.7'],
  ] as const) {
    const { correlationId, events } = bench.call({ type: 'addPublication', streamId: 10, channel });
    const error = only(events, 'error');
    assert.equal(error.offendingCorrelationId, correlationId);
    assert.deepEqual([error.errorCode, error.message.slice(0, text.length)], [errorCode, text], channel);
  }
  assert.equal(bench.network.commands.length, 0);
  assert.equal(bench.labels().size, 0, 'a client that added nothing has no heartbeat');
});

test('should bind where control or interface say', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'addPublication', streamId: 1, channel: `${UDP}|control=127.0.0.1:4000` });
  assert.equal(bench.network.last('addSendEndpoint').options.localPort, 4000);
  bench.call({ type: 'addPublication', streamId: 1, channel: `${UDP}|interface=10.0.0.9/24` });
  assert.equal(bench.network.last('addSendEndpoint').options.localAddress, 0x0a000001);
  bench.call({ type: 'addPublication', streamId: 1, channel: `${UDP}|interface={eth0}:4002` });
  assert.equal(bench.network.last('addSendEndpoint').options.localPort, 4002);
  bench.call({ type: 'addPublication', streamId: 1, channel: `${UDP}|interface=0.0.0.0` });
  assert.equal(bench.network.all('addSendEndpoint').length, 4);
});

test('should take ports for control=host:0 from the range and give them back', (t) => {
  const bench = new ConductorBench(t, { senderWildcardPortRange: { low: 5000, high: 5001 } });
  const channel = `${UDP}|control=127.0.0.1:0`;
  const added = [1, 2].map((streamId) => bench.call({ type: 'addPublication', streamId, channel }));
  const ports = bench.network.all('addSendEndpoint').map(({ options }) => options.localPort);
  assert.deepEqual(ports, [5000, 5001]);
  const { events } = bench.call({ type: 'addPublication', streamId: 3, channel });
  assert.equal(only(events, 'error').message, 'no available ports in range 5000 5001');
  const registrationId = added[0]!.correlationId;
  bench.call({ type: 'removePublication', registrationId, revoke: false });
  bench.network.emit({ kind: 'streamReleased', registrationId });
  bench.run();
  bench.call({ type: 'addPublication', streamId: 3, channel });
  assert.equal(bench.network.last('addSendEndpoint').options.localPort, 5000);
});

test('should answer with the reason when the endpoint cannot be opened, and leave nothing behind', (t) => {
  const bench = new ConductorBench(t);
  bench.network.answers = false;
  const correlationId = bench.send({ type: 'addPublication', streamId: 10, channel: UDP });
  assert.deepEqual(bench.run(), []);
  const { endpointId } = bench.network.last('addSendEndpoint');
  bench.network.emit({
    kind: 'endpointFailed',
    endpointId,
    code: 'EADDRINUSE',
    message: 'EADDRINUSE: taken',
  });
  const error = only(bench.run(), 'error');
  assert.equal(error.offendingCorrelationId, correlationId);
  assert.equal(error.message, `EADDRINUSE: taken, channel=${UDP}`);
  assert.equal(bench.labels().size, 0);
  assert.deepEqual(bench.errorLog(), [`(11) ${error.message}`]);

  bench.network.answers = true;
  only(bench.call({ type: 'addPublication', streamId: 10, channel: UDP }).events, 'publicationReady');
});

test('should ask to try again while the endpoint is closing, and not log that', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId: registrationId } = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: UDP,
  });
  bench.network.answers = false;
  bench.call({ type: 'removePublication', registrationId, revoke: false });
  bench.network.emit({ kind: 'streamReleased', registrationId });
  bench.run();
  assert.equal(bench.counter(46).value, 2);
  const { events } = bench.call({ type: 'addPublication', streamId: 10, channel: UDP });
  assert.equal(only(events, 'error').errorCode, ErrorCode.RESOURCE_TEMPORARILY_UNAVAILABLE);
  assert.deepEqual(bench.errorLog(), []);

  bench.network.emit({ kind: 'endpointClosed', endpointId: bench.network.last('removeEndpoint').endpointId });
  bench.run();
  bench.send({ type: 'addPublication', streamId: 10, channel: UDP });
  bench.run();
  bench.network.emit(opened(bench.network.last('addSendEndpoint')));
  only(bench.run(), 'publicationReady');
});

test('should refuse other socket buffers on an endpoint that is open', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'addPublication', streamId: 10, channel: `${UDP}|so-sndbuf=64k` });
  const { events } = bench.call({ type: 'addPublication', streamId: 11, channel: `${UDP}|so-sndbuf=128k` });
  assert.match(
    only(events, 'error').message,
    /^so-sndbuf=131072 differs from 65536 of the endpoint that is open: /,
  );
  only(bench.call({ type: 'addPublication', streamId: 11, channel: UDP }).events, 'publicationReady');
});

test('should refuse a publication when there is no room for its log, and warn when there is little', (t) => {
  const bench = new ConductorBench(t);
  bench.usableSpace = 200_703;
  const { events } = bench.call({ type: 'addPublication', streamId: 10, channel: UDP });
  const error = only(events, 'error');
  assert.equal(error.errorCode, ErrorCode.STORAGE_SPACE);
  assert.equal(
    error.message,
    `insufficient usable storage for new log of length=200704 usable=200703 in ${bench.directory}`,
  );
  assert.equal(bench.network.all('removeEndpoint').length, 1);
  assert.equal(bench.labels().size, 0);

  bench.usableSpace = 200_704;
  only(bench.call({ type: 'addPublication', streamId: 10, channel: IPC }).events, 'publicationReady');
  assert.match(bench.errorLog().at(-1)!, /less than 167772160 bytes are left for logs in /);
  assert.equal(bench.systemCounter(15), 1);
});

test('should refuse an MTU that the transport cannot send', (t) => {
  const bench = new ConductorBench(t, {}, 1472);
  const { events } = bench.call({ type: 'addPublication', streamId: 10, channel: `${UDP}|mtu=8k` });
  assert.match(
    only(events, 'error').message,
    /^mtu=8192 is more than the transport can send in a datagram: 1472/,
  );
  only(bench.call({ type: 'addPublication', streamId: 10, channel: UDP }).events, 'publicationReady');
});

test('should not know the publication of another client', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId } = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  const { events } = bench.call(
    { type: 'removePublication', registrationId: correlationId, revoke: false },
    7,
  );
  const error = only(events, 'error');
  assert.equal(error.errorCode, ErrorCode.UNKNOWN_PUBLICATION);
  assert.equal(error.message, `unknown publication client_id=7 registration_id=${correlationId}`);
});

test('should choose session ids outside the reserved range, each once', (t) => {
  const bench = new ConductorBench(t, {
    publicationReservedSessionIdLow: 1_000_001,
    publicationReservedSessionIdHigh: 1_000_009,
  });
  const ids = [1, 2, 3].map(() => {
    const { events } = bench.call({ type: 'addExclusivePublication', streamId: 10, channel: IPC });
    return only(events, 'exclusivePublicationReady').sessionId;
  });
  assert.deepEqual(ids, [1_000_000, 1_000_010, 1_000_011]);
  const { correlationId, events } = bench.call({ type: 'getNextAvailableSessionId', streamId: 10 });
  const answer = only(events, 'nextAvailableSessionId');
  assert.deepEqual([answer.correlationId, answer.sessionId], [correlationId, 1_000_012]);
});

test('should carry out no command before the one that waits for an endpoint', (t) => {
  const bench = new ConductorBench(t);
  bench.network.answers = false;
  const first = bench.send({ type: 'addPublication', streamId: 10, channel: UDP });
  const second = bench.send({ type: 'addPublication', streamId: 10, channel: IPC });
  assert.deepEqual(bench.run(), []);
  const heartbeatMs = bench.heartbeatMs();
  bench.clock.advanceNs(2e9);
  bench.run();
  assert.ok(bench.heartbeatMs() > heartbeatMs, 'timers go on meanwhile');
  bench.network.emit(opened(bench.network.last('addSendEndpoint')));
  const ready = bench.run().filter((event) => event.type === 'publicationReady');
  assert.deepEqual(
    ready.map(({ correlationId }) => correlationId),
    [first, second],
  );
});

test('should wait for a name to be looked up, and say when it cannot be', (t) => {
  const bench = new ConductorBench(t);
  const channel = 'aeron:udp?endpoint=peer.example:24325';
  bench.send({ type: 'addPublication', streamId: 10, channel });
  assert.deepEqual(bench.run(), []);
  assert.equal(bench.lookups[0]!.host, 'peer.example');
  bench.lookups[0]!.answer('ENOTFOUND', '');
  const error = only(bench.run(), 'error');
  assert.deepEqual(
    [error.errorCode, error.message],
    [ErrorCode.UNKNOWN_HOST, 'unresolved host peer.example: ENOTFOUND'],
  );

  bench.send({ type: 'addPublication', streamId: 10, channel });
  bench.run();
  bench.lookups[1]!.answer(null, '10.1.2.3');
  only(bench.run(), 'publicationReady');
  assert.equal(bench.network.last('addSendEndpoint').options.remoteAddress, 0x0a010203);
});

test('should look the name of a silent endpoint up again and follow it', (t) => {
  const bench = new ConductorBench(t);
  bench.send({ type: 'addPublication', streamId: 10, channel: 'aeron:udp?endpoint=peer.example:24325' });
  bench.run();
  bench.lookups[0]!.answer(null, '10.1.2.3');
  bench.run();
  bench.advanceMs(5000);
  assert.equal(bench.lookups.length, 1);
  bench.advanceMs(2000);
  assert.equal(bench.lookups.length, 2);
  bench.lookups[1]!.answer('EAI_AGAIN', '');
  bench.advanceMs(2000);
  assert.deepEqual(bench.errorLog(), ['(9) unresolved host peer.example: EAI_AGAIN']);
  bench.lookups[2]!.answer(null, '10.1.2.4');
  bench.advanceMs(1000);
  assert.equal(bench.network.last('reconnectEndpoint').remoteAddress, 0x0a010204);
  assert.equal(bench.systemCounter(25), 1);
});

test('should tell publishers of an error that a receiver sent', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId: registrationId, events } = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: UDP,
  });
  const { sessionId } = only(events, 'publicationReady');
  bench.network.emit({
    kind: 'publicationError',
    registrationId,
    sessionId,
    streamId: 10,
    receiverIdHigh: -1,
    receiverIdLow: -2,
    groupTag: null,
    destinationId: -1,
    errorCode: ErrorCode.IMAGE_REJECTED,
    message: 'no',
    sourceAddress: 0x0a000002,
    sourcePort: 4444,
  });
  const error = only(bench.run(), 'publicationError');
  assert.equal(error.receiverId, -2n);
  assert.equal(error.groupTag, -1n);
  assert.equal(error.addressType, 1);
  assert.deepEqual([...error.sourceAddress.subarray(0, 4)], [10, 0, 0, 2]);
  assert.equal(error.message, 'no');
  assert.equal(bench.errorLog().length, 1);
});

test('should count logs that cannot be removed, and go on', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId } = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  bench.removalFailure = 'EBUSY';
  bench.network.emit({ kind: 'streamReleased', registrationId: correlationId });
  bench.run();
  assert.equal(bench.counter(SystemCounter.FREE_FAILS).value, 1);
  assert.match(bench.errorLog().at(-1)!, /cannot remove log .*: EBUSY/);
  bench.removalFailure = '';
});
