import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Looks every millisecond whether something is so, and fails when it is not in time. What is asked may itself move messages. */
export async function until(isSo: () => boolean, what: string, deadlineMs = 30_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, `${what} did not come in ${deadlineMs} ms`);
    await sleep(1);
  }
}
