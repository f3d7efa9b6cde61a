import { setTimeout as sleep } from 'node:timers/promises';
import { Host } from '../../host/host.ts';
import { readRemoteSessions } from '../../host/remote-session.ts';
import { NicBinder } from '../../nic/nic-binder.ts';
import { DEFAULT_STATE_PATH, NicState } from '../../nic/nic-state.ts';
import { AeronError } from '../../util/errors.ts';
import { NIC_STATE } from '../options.ts';

interface BinderOptions {
  readonly 'dry-run': { readonly type: 'flag'; readonly help: string };
  readonly state: typeof NIC_STATE;
}

/** Options of the commands that change who has a card. */
export const BINDER_OPTIONS: BinderOptions = {
  'dry-run': { type: 'flag', help: 'print the exact steps and change nothing' },
  state: NIC_STATE,
};

/** Runs `action` with a binder for this machine; with the state file locked unless it is a dry run. */
export async function withBinder(
  values: { readonly 'dry-run': boolean; readonly state: string | null },
  action: (binder: NicBinder) => Promise<void>,
): Promise<number> {
  const isDryRun = values['dry-run'];
  if (!isDryRun && process.getuid?.() !== 0) {
    throw new AeronError(
      'NIC_PERMISSION',
      'binding cards takes root. Run it by sudo; --dry-run shows the steps.',
    );
  }
  // What was begun is finished or undone, which takes a moment, also when whoever began it was cut off by it.
  if (!isDryRun) for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => {});
  const host = new Host();
  const state = new NicState(values.state ?? DEFAULT_STATE_PATH);
  if (!isDryRun) state.lock(process.pid);
  try {
    state.load();
    const binder = new NicBinder({
      host,
      state,
      sessions: readRemoteSessions(host, process.pid, process.env.SSH_CONNECTION),
      sleep: async (ms) => sleep(ms),
      now: () => new Date().toISOString(),
      tell: (line) => process.stdout.write(`${line}\n`),
      isDryRun,
    });
    await action(binder);
    return 0;
  } finally {
    if (!isDryRun) state.unlock();
  }
}

/** The one word of a command, or what it should have been. */
export const CARD_WORD = '<card>, a PCI address (0000:01:00.0) or the name of an interface (eth1)';
