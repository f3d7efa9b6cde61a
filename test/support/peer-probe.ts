import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Layer } from '../../src/doctor/probe/evidence.ts';
import { TestProcess } from './processes.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/aeron-bypass.js', import.meta.url));
const SUBSCRIBER = fileURLToPath(new URL('./listening-subscriber.js', import.meta.url));
const DEADLINE_MS = 120_000;

export interface ProbeFinding {
  readonly check: string;
  readonly severity: string;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

export interface ProbeResult {
  readonly code: number | null;
  readonly failedLayer: Layer | null;
  /** What was said of a layer, or undefined when it was not looked at. */
  of(layer: Layer): ProbeFinding | undefined;
}

/** Runs `aeron-bypass doctor --peer …` in a network namespace. */
export async function probePeer(
  t: TestContext,
  namespace: string,
  peer: string,
  args: readonly string[] = [],
): Promise<ProbeResult> {
  const doctor = startDoctor(t, namespace, ['--peer', peer, '--json', ...args]);
  const { code } = await doctor.exited;
  const line = doctor.output.split('\n').find((text) => text.startsWith('{"findings"'));
  assert.ok(line !== undefined, doctor.output);
  const { findings, failedLayer } = JSON.parse(line) as {
    findings: readonly ProbeFinding[];
    failedLayer: Layer | null;
  };
  return { code, failedLayer, of: (layer) => findings.find(({ check }) => check === layer) };
}

/** Starts `aeron-bypass doctor` in a network namespace, with a directory of its own for the driver it has in mind. */
export function startDoctor(t: TestContext, namespace: string, args: readonly string[]): TestProcess {
  const all = ['netns', 'exec', namespace, process.execPath, PROGRAM, 'doctor', ...args];
  return TestProcess.start(t, 'doctor', 'ip', all, {
    deadlineMs: DEADLINE_MS,
    env: { AERON_DIR: newDirectory(t) },
  });
}

/** A subscription, in a network namespace, on a driver of its own or on one that is there. Resolves when it listens. */
export async function startSubscriber(
  t: TestContext,
  namespace: string,
  channel: string,
  streamId: number,
  directory: string | null = null,
): Promise<TestProcess> {
  const mode = directory === null ? 'embedded' : 'client';
  const args = [SUBSCRIBER, mode, directory ?? newDirectory(t), channel, String(streamId)];
  const subscriber = TestProcess.start(
    t,
    'subscriber',
    'ip',
    ['netns', 'exec', namespace, process.execPath, ...args],
    { deadlineMs: DEADLINE_MS },
  );
  await subscriber.waitForLine('LISTENING');
  return subscriber;
}

function newDirectory(t: TestContext): string {
  const parent = mkdtempSync('/dev/shm/aeron-doctor-');
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'driver');
}
