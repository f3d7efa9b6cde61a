import type { Contestant } from '../contestant.ts';
import { installLibraries, libraryVersion, nodePeer } from './node-peers.ts';

export const zeromq: Contestant = {
  ...nodePeer('zeromq.mjs'),
  name: 'zeromq',
  title: 'ZeroMQ for Node.js',
  note:
    'PUSH and PULL sockets over TCP on loopback, or over a Unix socket for IPC. Reliable; each side has a thread of ' +
    'the library beside that of JavaScript, on the same processor.',
  build: installLibraries,
  version: async () => `zeromq ${libraryVersion('zeromq')}, Node.js ${process.version}`,
};
