/**
 * Makes a checkout ready to run: system packages, npm packages, native addons, TypeScript. Every step says in one line
 * what it does and does nothing when there is nothing to do. Plain JavaScript without dependencies, because it runs
 * before any are there. Speaks on standard error only, so that what follows it may print documents.
 *
 *   node tools/setup.mjs [--quiet] [--build-only] [--no-dpdk]
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const NODE_MINIMUM = [20, 17];
const LOCK_TIMEOUT_MS = 15 * 60_000;

const USAGE = `Usage: node tools/setup.mjs [--quiet] [--build-only] [--no-dpdk]
  --quiet       say only what is done, not what was done before
  --build-only  native addons and TypeScript, no packages
  --no-dpdk     neither install nor use DPDK`;

/** What is looked for, and the Debian or Ubuntu package that brings it. Only the required ones stop the set-up. */
const SYSTEM_PACKAGES = [
  { name: 'g++', required: true, isThere: () => hasCommand('g++') || hasCommand('c++') },
  { name: 'make', required: true, isThere: () => hasCommand('make') },
  { name: 'python3', required: true, isThere: () => hasCommand('python3') },
  { name: 'pkg-config', required: false, isThere: () => hasCommand('pkg-config') },
  { name: 'libdpdk-dev', required: false, isThere: () => dpdkVersion() !== 'none' },
  { name: 'iproute2', required: false, isThere: () => hasCommand('ip') },
  { name: 'ethtool', required: false, isThere: () => hasCommand('ethtool') },
  { name: 'iputils-ping', required: false, isThere: () => hasCommand('ping') },
];

const { values: options } = parseArgs({
  options: {
    quiet: { type: 'boolean', default: false },
    'build-only': { type: 'boolean', default: false },
    'no-dpdk': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

/** A step that failed: the message is all there is to say. */
class SetupError extends Error {}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function sayUnchanged(text) {
  if (!options.quiet) say(text);
}

/** Runs a program and returns its exit status and everything it printed. */
function run(program, args, extra = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...extra,
  });
  return {
    status: error === undefined ? status : -1,
    output: `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`,
  };
}

/** Runs a step that takes a while: names it first, then says how long it took, or shows the end of its output. */
function runStep(title, program, args, extra) {
  say(`${title} …`);
  const startMs = Date.now();
  const result = run(program, args, extra);
  if (result.status === 0) {
    say(`${title}: done in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
    return;
  }
  const tail = result.output.trimEnd().split('\n').slice(-40).join('\n');
  throw new SetupError(
    `${title} failed.\n${tail}\n${program} ${args.join(' ')}: exit status ${result.status}`,
  );
}

/** Looks along PATH, and in the folders of system tools that an ordinary user's PATH may lack. Null: not there. */
function findCommand(name) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin'];
  const files = folders.filter((folder) => folder !== '').map((folder) => path.join(folder, name));
  return files.find((file) => fs.existsSync(file)) ?? null;
}

function hasCommand(name) {
  return findCommand(name) !== null;
}

function dpdkVersion() {
  if (options['no-dpdk'] || !hasCommand('pkg-config')) return 'none';
  const { status, output } = run('pkg-config', ['--modversion', 'libdpdk']);
  return status === 0 ? output.trim() : 'none';
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [needMajor, needMinor] = NODE_MINIMUM;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) {
    sayUnchanged(`Node ${process.version} (${process.arch}, module ABI ${process.versions.modules})`);
    return;
  }
  throw new SetupError(`Node ${process.version} is too old, ${NODE_MINIMUM.join('.')} or newer is needed.`);
}

/** The words that make a command run as root here without asking for a password, or null when there are none. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return hasCommand('sudo') && run('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : null;
}

function installSystemPackages() {
  const wanted = SYSTEM_PACKAGES.filter(({ name }) => !(options['no-dpdk'] && name === 'libdpdk-dev'));
  const findMissing = () => wanted.filter(({ isThere }) => !isThere());
  const before = findMissing();
  if (before.length === 0) {
    sayUnchanged(`system packages: all there${options['no-dpdk'] ? '' : `, DPDK ${dpdkVersion()}`}`);
    return;
  }
  const prefix = hasCommand('apt-get') ? rootPrefix() : null;
  const failure = prefix === null ? 'not root, or no apt-get' : aptInstall(prefix, before);
  if (failure === null) return;
  // What is optional may be what this system's packages lack.
  const needed = before.filter(({ required }) => required);
  if (prefix !== null && needed.length > 0) aptInstall(prefix, needed);

  const missing = findMissing();
  const names = missing.map(({ name }) => name).join(' ');
  const said = `missing ${names} (${failure})`;
  const advice = `sudo apt-get install -y ${names}`;
  if (missing.some(({ required }) => required)) throw new SetupError(`${said}. Run: ${advice}`);
  if (missing.length === 0) return;
  const isDpdkMissing = missing.some(({ name }) => name === 'libdpdk-dev' || name === 'pkg-config');
  const lost = isDpdkMissing ? 'the DPDK wire is left out' : 'some system tests are left out';
  say(`${said}: ${lost}. To have it, run: ${advice}`);
}

/** Returns null when the packages were installed, or why not. Refreshes the package lists only when they are no use. */
function aptInstall(prefix, packages) {
  const names = packages.map(({ name }) => name);
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  const apt = ['apt-get', '-q', '-o', 'DPkg::Lock::Timeout=300'];
  const [program, ...words] = [...prefix, ...environment, ...apt];
  const install = [...words, 'install', '-y', '--no-install-recommends', ...names];
  say(`installing system packages: ${names.join(' ')} …`);
  if (run(program, install).status === 0) return null;
  say('refreshing the package lists (apt-get update) …');
  run(program, [...words, 'update']);
  const { status, output } = run(program, install);
  if (status === 0) return null;
  return `apt-get failed: ${output.trimEnd().split('\n').at(-1)}`;
}

function modifiedMs(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** How to start the npm that belongs to this run: the one that started us, or the one on the PATH. */
function npmCommand() {
  const script = process.env.npm_execpath;
  return script?.endsWith('.js') && fs.existsSync(script) ? [process.execPath, script] : ['npm'];
}

function installNpmPackages() {
  const installed = modifiedMs(path.join(ROOT, 'node_modules/.package-lock.json'));
  if (installed >= modifiedMs(path.join(ROOT, 'package-lock.json'))) {
    sayUnchanged('npm packages: as in package-lock.json');
    return;
  }
  const [program, ...words] = npmCommand();
  runStep('installing npm packages (npm ci)', program, [...words, 'ci', '--no-audit', '--no-fund']);
}

/** The prefix of the running Node when its own headers are installed there, else null: node-gyp knows what to do. */
function headersPrefix() {
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const include = path.join(prefix, 'include/node');
  if (!fs.existsSync(path.join(include, 'node_api.h'))) return null;
  const version = fs.readFileSync(path.join(include, 'node_version.h'), 'utf8');
  const abi = /#define\s+NODE_MODULE_VERSION\s+(\d+)/.exec(version)?.[1];
  return abi === process.versions.modules ? prefix : null;
}

/** node-gyp: ours in a checkout, npm's own where this package was installed as a dependency. */
function nodeGyp() {
  const npm = process.env.npm_execpath ?? findCommand('npm');
  for (const from of [import.meta.url, ...(npm === null ? [] : [fs.realpathSync(npm)])]) {
    try {
      return createRequire(from).resolve('node-gyp/bin/node-gyp.js');
    } catch {
      // The next place may have it.
    }
  }
  throw new SetupError('node-gyp is missing. Run: npm install --no-save node-gyp');
}

/** node-gyp prefers what npm's configuration says of headers to its arguments: those may be another Node's. */
function withoutNodedir(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_.*nodedir$/i.test(name)));
}

/** Headers of another Node make addons that build and do not load. */
function checkLoads(file) {
  const { status, output } = run(process.execPath, ['-e', `require(${JSON.stringify(file)})`]);
  if (status === 0) return;
  const reason = output.split('\n').find((line) => line.startsWith('Error:')) ?? output.trimEnd();
  throw new SetupError(`${file} was built and does not load. ${reason}`);
}

/**
 * Builds the addons for the running Node's module ABI, each ABI in a folder of its own. The build folder holds links
 * to the sources, because node-gyp builds beside binding.gyp.
 */
function buildNative() {
  const abi = `${process.platform}-${process.arch}-abi${process.versions.modules}`;
  const sourceFolder = path.join(ROOT, 'native');
  const sources = fs.readdirSync(sourceFolder).filter((name) => /\.(cc|h|gyp)$/.test(name));
  const dpdk = dpdkVersion();
  const hash = createHash('sha256').update(`${abi} dpdk ${dpdk}\n`);
  for (const name of sources) hash.update(name).update(fs.readFileSync(path.join(sourceFolder, name)));
  const stamp = hash.digest('hex');

  const target = path.join(ROOT, 'dist/native', abi);
  const stampFile = path.join(target, 'stamp');
  const addons = dpdk === 'none' ? ['shm', 'udp'] : ['shm', 'udp', 'dpdk'];
  const isCurrent =
    fs.existsSync(stampFile) &&
    fs.readFileSync(stampFile, 'utf8') === stamp &&
    addons.every((name) => fs.existsSync(path.join(target, `${name}.node`)));
  if (isCurrent) {
    sayUnchanged(`native addons: built for ${abi}, DPDK ${dpdk}`);
    return;
  }

  const work = path.join(ROOT, 'dist/native-build', abi);
  // From nothing: make goes by the times of files, and takes an old object for the new one where a checkout was copied.
  fs.rmSync(work, { recursive: true, force: true });
  fs.mkdirSync(work, { recursive: true });
  for (const name of sources) fs.symlinkSync(path.join(sourceFolder, name), path.join(work, name));

  const prefix = headersPrefix();
  const args = [nodeGyp(), 'configure', 'build', '--directory', work, '--jobs', '2'];
  // node-gyp hands unknown options to binding.gyp as variables.
  args.push(`--dpdk=${dpdk === 'none' ? 'no' : 'yes'}`);
  if (prefix !== null) args.push('--nodedir', prefix);
  const origin = prefix === null ? 'headers by node-gyp' : `headers in ${prefix}/include/node`;
  const env = prefix === null ? process.env : withoutNodedir(process.env);
  runStep(`building native addons for ${abi} (${origin}, DPDK ${dpdk})`, process.execPath, args, { env });
  checkLoads(path.join(work, 'build/Release/shm.node'));

  fs.mkdirSync(target, { recursive: true });
  fs.rmSync(stampFile, { force: true });
  for (const name of ['shm', 'udp', 'dpdk']) {
    const file = path.join(target, `${name}.node`);
    if (!addons.includes(name)) {
      fs.rmSync(file, { force: true });
      continue;
    }
    // A process may have the old file mapped: replace it whole, never write into it.
    fs.copyFileSync(path.join(work, 'build/Release', `${name}.node`), `${file}.new`);
    fs.renameSync(`${file}.new`, file);
  }
  fs.writeFileSync(stampFile, stamp);
}

/** Removes compiled files whose source is gone: the test runner would still find them. */
function removeStaleOutput(folder = '') {
  const output = path.join(ROOT, 'dist', folder);
  for (const entry of fs.readdirSync(output, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (name === 'bench/peers') continue; // Built by the benchmark, by other compilers.
    if (entry.isDirectory()) {
      if (folder !== '' || ['src', 'test', 'bench', 'examples'].includes(entry.name)) removeStaleOutput(name);
      continue;
    }
    const source = name.replace(/\.(js|js\.map|d\.ts)$/, '.ts');
    if (source !== name && !fs.existsSync(path.join(ROOT, source))) fs.rmSync(path.join(output, entry.name));
  }
}

function buildTypeScript() {
  const startMs = Date.now();
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  if (!fs.existsSync(compiler)) throw new SetupError('TypeScript is missing. Run: npm ci');
  const { status, output } = run(process.execPath, [compiler, '-p', '.']);
  if (status !== 0) throw new SetupError(`TypeScript build failed.\n${output.trimEnd()}`);
  removeStaleOutput();
  sayUnchanged(`TypeScript: built in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Two set-ups at once would write the same files: the second waits for the first. Returns the way to let go. */
function takeLock() {
  const file = path.join(ROOT, 'dist/setup.lock');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const giveUpMs = Date.now() + LOCK_TIMEOUT_MS;
  for (let isFirst = true; ; isFirst = false) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => fs.rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(fs.readFileSync(file, 'utf8'));
    const isStale = owner > 0 ? !isAlive(owner) : Date.now() - modifiedMs(file) > 1000;
    if (isStale) {
      fs.rmSync(file, { force: true });
      continue;
    }
    if (Date.now() > giveUpMs)
      throw new SetupError(`process ${owner} holds ${file}. End it, or remove the file.`);
    if (isFirst) say(`waiting for another set-up (process ${owner}) …`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

function main() {
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  checkNode();
  const release = takeLock();
  try {
    const isCheckout = fs.existsSync(path.join(ROOT, 'tsconfig.json'));
    if (!options['build-only']) {
      installSystemPackages();
      if (isCheckout) installNpmPackages();
    }
    buildNative();
    if (isCheckout) buildTypeScript();
  } finally {
    release();
  }
}

try {
  main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
