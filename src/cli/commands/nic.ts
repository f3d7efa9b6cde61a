import { type Command, UsageError } from '../command.ts';

interface Subcommand {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: 'list',
    summary: 'show every network device, who has it, and whether it can be taken',
    load: async () => (await import('../nic/list.ts')).list,
  },
  {
    name: 'stat',
    summary: 'show what the ports of a running driver carry and drop, and why',
    load: async () => (await import('../nic/stat.ts')).stat,
  },
  {
    name: 'bind',
    summary: 'take a card from the kernel, for DPDK',
    load: async () => (await import('../nic/bind.ts')).bind,
  },
  {
    name: 'unbind',
    summary: 'give a card back to the kernel',
    load: async () => (await import('../nic/unbind.ts')).unbind,
  },
  {
    name: 'restore',
    summary: 'give back every card that was taken, with its configuration',
    load: async () => (await import('../nic/restore.ts')).restore,
  },
];

/** Names of all of them, for the reference page. */
export const NIC_COMMAND_NAMES: readonly string[] = SUBCOMMANDS.map(({ name }) => name);

function overview(): string {
  const rows = SUBCOMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}\n`);
  return `Usage: aeron-bypass nic <command> [options]

Shows network cards, hands them to DPDK and gives them back to the kernel.

Commands:
${rows.join('')}
"aeron-bypass nic <command> --help" says more.
`;
}

/** Network cards: a table of commands of its own. */
export const nic: Command = async ([name = '', ...rest]) => {
  const entry = SUBCOMMANDS.find((candidate) => candidate.name === name);
  if (entry !== undefined) return (await entry.load())(rest);
  if (name !== '--help' && name !== '-h') {
    throw new UsageError(name === '' ? 'a command is missing' : `"${name}" is no command`);
  }
  process.stdout.write(overview());
  return 0;
};
