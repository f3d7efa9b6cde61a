import type { DriverOptions } from '../driver/driver-options.ts';
import type { Host } from '../host/host.ts';
import type { NetworkCard } from '../nic/network-card.ts';

/** How bad it is: fine, slower or less safe than it could be, or in the way of what was asked for. */
export type Severity = 'ok' | 'warning' | 'problem';

/** Something that `doctor --fix` may do: it takes nothing away from anybody. */
export interface Repair {
  /** What it does, as the command that does the same. */
  readonly text: string;
  /** Throws what the operating system answers. */
  apply(host: Host): void;
}

/** What one look at the machine has found. Sentences, for people. */
export interface Finding {
  readonly severity: Severity;
  readonly what: string;
  /** Why that matters; empty when all is well. */
  readonly why: string;
  /** What to do about it; empty when all is well. */
  readonly fix: string;
  readonly repair?: Repair;
}

/** What checks look at. */
export interface Patient {
  readonly host: Host;
  readonly options: DriverOptions;
  readonly wantsDpdk: boolean;
  /** All network devices of the machine, and those of them that the EAL arguments name. */
  readonly cards: readonly NetworkCard[];
  readonly chosenCards: readonly NetworkCard[];
  /** Bytes that may still be written to a folder's file system. Throws when it cannot be told. */
  readonly usableBytes: (folder: string) => number;
  readonly isRoot: boolean;
}

/** Looks at one thing. Returns nothing where there is nothing to say. */
export interface Check {
  /** One or two words. */
  readonly name: string;
  run(patient: Patient): Finding[];
}

export function ok(what: string): Finding {
  return { severity: 'ok', what, why: '', fix: '' };
}

export function warning(what: string, why: string, fix: string, repair?: Repair): Finding {
  return { severity: 'warning', what, why, fix, ...(repair === undefined ? {} : { repair }) };
}

export function problem(what: string, why: string, fix: string, repair?: Repair): Finding {
  return { severity: 'problem', what, why, fix, ...(repair === undefined ? {} : { repair }) };
}

/** `12 MiB`, `3.5 GiB`. */
export function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1).replace(/\.0$/, '')} ${units[unit]}`;
}
