/**
 * Writes the pages of docs/reference that follow from the program's own tables, and the table in README.md of what is
 * refused. `node tools/gen-docs.mjs` after a build; test/tidy fails while a page is not current.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const NOTE = '<!-- Made by "node tools/gen-docs.mjs": change the tables it reads, not this page. -->';
const BEGIN = '<!-- refused: made by "node tools/gen-docs.mjs" -->';
const END = '<!-- end of refused -->';

const load = (name) => import(new URL(`../dist/src/${name}.js`, import.meta.url));

function table(head, rows) {
  const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
  const line = (cells) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const code = (text) => (text === '' ? '' : `\`${text}\``);

async function configurationPage() {
  const { SETTINGS, IGNORED_SETTINGS, environmentName } = await load('driver/settings');
  const { IDLE_STRATEGY_NAMES } = await load('concurrent/idle-strategy');
  const kinds = {
    string: 'text',
    bool: '`true` or `false`',
    int: 'integer',
    int64: '64-bit integer',
    fraction: '0 to 1',
    size: 'bytes',
    duration: 'duration',
    idleStrategy: 'idle strategy',
    list: 'list, with commas',
    portRange: '`low high`',
    ipv4: 'IPv4 address',
    ipv4Interface: 'IPv4 address/prefix',
  };
  const kindOf = (setting) =>
    kinds[setting.kind] ??
    Object.keys(setting.values).map(code).join(', ') + (setting.isOpen ? ', or what a module registers' : '');
  const settings = table(
    ['property', 'environment variable', 'default', 'value', 'meaning'],
    Object.values(SETTINGS).map((setting) => [
      code(setting.property),
      code(environmentName(setting)),
      code(setting.default),
      kindOf(setting),
      setting.help,
    ]),
  );
  const ignored = table(
    ['belongs to', 'properties'],
    Object.entries(IGNORED_SETTINGS).map(([what, names]) => [what, names.map(code).join(', ')]),
  );
  return `# Configuration of the driver
${NOTE}

A setting is read from its environment variable, then from property files in the order given, then from \`-D\` options;
the last one wins, and an empty value takes the default back. Names that mean nothing here are ignored.

\`\`\`
aeron-bypass driver [EAL arguments --] [-Dname=value …] [file.properties …]
\`\`\`

* **Bytes** are a number with \`k\`, \`m\` or \`g\` (1024, 1024², 1024³): \`64k\`.
* **Durations** are a number with \`s\`, \`ms\`, \`us\` or \`ns\`; a bare number is nanoseconds: \`200ms\`.
* **Idle strategies**: ${IDLE_STRATEGY_NAMES.map(code).join(', ')}; also by the names of the official drivers' symbols
  and classes. The arguments of \`backoff\` are \`maxSpins-maxYields-minParkNs-maxParkNs\`, when missing
  \`30-0-1000-1000000\`; of \`sleep-ns\`, the time.
* **EAL arguments** go to DPDK as they are, and choose the DPDK transport unless \`aeron.transport\` says otherwise.

${settings}

## Accepted, without effect

These settings of the official drivers may have any value, so that what starts an official driver starts this one.

${ignored}
`;
}

async function channelsPage() {
  const { CHANNEL_PARAMETERS } = await load('uri/channel-parameters');
  const { UNSUPPORTED_PARAMETERS } = await load('driver/conductor/unsupported');
  const kinds = {
    bool: '`true` or `false`',
    size: 'bytes',
    duration: 'duration',
    address: '`host:port`',
    text: 'text',
  };
  const range = ({ kind, min, max, multipleOf, isPowerOfTwo, values }) => {
    if (kind === 'choice') return values.map(code).join(', ');
    const what = kinds[kind] ?? 'integer';
    if (max === undefined || max === 2147483647) return what;
    const which = isPowerOfTwo ? 'a power of two, ' : multipleOf ? `a multiple of ${multipleOf}, ` : '';
    return `${what}, ${which}${min} to ${max}`;
  };
  const rows = Object.entries(CHANNEL_PARAMETERS).map(([name, parameter]) => [
    code(name),
    parameter.media === 'both' ? 'UDP, IPC' : parameter.media.toUpperCase(),
    parameter.of === 'both' ? 'both' : parameter.of,
    range(parameter),
    parameter.default.startsWith('aeron.')
      ? parameter.default.split(', ').map(code).join(', ')
      : parameter.default,
    parameter.help,
  ]);
  return `# Channels
${NOTE}

\`\`\`
[aeron-spy:]aeron:udp?key=value|key=value…
[aeron-spy:]aeron:ipc[?key=value|key=value…]
\`\`\`

A channel is at most 4095 characters long. A spy (\`aeron-spy:\`) reads what publications of this driver write on the channel,
without the network. Keys that are not in the table are kept and mean nothing to the driver. Sizes are written in bytes, or
with k, m or g; durations in nanoseconds, or with us, ms or s. Where a setting stands as the default, it is the driver's:
see [Configuration](configuration.md).

${table(['parameter', 'media', 'of', 'value', 'default', 'meaning'], rows)}

What is refused: ${UNSUPPORTED_PARAMETERS.map(({ feature }) => feature).join(', ')}.
`;
}

async function countersPage() {
  const counterTypes = await load('cnc/counter-types');
  const { SYSTEM_COUNTERS, CounterType } = counterTypes;
  const kinds = Object.values(counterTypes).filter(
    (kind) => typeof kind?.name === 'string' && 'typeId' in kind,
  );
  const labels = Object.entries(CounterType).map(([name, typeId]) => {
    const shown = kinds.filter((kind) => kind.typeId === typeId).map((kind) => code(kind.name));
    return [typeId, name.toLowerCase().replaceAll('_', ' '), shown.join(', ')];
  });
  return `# Counters
${NOTE}

Shared with every process through \`cnc.dat\`; \`aeron-bypass stat\` shows them. Ids and labels are Aeron's.

## System counters

Type 0, one of each. Labels may go on after what is given here.

${table(
  ['id', 'label'],
  SYSTEM_COUNTERS.map(({ id, label }) => [id, label]),
)}

2, 3 and 45 stay 0: commands to the sender and the receiver wait in queues without a bound, and no thread frees resources.

## Types

The label of a stream's counter is \`name: registrationId sessionId streamId channel\`, positions of subscribers end with
\`@joinPosition\`. Positions and limits are bytes since the start of the stream.

${table(['type', 'meaning', 'name in labels'], labels)}
`;
}

async function errorsPage() {
  const { ErrorCode } = await load('cnc/error-codes');
  const { CLIENT_ERRORS } = await load('client/client-errors');
  const { ERROR_CODES } = await load('util/error-codes');
  const classOf = (name) =>
    CLIENT_ERRORS[name]?.name ?? (name === 'CONFIGURATION' ? 'ConfigurationError' : '');
  const rows = Object.entries(ERROR_CODES).map(([name, { means, fix }]) => [
    code(name),
    code(classOf(name)),
    means,
    fix,
  ]);
  return `# Errors
${NOTE}

An error that a user can act on is an \`AeronError\`. Its \`code\` is stable; its message says what, why and how to fix it.
Those of a client are of a class of their own, which all extend \`AeronError\`.

## Codes of this program

Errors of the operating system keep its code (\`EACCES\`, \`ENOSPC\` …).

${table(['code', 'class', 'what it means', 'what to do'], rows)}

## Codes of the driver's answers

A command that a driver refuses fails in the client with a \`RegistrationError\` of one of these codes; its \`errorCode\` is
the number.

${table(
  ['number', 'code'],
  Object.entries(ErrorCode).map(([name, number]) => [number, code(name)]),
)}
`;
}

async function cliPage() {
  const { COMMAND_NAMES } = await load('cli/main');
  const helpOf = (args) => {
    const bin = path.join(ROOT, 'bin/aeron-bypass.js');
    const { stdout, stderr, status } = spawnSync(process.execPath, [bin, ...args, '--help'], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`aeron-bypass ${args.join(' ')} --help: ${stderr}`);
    return stdout.trimEnd();
  };
  // The settings have a page of their own.
  const shorten = (text) =>
    text.replace(/\nSettings:\n[\s\S]*?\n(?=\nExamples:)/, '\nSettings: see configuration.md\n');
  const { NIC_COMMAND_NAMES } = await load('cli/commands/nic');
  const commands = COMMAND_NAMES.flatMap((name) =>
    name === 'nic' ? [[name], ...NIC_COMMAND_NAMES.map((sub) => [name, sub])] : [[name]],
  );
  const sections = commands.map(
    (words) => `## ${words.join(' ')}\n\n\`\`\`\n${shorten(helpOf(words))}\n\`\`\`\n`,
  );
  return `# Commands
${NOTE}

\`\`\`
${helpOf([])}
\`\`\`

Exit codes: 0 done, 1 failed (standard error says why), 2 called wrongly.

${sections.join('\n')}
## How a file is sent

\`publish --file\` and \`subscribe --out\` put a file into messages of one fragment each: one start, any number of chunks,
one end. Numbers are little-endian.

| bytes | content |
| --- | --- |
| 0–3 | \`ABF1\` |
| 4–7 | 1 start, 2 chunk, 3 end |
| 8–15 | start and end: bytes of the file; chunk: where in the file its bytes belong |
| 16 … | start: name of the file, UTF-8, for people; chunk: bytes; end: SHA-256 of the file |

The receiver takes the first file that starts, of one session, and gives it its name once its length and its SHA-256 are
right; before that it is called \`<name>.part\`.
`;
}

async function readme() {
  const { UNSUPPORTED_PARAMETERS } = await load('driver/conductor/unsupported');
  const rows = UNSUPPORTED_PARAMETERS.map(({ feature, sentence }) => [feature, sentence]);
  const text = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md has no "${BEGIN}" … "${END}"`);
  const made = table(['not supported', 'what a client is told'], rows);
  return `${text.slice(0, begin)}${BEGIN}\n${made}\n${text.slice(end)}`;
}

/** Every page that is made, by its path: what it should contain. Needs a build. */
export async function pages() {
  return {
    'docs/reference/configuration.md': await configurationPage(),
    'docs/reference/channels.md': await channelsPage(),
    'docs/reference/counters.md': await countersPage(),
    'docs/reference/errors.md': await errorsPage(),
    'docs/reference/cli.md': await cliPage(),
    'README.md': await readme(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of Object.entries(await pages())) {
    writeFileSync(path.join(ROOT, file), text);
    process.stdout.write(`${file}\n`);
  }
}
