/** One description of a command yields its parsing and its `--help`. */
import { parseArgs } from 'node:util';
import { messageOf } from '../util/errors.ts';

/** Runs a command with what follows its name. Resolves to the exit code. */
export type Command = (args: string[]) => Promise<number>;

/** The exit code of a command that was called wrongly; 1 is for everything else that fails. */
export const EXIT_USAGE = 2;

/** A command that was called wrongly. */
export class UsageError extends Error {}

interface OptionBase {
  readonly short?: string;
  readonly help: string;
}
interface FlagOption extends OptionBase {
  readonly type: 'flag';
}
interface TextOption extends OptionBase {
  readonly type: 'text';
  /** What stands for the value in `--help`. */
  readonly value: string;
  /** Without one, the value is null when the option is not given. */
  readonly default?: string;
}
interface IntegerOption extends OptionBase {
  readonly type: 'integer';
  readonly value: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
}
export type Option = FlagOption | TextOption | IntegerOption;
export type Options = Readonly<Record<string, Option>>;

type ValueOf<O> = O extends FlagOption
  ? boolean
  : O extends IntegerOption
    ? number
    : O extends { default: string }
      ? string
      : string | null;

/** What a command is given: a value for every option. */
export type Values<O extends Options> = { readonly [K in keyof O]: ValueOf<O[K]> };

export interface CommandDescription<O extends Options> {
  /** After the program's name: `publish [options] [message …]`. */
  readonly usage: string;
  /** A sentence or a few; the lines are printed as they are. */
  readonly about: string;
  readonly options: O;
  /** Command lines to try. */
  readonly examples: readonly string[];
  /** Whether words that are not options are allowed. */
  readonly takesWords: boolean;
  readonly run: (values: Values<O>, words: string[]) => Promise<number>;
}

/** Makes a command of its description. */
export function defineCommand<const O extends Options>(description: CommandDescription<O>): Command {
  return async (args) => {
    const end = args.indexOf('--');
    const own = end < 0 ? args : args.slice(0, end);
    if (own.includes('--help') || own.includes('-h')) {
      process.stdout.write(helpOf(description));
      return 0;
    }
    const { values, words } = parse(description.options, args, description.takesWords);
    return description.run(values as Values<O>, words);
  };
}

function parse(
  options: Options,
  args: string[],
  takesWords: boolean,
): { values: Record<string, unknown>; words: string[] } {
  const config = Object.entries(options).map(([name, { type, short }]) => {
    const kind = type === 'flag' ? ('boolean' as const) : ('string' as const);
    return [name, { type: kind, ...(short === undefined ? {} : { short }) }] as const;
  });
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args, options: Object.fromEntries(config), allowPositionals: takesWords });
  } catch (error) {
    throw new UsageError(messageOf(error).split('. ')[0], { cause: error });
  }
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    values[name] = checkedValue(name, option, parsed.values[name] as string | boolean | undefined);
  }
  return { values, words: parsed.positionals };
}

function checkedValue(name: string, option: Option, given: string | boolean | undefined): unknown {
  if (option.type === 'flag') return given === true;
  if (option.type === 'text') return given ?? option.default ?? null;
  if (given === undefined) return option.default;
  const number = Number(given);
  if (!Number.isInteger(number) || given === '' || number < option.min || number > option.max) {
    throw new UsageError(`--${name} ${given}: expected an integer from ${option.min} to ${option.max}`);
  }
  return number;
}

function helpOf({ usage, about, options, examples }: Omit<CommandDescription<Options>, 'run'>): string {
  const rows = Object.entries(options).map(([name, option]) => optionRow(name, option));
  rows.push(['  -h, --help', 'print this']);
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`);
  const tries = examples.length === 0 ? '' : `\nExamples:\n${examples.map((line) => `  ${line}\n`).join('')}`;
  return `Usage: aeron-bypass ${usage}\n\n${about}\n\nOptions:\n${lines.join('\n')}\n${tries}`;
}

function optionRow(name: string, option: Option): [left: string, right: string] {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  const value = option.type === 'flag' ? '' : ` <${option.value}>`;
  const hasDefault = option.type !== 'flag' && option.default !== undefined && option.default !== '';
  const fallback = hasDefault ? ` (default: ${option.default})` : '';
  return [`  ${short}--${name}${value}`, `${option.help}${fallback}`];
}
