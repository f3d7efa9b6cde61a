import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SideRun } from '../../bench/contestant.ts';
import { officialC } from '../../bench/contestants/official-c.ts';
import { officialJava } from '../../bench/contestants/official-java.ts';

const RUN: SideRun = {
  role: 'count',
  side: 1,
  folder: '/dev/shm/run',
  cpu: 1,
  media: 'udp',
  ports: [40_001, 40_002],
  messageLength: 288,
  mtu: 1408,
  streams: 1,
  clients: 1,
  rate: 0,
  lossRate: 0,
  warmUpMs: 500,
  durationMs: 1000,
  hugepages: false,
};

for (const contestant of [officialC, officialJava]) {
  test(`${contestant.name}: a side is pinned and told what to do`, () => {
    const { file, args, env } = contestant.command(RUN);
    assert.deepEqual([file, ...args.slice(0, 2)], ['taskset', '-c', '1']);
    for (const word of [
      'role=count',
      'side=1',
      'ports=40001,40002',
      'messageLength=288',
      'folder=/dev/shm/run',
    ]) {
      assert.ok(args.includes(word), `${word} is missing in ${args.join(' ')}`);
    }
    assert.equal(env, undefined);
  });

  test(`${contestant.name}: loss is the driver's own, and only where there is a network`, () => {
    const lossy = contestant.command({ ...RUN, lossRate: 0.05 });
    const told = [...lossy.args, ...Object.values(lossy.env ?? {})].filter((word) => /0\.05/.test(word));
    assert.ok(told.length > 1, `the driver is not told: ${told.join(' ')}`);
    assert.equal(contestant.supports({ ...RUN, lossRate: 0.05 }), true);
    assert.equal(contestant.supports({ ...RUN, media: 'ipc', lossRate: 0.05 }), false);
  });

  test(`${contestant.name}: many streams are one client's`, () => {
    assert.equal(contestant.supports({ ...RUN, streams: 1000 }), true);
    assert.equal(contestant.supports({ ...RUN, clients: 10 }), false);
  });
}
