/** What taking a card and giving it back are made of: plain data, to be shown, done and undone. */
export type Action =
  | WriteAction
  | RunAction
  /** Waits until a card has its interface back, and gives that its old name. */
  | { readonly kind: 'awaitInterface'; readonly card: CardName; readonly name: string; readonly mac: string }
  /** Fails unless `driver` has the card: some writes succeed and change nothing. */
  | { readonly kind: 'expectDriver'; readonly card: CardName; readonly driver: string };

/** Writes a line to a file of sysfs. */
interface WriteAction {
  readonly kind: 'write';
  readonly path: string;
  readonly text: string;
  /** Done only when this path is there. */
  readonly onlyIf?: string;
  /** Done only when this path is not there. */
  readonly onlyIfNot?: string;
}

interface RunAction {
  readonly kind: 'run';
  readonly words: readonly [program: string, ...args: string[]];
  /** Done only when this path is not there. */
  readonly onlyIfNot?: string;
  /** Whether it does not matter if it fails. */
  readonly mayFail?: boolean;
}

/** Where a card is: `pci` and `0000:01:00.0`. */
export interface CardName {
  readonly bus: string;
  readonly address: string;
}

/** One step. Its undo may be done any number of times, whether or not the step was done, wholly or in part. */
export interface Step {
  readonly what: string;
  readonly do: readonly Action[];
  readonly undo: readonly Action[];
  /** The interface whose configuration {@link undo} brings back. */
  readonly interfaceName?: string;
}

export function deviceFolder({ bus, address }: CardName): string {
  return `/sys/bus/${bus}/devices/${address}`;
}

export function driverFolder({ bus }: CardName, driver: string): string {
  return `/sys/bus/${bus}/drivers/${driver}`;
}

/** An action as a line of a shell, or as a comment where a shell has no word for it. */
export function formatAction(action: Action): string {
  switch (action.kind) {
    case 'write': {
      const line = `echo${action.text === '' ? '' : ` ${action.text}`} > ${action.path}`;
      if (action.onlyIf !== undefined) return `[ ! -e ${action.onlyIf} ] || ${line}`;
      return action.onlyIfNot === undefined ? line : `[ -e ${action.onlyIfNot} ] || ${line}`;
    }
    case 'run': {
      const line = `${action.words.join(' ')}${action.mayFail === true ? ' || true' : ''}`;
      return action.onlyIfNot === undefined ? line : `[ -e ${action.onlyIfNot} ] || ${line}`;
    }
    case 'awaitInterface':
      return `# wait for the interface of ${action.card.address}, ${action.mac}, and call it ${action.name}`;
    case 'expectDriver':
      return `# check that ${action.driver} has ${action.card.address}`;
  }
}
