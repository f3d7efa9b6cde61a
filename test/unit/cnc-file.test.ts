import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  CNC_FILE,
  CncFile,
  type CncOptions,
  defaultAeronDirectory,
  imageLogPath,
  publicationLogPath,
} from '../../src/cnc/cnc-file.ts';
import { AeronError } from '../../src/util/errors.ts';

const root = mkdtempSync('/dev/shm/aeron-bypass-cnc-');
after(() => rmSync(root, { recursive: true }));

const defaults: CncOptions = {
  toDriverLength: 1024 * 1024 + 768,
  toClientsLength: 1024 * 1024 + 128,
  countersValuesLength: 8 * 1024 * 1024,
  errorLogLength: 4 * 1024 * 1024,
  clientLivenessTimeoutNs: 10_000_000_000,
  startTimestampMs: 1_700_000_000_000,
  pid: 4711,
  filePageSize: 4096,
};
const small: CncOptions = {
  ...defaults,
  toDriverLength: 4096 + 768,
  toClientsLength: 4096 + 128,
  countersValuesLength: 4096,
  errorLogLength: 4096,
};

let directories = 0;
function nextDirectory(): string {
  return join(root, String(directories++));
}

function hasCode(code: string) {
  return (error: unknown) => error instanceof AeronError && error.code === code;
}

test('with default lengths the file is as long as official drivers make it', () => {
  const directory = nextDirectory();
  const cnc = CncFile.create(directory, defaults);
  assert.equal(statSync(join(directory, CNC_FILE)).size, 48_238_592);
  assert.equal(cnc.toClients.offset, 128 + 1_049_344);
  assert.equal(cnc.countersMetadata.offset, cnc.toClients.offset + 1_048_704);
  assert.equal(cnc.countersMetadata.length, 33_554_432);
  assert.equal(cnc.countersValues.offset, cnc.countersMetadata.offset + 33_554_432);
  assert.equal(cnc.errorLog.offset, cnc.countersValues.offset + 8_388_608);
  assert.equal(cnc.errorLog.offset + cnc.errorLog.length, 48_235_520);
  cnc.close();
});

test('the metadata has every field at the offset of the format', () => {
  const directory = nextDirectory();
  const cnc = CncFile.create(directory, small);
  cnc.publishVersion();
  cnc.close();
  const metadata = readFileSync(join(directory, CNC_FILE)).subarray(0, 128);
  const expected = Buffer.alloc(128);
  expected.set(Buffer.from(Int32Array.of(512, 4864, 4224, 16384, 4096, 4096).buffer), 0);
  expected.writeBigInt64LE(10_000_000_000n, 24);
  expected.writeBigInt64LE(1_700_000_000_000n, 32);
  expected.writeBigInt64LE(4711n, 40);
  expected.writeInt32LE(4096, 48);
  assert.deepEqual(metadata, expected);
});

test('a client maps what a driver made, once the driver says that it is ready', () => {
  const directory = nextDirectory();
  const driver = CncFile.create(directory, small);
  assert.throws(() => CncFile.map(directory), hasCode('CNC_NOT_READY'));
  driver.publishVersion();
  const client = CncFile.map(directory);
  assert.equal(client.version, 512);
  assert.equal(client.pid, 4711);
  assert.equal(client.startTimestampMs, 1_700_000_000_000);
  assert.equal(client.clientLivenessTimeoutNs, 10_000_000_000);
  for (const section of ['toClients', 'countersMetadata', 'countersValues', 'errorLog'] as const) {
    assert.equal(client[section].offset, driver[section].offset);
    assert.equal(client[section].length, driver[section].length);
  }
  assert.equal(client.toDriver.write(6, Buffer.alloc(16), 0, 16), true);
  assert.equal(
    driver.toDriver.read((typeId) => assert.equal(typeId, 6), 10),
    1,
  );
  client.close();
  driver.close();
});

test('a directory without a driver, or with one that has just begun, says so', () => {
  assert.throws(() => CncFile.map(join(root, 'nowhere')), hasCode('CNC_NOT_FOUND'));
  const directory = nextDirectory();
  mkdirSync(directory);
  for (const length of [0, 1, 127]) {
    writeFileSync(join(directory, CNC_FILE), Buffer.alloc(length));
    assert.throws(() => CncFile.map(directory), hasCode('CNC_NOT_READY'));
  }
});

test('a file is not made over another', () => {
  const directory = nextDirectory();
  CncFile.create(directory, small).close();
  assert.throws(() => CncFile.create(directory, small), { code: 'EEXIST' });
});

test('nothing in the file is taken for granted', () => {
  const directory = nextDirectory();
  const path = join(directory, CNC_FILE);
  const cnc = CncFile.create(directory, small);
  cnc.publishVersion();
  cnc.close();
  const good = readFileSync(path);
  const mapWith = (offset: number, value: number) => {
    const bytes = Buffer.from(good);
    bytes.writeInt32LE(value, offset);
    writeFileSync(path, bytes);
    CncFile.map(directory).close();
  };
  mapWith(0, 0x00_02_07);
  mapWith(0, 0x00_03_00);
  assert.throws(() => mapWith(0, 0x01_00_00), hasCode('CNC_VERSION'));
  for (const offset of [4, 8, 12, 16, 20]) {
    assert.throws(() => mapWith(offset, -8), hasCode('CNC_MALFORMED'));
  }
  for (const length of [0, 768, 4096, 4096 + 776]) {
    assert.throws(() => mapWith(4, length), hasCode('CNC_MALFORMED'), `to-driver ${length}`);
  }
  assert.throws(() => mapWith(8, 4096 + 64), hasCode('CNC_MALFORMED'));
  assert.throws(() => mapWith(16, 4100), hasCode('CNC_MALFORMED'));
  assert.throws(() => mapWith(4, 2 ** 30 + 768), hasCode('CNC_TRUNCATED'));
  for (const offset of [12, 16, 20]) {
    assert.throws(() => mapWith(offset, 2147483640), hasCode('CNC_TRUNCATED'));
  }
  writeFileSync(path, good);
  truncateSync(path, 128 + 4864 + 4224);
  assert.throws(() => CncFile.map(directory), hasCode('CNC_TRUNCATED'));
});

test('files are where official clients look for them', () => {
  assert.equal(publicationLogPath('/dev/shm/aeron-x', 17), '/dev/shm/aeron-x/publications/17.logbuffer');
  assert.equal(imageLogPath('/dev/shm/aeron-x', 18), '/dev/shm/aeron-x/images/18.logbuffer');
  const user = process.env.USER;
  process.env.USER = 'somebody';
  try {
    if (process.platform === 'linux') assert.equal(defaultAeronDirectory(), '/dev/shm/aeron-somebody');
    else assert.match(defaultAeronDirectory(), /aeron-somebody$/);
  } finally {
    if (user === undefined) delete process.env.USER;
    else process.env.USER = user;
  }
});
