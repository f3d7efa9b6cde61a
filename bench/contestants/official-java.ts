/** The official Java driver and client. */
import { cpSync } from 'node:fs';
import { type Contestant, pinned, ROOT, sideArguments } from '../contestant.ts';
import { buildFolder, OFFICIAL_NOTE, outputOf, supports } from './official.ts';

const PROJECT = `${ROOT}bench/peers/java`;
/** A copy, so that Maven leaves nothing beside the sources. */
const COPY = buildFolder('java');
/** What Maven compiled and fetched. */
const CLASSPATH = `${COPY}/target/classes:${COPY}/target/lib/*`;
const HINT = 'official-java needs JDK 17 and Maven (apt-get install openjdk-17-jdk-headless maven).';

/** As the official scripts start it, and what Aeron's documentation adds for speed. */
const JVM_ARGUMENTS: readonly string[] = [
  '-Xms64m',
  '-Xmx256m',
  '-XX:+UseParallelGC',
  '-XX:+UnlockExperimentalVMOptions',
  '-XX:+TrustFinalNonStaticFields',
  '-XX:+UnlockDiagnosticVMOptions',
  '-XX:GuaranteedSafepointInterval=300000',
  '-Dagrona.disable.bounds.checks=true',
  '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED',
  '--add-opens=java.base/java.util.zip=ALL-UNNAMED',
  '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
];

export const officialJava: Contestant = {
  name: 'official-java',
  title: 'official Java',
  note: `The official Java driver and client. ${OFFICIAL_NOTE}`,
  async build() {
    cpSync(PROJECT, COPY, { recursive: true, preserveTimestamps: true });
    await outputOf('mvn', ['-q', '-B', '-f', `${COPY}/pom.xml`, 'compile'], HINT);
  },
  supports,
  command: (run) => pinned(run.cpu, 'java', javaArguments(lossProperties(run), sideArguments(run))),
  version: async () => {
    const aeron = await outputOf('java', javaArguments([], ['--version']), HINT);
    const java = await outputOf('java', ['--version'], HINT);
    return `Aeron ${aeron}, ${java.split('\n')[0]}`;
  },
};

function javaArguments(properties: readonly string[], words: readonly string[]): string[] {
  return [...JVM_ARGUMENTS, ...properties, '-cp', CLASSPATH, 'bypass.bench.Side', ...words];
}

/** Endpoints that lose what they receive: data where images are, answers to it where publications are. */
function lossProperties(run: { readonly side: 0 | 1; readonly lossRate: number }): string[] {
  if (run.lossRate === 0) return [];
  const seed = run.side + 1;
  return [
    '-Daeron.ReceiveChannelEndpoint.supplier=io.aeron.driver.ext.DebugReceiveChannelEndpointSupplier',
    '-Daeron.SendChannelEndpoint.supplier=io.aeron.driver.ext.DebugSendChannelEndpointSupplier',
    `-Daeron.debug.receive.data.loss.rate=${run.lossRate}`,
    `-Daeron.debug.receive.data.loss.seed=${seed}`,
    `-Daeron.debug.send.control.loss.rate=${run.lossRate}`,
    `-Daeron.debug.send.control.loss.seed=${seed}`,
  ];
}
