import type { Contestant } from '../contestant.ts';
import { nodePeer } from './node-peers.ts';

const peer = nodePeer('dgram.mjs');

export const dgram: Contestant = {
  ...peer,
  name: 'dgram',
  title: 'Node.js dgram',
  note:
    "Node's own UDP sockets over loopback, one message a datagram, no recovery. Counts what arrives; what the receiver " +
    'was too slow for is lost.',
  build: async () => {},
  supports: (run) => peer.supports(run) && run.media === 'udp' && run.messageLength <= run.mtu,
  version: async () => `Node.js ${process.version}`,
};
