import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const REPOSITORY = new URL('../../..', import.meta.url).pathname;
const PROJECT = join(REPOSITORY, 'test/interop/java');
const CLASSPATH_FILE = join(PROJECT, 'target/classpath.txt');
/** Says that the sources as of its date are compiled. */
const STAMP_FILE = join(PROJECT, 'target/compiled');
const MAVEN_TIMEOUT_MS = 300_000;

const JVM_ARGUMENTS: readonly string[] = [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED',
  '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
];

/** Arguments for `java` that run one of the programs under test/interop/java. */
export function javaArguments(
  program:
    | 'JavaMediaDriver'
    | 'CheckedPublisher'
    | 'CheckedSubscriber'
    | 'Responses'
    | 'Termination'
    | 'Transcript',
  systemProperties: Readonly<Record<string, string>>,
  args: readonly string[],
): string[] {
  return mainArguments(`bypass.interop.${program}`, systemProperties, args);
}

/** Arguments for `java` that run one of the official library's own sample programs, `io.aeron.samples.*`. */
export function sampleArguments(
  sample: string,
  systemProperties: Readonly<Record<string, string>>,
  args: readonly string[],
): string[] {
  return mainArguments(`io.aeron.samples.${sample}`, systemProperties, args);
}

function mainArguments(
  mainClass: string,
  systemProperties: Readonly<Record<string, string>>,
  args: readonly string[],
): string[] {
  const classpath = `${join(PROJECT, 'target/classes')}:${readFileSync(CLASSPATH_FILE, 'utf8').trim()}`;
  const properties = Object.entries(systemProperties).map(([name, value]) => `-D${name}=${value}`);
  return [...JVM_ARGUMENTS, ...properties, '-cp', classpath, mainClass, ...args];
}

/**
 * Compiles the Java programs when that is due. Returns why the official library cannot be had here, or `false`: the
 * `skip` option of a test.
 */
export function officialAeronMissing(): string | false {
  return skipReason(prepare() ?? false);
}

/**
 * Makes a reason to skip a loud one: it is printed, and with CI=true it is thrown, so that CI cannot pass without
 * these tests.
 */
export function skipReason(reason: string | false): string | false {
  if (reason === false) return false;
  const message = `interoperability with the official Aeron library is not tested: ${reason}`;
  if (process.env.CI === 'true') throw new Error(message);
  console.error(`\n*** ${message} ***\n`);
  return message;
}

function prepare(): string | null {
  const java = spawnSync('java', ['-version']);
  if (java.error) return `cannot run java (${java.error.message}); install JDK 17`;
  if (isCompiled()) return null;
  const maven = spawnSync('mvn', ['-q', '-B', 'compile'], {
    cwd: PROJECT,
    encoding: 'utf8',
    timeout: MAVEN_TIMEOUT_MS,
  });
  if (maven.error) return `cannot run mvn (${maven.error.message}); install Maven`;
  if (maven.status !== 0) return `mvn compile failed in ${PROJECT}:\n${maven.stdout}${maven.stderr}`;
  writeFileSync(STAMP_FILE, '');
  return null;
}

function isCompiled(): boolean {
  if (!existsSync(STAMP_FILE) || !existsSync(CLASSPATH_FILE)) return false;
  const jars = readFileSync(CLASSPATH_FILE, 'utf8').trim().split(':');
  if (!jars.every((jar) => existsSync(jar))) return false;
  const sources = join(PROJECT, 'src/main/java/bypass/interop');
  const files = [join(PROJECT, 'pom.xml'), ...readdirSync(sources).map((name) => join(sources, name))];
  const compiledMs = statSync(STAMP_FILE).mtimeMs;
  return files.every((file) => statSync(file).mtimeMs < compiledMs);
}
