import { join } from 'node:path';
import { readRemoteSessions } from '../../src/host/remote-session.ts';
import type { BindOptions } from '../../src/nic/choose-binding.ts';
import { NicBinder } from '../../src/nic/nic-binder.ts';
import { NicState } from '../../src/nic/nic-state.ts';
import type { FakeMachine } from './fake-machine.ts';

export const USUAL: BindOptions = { driver: null, force: false, group: false, noIommu: false };
export const RECORDED_AT = '2026-01-02T03:04:05.000Z';

/** Where a fake machine keeps the record of its bindings. */
export function statePathOf(machine: FakeMachine): string {
  return join(machine.folder, 'var/lib/aeron-bypass/nic.json');
}

/** A binder as a new process would have one, and the lines it tells. */
export function binderOn(
  machine: FakeMachine,
  { isDryRun = false, sshConnection }: { isDryRun?: boolean; sshConnection?: string } = {},
): { binder: NicBinder; lines: string[]; state: NicState } {
  const state = new NicState(statePathOf(machine));
  state.load();
  const lines: string[] = [];
  const binder = new NicBinder({
    host: machine,
    state,
    sessions: readRemoteSessions(machine, 500, sshConnection),
    sleep: async () => machine.fault('sleep'),
    now: () => RECORDED_AT,
    tell: (line) => lines.push(line),
    isDryRun,
  });
  return { binder, lines, state };
}
