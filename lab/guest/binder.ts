import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../../src/host/host.ts';
import { NicBinder } from '../../src/nic/nic-binder.ts';
import { NicState } from '../../src/nic/nic-state.ts';
import { say } from './lab.ts';
import { STATE } from './nic.ts';

export const PLAIN = { driver: null, force: false, group: false, noIommu: false } as const;

/** What `aeron-bypass nic` works with, on a machine of ours. */
export function binderOn(host: Host): NicBinder {
  const state = new NicState(STATE);
  state.load();
  return new NicBinder({
    host,
    state,
    sessions: [],
    sleep: async (ms) => sleep(ms),
    now: () => new Date().toISOString(),
    tell: say,
    isDryRun: false,
  });
}
