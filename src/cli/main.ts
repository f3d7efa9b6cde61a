/** The command line: one table of commands, each loaded when it is called. */
import { AeronError, codeOf, messageOf } from '../util/errors.ts';
import { type Command, EXIT_USAGE, UsageError } from './command.ts';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'driver',
    summary: 'run a media driver',
    load: async () => (await import('./commands/driver.ts')).driver,
  },
  {
    name: 'publish',
    summary: 'send lines, messages or a file',
    load: async () => (await import('./commands/publish.ts')).publish,
  },
  {
    name: 'subscribe',
    summary: 'print what arrives, or keep a file',
    load: async () => (await import('./commands/subscribe.ts')).subscribe,
  },
  {
    name: 'ping',
    summary: 'measure round trips to a pong',
    load: async () => (await import('./commands/ping.ts')).ping,
  },
  {
    name: 'pong',
    summary: 'send back what a ping sends',
    load: async () => (await import('./commands/pong.ts')).pong,
  },
  {
    name: 'stat',
    summary: "show a driver's counters, live",
    load: async () => (await import('./commands/stat.ts')).stat,
  },
  {
    name: 'errors',
    summary: 'show the errors a driver has recorded',
    load: async () => (await import('./commands/errors.ts')).errors,
  },
  {
    name: 'loss',
    summary: 'show the losses a driver has recorded',
    load: async () => (await import('./commands/loss.ts')).loss,
  },
  {
    name: 'capture',
    summary: 'show the frames of a driver with a DPDK port, or keep them for Wireshark',
    load: async () => (await import('./commands/capture.ts')).capture,
  },
  {
    name: 'doctor',
    summary: 'look for what keeps a driver from running, or from running well',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'nic',
    summary: 'show network cards, hand them to DPDK and give them back',
    load: async () => (await import('./commands/nic.ts')).nic,
  },
  {
    name: 'demo',
    summary: 'compare a DPDK wire with kernel sockets, on this machine',
    load: async () => (await import('./demo/demo.ts')).demo,
  },
];

/** Names of all commands, for the reference page. */
export const COMMAND_NAMES: readonly string[] = COMMANDS.map(({ name }) => name);

function overview(): string {
  const rows = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(11)}${summary}\n`);
  return `Usage: aeron-bypass <command> [options]

An Aeron media driver and client for Node.js whose driver can own a network card through DPDK.

Commands:
${rows.join('')}
"aeron-bypass <command> --help" says more. "aeronmd-bypass" is short for "aeron-bypass driver".
`;
}

/** Runs the command that the arguments name. Resolves to the exit code; errors have been printed then. */
export async function runCli(program: string, args: string[]): Promise<number> {
  process.stdout.on('error', endOnClosedPipe);
  const [name = '', ...rest] = program === 'aeronmd-bypass' ? ['driver', ...args] : args;
  const entry = COMMANDS.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    if (name === '--help' || name === '-h' || name === 'help') {
      process.stdout.write(overview());
      return 0;
    }
    const problem = name === '' ? '' : `aeron-bypass: "${name}" is no command\n\n`;
    process.stderr.write(`${problem}${overview()}`);
    return EXIT_USAGE;
  }
  try {
    const command = await entry.load();
    return await command(rest);
  } catch (error) {
    return report(`aeron-bypass ${name}`, error);
  }
}

/** Says what went wrong; where in the program only when that is a mistake of the program's own. */
function report(command: string, error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`${command}: ${error.message}. See "${command} --help".\n`);
    return EXIT_USAGE;
  }
  const isExpected = error instanceof AeronError || codeOf(error) !== '';
  const text = isExpected || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
  process.stderr.write(`${command}: ${text}\n`);
  return 1;
}

/** Whoever read our output has seen enough. */
function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}
