import { AeronError } from '../util/errors.ts';
import type { Host } from './host.ts';

/** What `ip -json …` prints. Throws AeronError `IP_COMMAND` when iproute2 is missing, too old, or fails. */
export function ipJson(host: Host, args: readonly string[]): Readonly<Record<string, unknown>>[] {
  const { status, stdout, stderr } = host.run('ip', ['-json', ...args]);
  try {
    // With nothing to tell it prints nothing.
    if (status === 0) return stdout.trim() === '' ? [] : JSON.parse(stdout);
  } catch {
    // Not JSON: said below.
  }
  const problem = stderr.split('\n')[0] || `it printed "${stdout.slice(0, 60)}"`;
  throw new AeronError(
    'IP_COMMAND',
    `"ip -json ${args.join(' ')}" ended with ${status}: ${problem}. Install iproute2 4.18 or later.`,
  );
}
