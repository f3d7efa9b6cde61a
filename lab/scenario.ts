import type { GuestOptions } from './guest-machine.ts';

/** One start of the guest. What it leaves in /lab/out the next one of the scenario finds. */
export interface Boot {
  /** Module under lab/guest, without extension, and its arguments. */
  readonly program: readonly [name: string, ...args: string[]];
  readonly options: Partial<GuestOptions>;
}

/** Something to prove on real PCI devices. */
export interface Scenario {
  readonly name: string;
  /** What is shown when it passes. */
  readonly title: string;
  /** Models it can be run on. None: all. */
  readonly models?: readonly string[];
  /** A program that this machine has to have, whose root file system the guest has. */
  readonly needs?: string;
  /** Not among those that are run when none is named. */
  readonly isOnRequest?: boolean;
  readonly boots: readonly Boot[];
  /** Looks at the results afterwards, on this machine. */
  readonly check?: (folder: string) => Verdict;
}

/** What a look at the results came to. */
export interface Verdict {
  readonly isPassed: boolean;
  readonly note: string;
}
