import { bytes, type Check, type Finding, ok, type Patient, problem, type Repair } from '../finding.ts';

/** What the kernel lets sockets have, against what the settings ask for. */
export const sockets: Check = {
  name: 'socket buffers',
  run: (patient) => {
    if (patient.wantsDpdk) return [];
    const { socketSoRcvbuf, socketSoSndbuf, rcvInitialWindowLength } = patient.options;
    const receive = Math.max(socketSoRcvbuf, rcvInitialWindowLength);
    return [
      limit(patient, 'rmem_max', receive, 'aeron.socket.so_rcvbuf and the receiver window'),
      limit(patient, 'wmem_max', socketSoSndbuf, 'aeron.socket.so_sndbuf'),
    ];
  },
};

function limit({ host }: Patient, name: string, needed: number, forWhat: string): Finding {
  const path = `/proc/sys/net/core/${name}`;
  const allowed = host.number(path) ?? 0;
  if (allowed >= needed)
    return ok(`net.core.${name} allows ${bytes(allowed)}, ${bytes(needed)} are asked for`);
  const repair: Repair = {
    text: `sysctl -w net.core.${name}=${needed}`,
    apply: (machine) => machine.write(path, String(needed)),
  };
  return problem(
    `net.core.${name} allows ${bytes(allowed)}; ${forWhat} ask for ${bytes(needed)}`,
    'a window that does not fit into the socket is refused, and a small buffer drops bursts',
    `${repair.text}, and in /etc/sysctl.d for the next boot`,
    repair,
  );
}
