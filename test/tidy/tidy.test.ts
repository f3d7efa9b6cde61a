/** Rules of this project that no linter knows. Each finding says where, what, and what to do instead. */
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { hotViolations, isHot } from './hot-rules.ts';
import { filesBelow, functionsOf, read, readSource, type SourceFile } from './source-tree.ts';

const SOURCES: readonly SourceFile[] = filesBelow('src', '.ts').map(readSource);
const TESTS: readonly SourceFile[] = ['test', 'bench', 'examples']
  .flatMap((folder) => filesBelow(folder, '.ts'))
  .map(readSource);
const BY_PATH: ReadonlyMap<string, SourceFile> = new Map(
  [...SOURCES, ...TESTS].map((file) => [file.path, file]),
);

/** The rooms, and whose files each may import besides its own. See ARCHITECTURE.md. */
const FORMATS = ['cnc', 'logbuffer', 'protocol', 'uri'];
const FOUNDATION = ['concurrent', 'memory', 'native', 'util'];
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  util: [],
  host: ['util'],
  nic: ['host', 'util'],
  native: ['util'],
  memory: ['native', 'util'],
  concurrent: ['memory', 'native', 'util'],
  uri: ['util'],
  protocol: ['util'],
  logbuffer: ['protocol', ...FOUNDATION],
  cnc: ['uri', ...FOUNDATION],
  device: FOUNDATION,
  capture: ['device', ...FOUNDATION],
  net: ['device', ...FOUNDATION],
  transport: ['net', 'device', ...FOUNDATION],
  driver: ['capture', 'transport', ...FORMATS, ...FOUNDATION],
  client: [...FORMATS, ...FOUNDATION],
  testing: ['driver', 'transport', 'net', 'device', ...FORMATS, ...FOUNDATION],
  doctor: ['driver', 'transport', 'net', 'nic', 'host', 'device', ...FORMATS, ...FOUNDATION],
  cli: [
    'doctor',
    'capture',
    'nic',
    'host',
    'client',
    'driver',
    'transport',
    'net',
    'device',
    ...FORMATS,
    ...FOUNDATION,
  ],
  // The package's entry point.
  'index.ts': ['client', ...FORMATS, ...FOUNDATION],
};

/** What only some files may do, and which. */
const RESERVED: readonly { pattern: RegExp; what: string; instead: string; allowed: readonly string[] }[] = [
  {
    pattern: /\bcreateRequire\b|\.node['"]/,
    what: 'loading an addon',
    instead: 'src/native',
    allowed: ['src/native/'],
  },
  {
    pattern: /\bprocess\.(?:env|argv|exit|stdin|stdout|on|once)\b/,
    what: 'using the process',
    instead: 'a parameter',
    allowed: [
      'src/cli/',
      // The directory where clients and drivers meet is named after the user, or by AERON_DIR.
      'src/cnc/cnc-file.ts',
      'src/client/client-options.ts',
      // An embedded driver takes its settings from the environment, unless told otherwise.
      'src/driver/media-driver.ts',
    ],
  },
  {
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.hrtime\b/,
    what: 'reading a clock',
    instead: 'a Clock that is passed in',
    allowed: ['src/cli/'],
  },
  {
    pattern: /\bMath\.random\b/,
    what: 'chance that cannot be repeated',
    instead: 'a generator that is passed in',
    allowed: ['src/cli/'],
  },
];

const LINE_LENGTH_MAX = 130;
/** Text and test data that cannot be broken well. */
const LONG_STRING = /'[^']{50,}'|`[^`]{50,}`/;
const FUNCTION_LENGTH_MAX = 70;

/** Files of src that are for others to import: entry points of the package and of processes and threads. */
const ENTRY_POINTS: readonly string[] = [
  'src/index.ts',
  'src/driver/index.ts',
  'src/testing/index.ts',
  'src/cli/main.ts',
];

function check(name: string, findings: () => string[]): void {
  test(name, () => {
    const found = findings();
    assert.equal(found.length, 0, `\n${found.join('\n')}`);
  });
}

function roomOf(path: string): string {
  return path.split('/')[1]!;
}

check('should import only from rooms below', () =>
  SOURCES.flatMap((file) => {
    const room = roomOf(file.path);
    const allowed = ROOMS[room];
    if (allowed === undefined)
      return [`${file.path}:1: src/${room} is no room of ARCHITECTURE.md, add it there`];
    return file.imports
      .filter(({ path }) => roomOf(path) !== room && !allowed.includes(roomOf(path)))
      .map(
        ({ path, line }) => `${file.path}:${line}: src/${room} may not import ${path}, see ARCHITECTURE.md`,
      );
  }),
);

check('should import nothing that is not installed with the package', () =>
  SOURCES.flatMap((file) =>
    file.lines.flatMap((line, i) => {
      const from = /^(?:import|export) .*from '([^'.][^']*)'/.exec(line)?.[1];
      const isFine = from === undefined || from.startsWith('node:');
      return isFine ? [] : [`${file.path}:${i + 1}: ${from} is no module of Node, write what is needed`];
    }),
  ),
);

check('should do what is reserved only where it is reserved', () =>
  SOURCES.flatMap((file) =>
    RESERVED.flatMap(({ pattern, what, instead, allowed }) => {
      if (allowed.some((place) => file.path.startsWith(place))) return [];
      return file.code.flatMap((line, i) =>
        pattern.test(line) ? [`${file.path}:${i + 1}: ${what} is banned here, use ${instead}`] : [],
      );
    }),
  ),
);

check('should not allocate in hot code', () => SOURCES.filter(isHot).flatMap(hotViolations));

check('should compile no field of hot code to begin as undefined, see docs/internals/hot-paths.md', () =>
  SOURCES.filter(isHot).flatMap(({ path }) => {
    const compiled = `dist/${path.replace(/\.ts$/, '.js')}`;
    return read(compiled)
      .split('\n')
      .flatMap((line, i) => (/^ {4}\w+;$/.test(line) ? [`${compiled}:${i + 1}: ${line.trim()}`] : []));
  }),
);

/** Methods that are called for every message or packet, where streams and datagrams are. */
const HOT_METHODS: readonly string[] = [
  'offer',
  'tryClaim',
  'poll',
  'controlledPoll',
  'onDatagram',
  'onBurstEnd',
];
/** Files whose `poll` looks for messages of control, not of streams. */
const COLD_POLLERS: readonly string[] = ['src/driver/worker-network.ts'];
const HOT_ROOMS: readonly string[] = [
  'client',
  'driver',
  'transport',
  'net',
  'device',
  'logbuffer',
  'protocol',
];

check('should mark the files that handle messages as hot', () =>
  SOURCES.filter(({ path }) => HOT_ROOMS.includes(roomOf(path)) && !COLD_POLLERS.includes(path))
    .filter((file) => !isHot(file))
    .flatMap((file) =>
      functionsOf(file)
        .filter(({ name }) => HOT_METHODS.includes(name))
        .map(({ name, start }) => `${file.path}:${start + 1}: ${name} is hot, start the file with "// hot"`),
    ),
);

check('should name files in kebab-case', () =>
  ['src', 'test', 'bench', 'examples', 'tools', 'docs', 'bin']
    .flatMap((folder) => filesBelow(folder, ''))
    // Maven's and cargo's own names.
    .filter((path) => !/^(?:test\/interop\/(?:java|rust)|bench\/peers\/(?:java|official-c))\//.test(path))
    .filter((path) => !/^(?:[a-z0-9]+(?:[-.][a-z0-9]+)*|README\.md)$/.test(basename(path)))
    .map((path) => `${path}:1: not in kebab-case, rename it`),
);

check('should leave no unfinished work behind', () =>
  ['src', 'test', 'bench', 'examples', 'tools', 'native', 'docs'].flatMap((folder) =>
    ['.ts', '.mjs', '.cc', '.h', '.md'].flatMap((suffix) =>
      filesBelow(folder, suffix)
        .filter((path) => !path.startsWith('test/tidy/'))
        .flatMap((path) =>
          read(path)
            .split('\n')
            .flatMap((line, i) =>
              /\b(?:TODO|FIXME|XXX|HACK)\b/.test(line)
                ? [`${path}:${i + 1}: a marker of unfinished work, finish it or write an issue`]
                : [],
            ),
        ),
    ),
  ),
);

check('should use every source file', () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { path: target } of BY_PATH.get(path)?.imports ?? []) visit(target);
  };
  for (const path of [...ENTRY_POINTS, ...TESTS.map(({ path }) => path)]) visit(path);
  return SOURCES.filter(({ path }) => !reached.has(path)).map(
    ({ path }) => `${path}:1: nobody imports it, remove it or use it`,
  );
});

check('should export by name', () =>
  [...SOURCES, ...TESTS].flatMap((file) =>
    file.code.flatMap((line, i) =>
      /^export default\b/.test(line)
        ? [`${file.path}:${i + 1}: default export is banned, give it a name`]
        : [],
    ),
  ),
);

check('should keep lines readable', () =>
  [...SOURCES, ...TESTS].flatMap((file) =>
    file.lines.flatMap((line, i) =>
      line.length > LINE_LENGTH_MAX && !LONG_STRING.test(line)
        ? [`${file.path}:${i + 1}: ${line.length} characters, break it at ${LINE_LENGTH_MAX}`]
        : [],
    ),
  ),
);

check('should keep functions short', () =>
  SOURCES.flatMap((file) =>
    functionsOf(file)
      .filter(({ start, end }) => end - start + 1 > FUNCTION_LENGTH_MAX)
      .map(
        ({ name, start, end }) =>
          `${file.path}:${start + 1}: ${name} has ${end - start + 1} lines, split it at ${FUNCTION_LENGTH_MAX}`,
      ),
  ),
);
