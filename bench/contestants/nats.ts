import type { Contestant } from '../contestant.ts';
import { output } from './compile-raw.ts';
import { installLibraries, libraryVersion, nodePeer } from './node-peers.ts';

const peer = nodePeer('nats.mjs');
/** Of the server, as it comes. */
const PAYLOAD_MAX = 1 << 20;

export const nats: Contestant = {
  ...peer,
  name: 'nats',
  title: 'NATS for Node.js',
  note:
    'Core NATS through a server on the same machine, which may use every processor: each message crosses TCP on ' +
    'loopback twice.',
  async build() {
    await serverVersion().catch((error: Error) => {
      throw new Error(`nats needs its server (apt-get install nats-server): ${error.message}`, {
        cause: error,
      });
    });
    await installLibraries();
  },
  supports: (run) => peer.supports(run) && run.media === 'udp' && run.messageLength <= PAYLOAD_MAX,
  version: async () =>
    `${await serverVersion()}, @nats-io/transport-node ${libraryVersion('@nats-io/transport-node')}, ` +
    `Node.js ${process.version}`,
};

function serverVersion(): Promise<string> {
  return output('nats-server', ['--version']);
}
