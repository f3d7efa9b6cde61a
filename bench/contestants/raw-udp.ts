import { release } from 'node:os';
import { type Contestant, type SideRun, sideArguments } from '../contestant.ts';
import { compileRaw, isPlainRun, rawProgram } from './compile-raw.ts';

const COMMON: Pick<Contestant, 'build' | 'supports' | 'version'> = {
  build: () => compileRaw('raw-udp'),
  supports: (run) => isPlainRun(run) && run.messageLength <= run.mtu,
  version: async () => `Linux ${release()}`,
};

function command(run: SideRun, gso: 0 | 1): ReturnType<Contestant['command']> {
  return { file: rawProgram('raw-udp'), args: [...sideArguments(run), `gso=${gso}`] };
}

/** The limit of kernel sockets, one message a datagram. */
export const rawUdp: Contestant = {
  ...COMMON,
  name: 'raw-udp',
  title: 'raw C, sockets',
  note:
    'A loop in C over sendmmsg and recvmmsg, 64 messages a call, one a datagram: no flow control, no recovery. ' +
    'Counts what arrives; what the receiver was too slow for is lost.',
  command: (run) => command(run, 0),
};

/** The limit of kernel sockets where the kernel cuts, which loopback puts off until nobody is left to need it. */
export const rawUdpGso: Contestant = {
  ...COMMON,
  name: 'raw-udp-gso',
  title: 'raw C, sockets, GSO',
  note:
    'The same with UDP_SEGMENT and UDP_GRO, up to 64 messages a buffer: over loopback buffers are never cut, so this ' +
    'is far more than a network card gives.',
  command: (run) => command(run, 1),
};
