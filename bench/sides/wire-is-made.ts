import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/**
 * Resolves when side a has made its socket, or after `timeoutMs`. For side b, before it opens its port: it starts without a
 * as well, but then looks for it only once a second.
 */
export async function wireIsMade(socketPath: string, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!existsSync(socketPath) && performance.now() < deadlineMs) await setTimeout(1);
}
