/** What an error with a code means, and what to do about it. */
export interface ErrorMeaning {
  readonly means: string;
  readonly fix: string;
}

const CONNECT_AGAIN = 'Connect again to go on.';
const SAY_WHICH = 'The message says which, and what can be there.';

/** A code that is this program's own. */
export type ProgramErrorName =
  | 'BROADCAST_LAPPED'
  | 'CAPTURE_ACTIVE'
  | 'CAPTURE_FILE_INVALID'
  | 'CAPTURE_NOT_DPDK'
  | 'CAPTURE_TIMEOUT'
  | 'CLIENT_CLOSED'
  | 'CLIENT_TIMEOUT'
  | 'CNC_MALFORMED'
  | 'CNC_NOT_FOUND'
  | 'CNC_NOT_MAPPED'
  | 'CNC_NOT_READY'
  | 'CNC_TRUNCATED'
  | 'CNC_VERSION'
  | 'CONDUCTOR_SERVICE_TIMEOUT'
  | 'CONFIGURATION'
  | 'COUNTERS_EXHAUSTED'
  | 'DPDK_ADDRESS_IN_USE'
  | 'DPDK_ALREADY_INITIALISED'
  | 'DPDK_INIT'
  | 'DPDK_NO_HUGEPAGES'
  | 'DPDK_NO_PORT'
  | 'DPDK_PORT'
  | 'DPDK_PORT_BUSY'
  | 'DPDK_PORT_IN_USE'
  | 'DPDK_TAP'
  | 'DRIVER_ACTIVE'
  | 'DRIVER_BUFFER_FULL'
  | 'DRIVER_CLOSED'
  | 'DRIVER_DIRECTORY'
  | 'DRIVER_TIMEOUT'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'ENOBUFS'
  | 'IMAGE_NOT_MAPPED'
  | 'INVALID_CHANNEL'
  | 'INVALID_DURATION'
  | 'INVALID_INTERFACE'
  | 'INVALID_PEER'
  | 'INVALID_SIZE'
  | 'IP_COMMAND'
  | 'LOSS_REPORT_NOT_FOUND'
  | 'MALFORMED_EVENT'
  | 'MALFORMED_FRAME'
  | 'MALFORMED_LOG'
  | 'MAX_POSITION_EXCEEDED'
  | 'MESSAGE_TOO_LONG'
  | 'NATIVE_NOT_BUILT'
  | 'NATIVE_NOT_LOADED'
  | 'NETWORK_THREAD_FAILED'
  | 'NIC_BIND'
  | 'NIC_BOUND'
  | 'NIC_BUSY'
  | 'NIC_GROUP'
  | 'NIC_IN_USE'
  | 'NIC_IOMMU'
  | 'NIC_NOT_FOUND'
  | 'NIC_NO_DPDK_DRIVER'
  | 'NIC_NO_IOMMU'
  | 'NIC_NO_MODULE'
  | 'NIC_PERMISSION'
  | 'NIC_RESTORE'
  | 'NIC_STATE'
  | 'NIC_UNSAFE'
  | 'NOT_A_FILE'
  | 'NO_DPDK_PORT'
  | 'NO_PONG'
  | 'NO_TRANSPORT'
  | 'PUBLICATION_CLOSED'
  | 'PUBLICATION_ENDED'
  | 'SIDE_CONFUSED'
  | 'SIDE_EXITED'
  | 'SIDE_FAILED'
  | 'SIDE_SILENT'
  | 'TRANSFER_BROKEN';

/**
 * Every stable code of this program, and what it means. `docs/reference/errors.md` is made of it. Beside these there are the
 * names of the operating system's errors, and of those that a driver answers: `ErrorCode` in `cnc/error-codes.ts`.
 */
export const ERROR_CODES: Readonly<Record<ProgramErrorName, ErrorMeaning>> = {
  BROADCAST_LAPPED: {
    means: 'The client did not keep up with the events of its driver and missed some.',
    fix: `Call aeron.doWork() more often, or give the driver a larger aeron.clients.buffer.length. ${CONNECT_AGAIN}`,
  },
  CAPTURE_ACTIVE: {
    means: 'Another process captures from this driver already.',
    fix: 'Wait for it to end, or end it.',
  },
  CAPTURE_FILE_INVALID: {
    means: 'The file between driver and capture is none of this release.',
    fix: 'Remove it, and capture with the release of the driver.',
  },
  CAPTURE_NOT_DPDK: {
    means: 'The driver has no DPDK port: the kernel has its frames.',
    fix: 'Use tcpdump or tshark on the interface.',
  },
  CAPTURE_TIMEOUT: {
    means: 'The driver did not answer who wants to capture.',
    fix: 'Look by "aeron-bypass stat" whether it runs, and is an aeron-bypass driver of this release.',
  },
  CLIENT_CLOSED: {
    means: 'The client was closed, by the application.',
    fix: 'Ask before it is closed, or connect another.',
  },
  CLIENT_TIMEOUT: {
    means: 'The driver saw no sign of life from this client for its liveness timeout, and gave it up.',
    fix: `Do not block the event loop, or call aeron.doWork() more often. ${CONNECT_AGAIN}`,
  },
  CNC_MALFORMED: {
    means: 'A length in the CnC file cannot be.',
    fix: 'Start the driver anew: something has written over its file, or it is none.',
  },
  CNC_NOT_FOUND: {
    means: 'There is no CnC file: no driver has run there.',
    fix: 'Start one, or set aeron.dir to where it is.',
  },
  CNC_NOT_MAPPED: {
    means: 'The CnC file is there and cannot be mapped; the cause is in the message.',
    fix: 'Most often a matter of rights: run as the user of the driver, or in its group.',
  },
  CNC_NOT_READY: {
    means: 'The CnC file is not complete: the driver may be starting.',
    fix: 'Try again.',
  },
  CNC_TRUNCATED: {
    means: 'The CnC file is shorter than what its metadata says.',
    fix: 'Start the driver anew, with room in the file system of aeron.dir.',
  },
  CNC_VERSION: {
    means: 'The driver speaks another version of the control protocol than is asked of it.',
    fix: 'Use a driver and a client of the same major version.',
  },
  CONDUCTOR_SERVICE_TIMEOUT: {
    means: "This client was not run for longer than the driver's client liveness timeout.",
    fix: `Do not block the event loop, or call aeron.doWork() more often. ${CONNECT_AGAIN}`,
  },
  CONFIGURATION: {
    means: 'A setting cannot work, or not with another one. Nothing was started.',
    fix: SAY_WHICH,
  },
  COUNTERS_EXHAUSTED: {
    means: 'All counters of the driver are in use.',
    fix: 'Close what is not needed, or restart the driver with a larger aeron.counters.buffer.length.',
  },
  DPDK_ADDRESS_IN_USE: {
    means: 'Another host answers for our address.',
    fix: 'Give one of the two another address, or set aeron.dpdk.address.probes=0 to start anyway.',
  },
  DPDK_ALREADY_INITIALISED: {
    means: 'EAL runs in this process already, with other arguments.',
    fix: 'Use the same for every port of the process, or another process.',
  },
  DPDK_INIT: {
    means: 'EAL refused its arguments, or found something missing; its last lines are in the message.',
    fix: 'Correct it and restart: EAL has one try per process. "aeron-bypass doctor" looks for causes.',
  },
  DPDK_NO_HUGEPAGES: {
    means: 'No hugepages are free, and packet buffers need some.',
    fix: 'Reserve them, or let EAL use ordinary pages, with virtual devices only.',
  },
  DPDK_NO_PORT: {
    means: 'DPDK has no such port.',
    fix: 'Bind a card ("aeron-bypass nic"), or add a virtual device; check the port id.',
  },
  DPDK_PORT: {
    means: 'The port cannot be set up as it is wanted.',
    fix: 'Adjust MTU, queues and their sizes to the port, or reserve more memory.',
  },
  DPDK_PORT_BUSY: {
    means: 'The port is open already, in this process.',
    fix: 'Close its transport first, or use another port.',
  },
  DPDK_PORT_IN_USE: {
    means: 'A running driver has a DPDK port, and what is asked would take it away.',
    fix: 'Stop that driver first, or use another port.',
  },
  DPDK_TAP: {
    means: 'DPDK could not make the TAP interface.',
    fix: 'It needs /dev/net/tun, CAP_NET_ADMIN, the driver net_tap, and a name that no interface has.',
  },
  DRIVER_ACTIVE: {
    means: 'Another driver lives in this directory.',
    fix: 'Stop it, or choose another with aeron.dir.',
  },
  DRIVER_BUFFER_FULL: {
    means: 'The driver has not read its commands for so long that there is no room for another.',
    fix: 'Look whether it gets to run ("aeron-bypass stat").',
  },
  DRIVER_CLOSED: {
    means: 'The driver was shut down.',
    fix: 'Connect again when one runs.',
  },
  DRIVER_DIRECTORY: {
    means: 'The Aeron directory cannot be made, read, or safely removed.',
    fix: 'Choose one with aeron.dir that can, and that nothing else is in; in memory if possible.',
  },
  DRIVER_TIMEOUT: {
    means: 'No driver is alive there, or it did not answer in time.',
    fix: 'Start one, or let it run; connect again.',
  },
  EADDRINUSE: {
    means: 'The UDP port is taken, by this driver or by somebody else.',
    fix: 'Choose another port.',
  },
  EADDRNOTAVAIL: {
    means: 'The address is none of this machine, or of its DPDK ports.',
    fix: SAY_WHICH,
  },
  ENOBUFS: {
    means: 'A bounded table of the IP stack is full: groups, or neighbours.',
    fix: 'Use fewer.',
  },
  IMAGE_NOT_MAPPED: {
    means: 'The log of a stream that arrives cannot be mapped; the cause is in the message.',
    fix: 'If it is gone, this client did not run while the stream came and went. Otherwise look at rights and memory.',
  },
  INVALID_CHANNEL: {
    means: 'The channel is no channel URI, or has a parameter that cannot be.',
    fix: SAY_WHICH,
  },
  INVALID_DURATION: { means: 'The text is no duration.', fix: 'Write 200ms, 5s, or nanoseconds.' },
  INVALID_INTERFACE: {
    means: 'The text is no address of this machine.',
    fix: 'Write 10.0.0.1 or 10.0.0.1/24.',
  },
  INVALID_PEER: {
    means: 'The text names no host that can be asked.',
    fix: 'Write 10.0.0.2, 10.0.0.2:40123, [fd00::2]:40123 or host:40123.',
  },
  INVALID_SIZE: { means: 'The text is no size.', fix: 'Write 64k, 16m, 1g, or bytes.' },
  IP_COMMAND: { means: 'The command "ip" failed.', fix: 'Install iproute2 4.18 or later.' },
  LOSS_REPORT_NOT_FOUND: {
    means: 'There is no loss report: no driver has run there.',
    fix: 'Start one, or give its folder by --dir.',
  },
  MALFORMED_EVENT: {
    means: 'The driver sent what is no event, or named a counter that there is not.',
    fix: 'Use a driver and a client of the same major version; otherwise its memory was written over.',
  },
  MALFORMED_FRAME: {
    means: 'A log has a frame that cannot be. The image is closed.',
    fix: 'The log was damaged, or is none. Subscribe again.',
  },
  MALFORMED_LOG: {
    means: 'A file is no log buffer that can be read.',
    fix: 'Use a driver and a client of the same major version; otherwise its memory was written over.',
  },
  MAX_POSITION_EXCEEDED: {
    means: 'The stream has reached the last position it can have.',
    fix: 'Add the publication again for a new stream, or use longer terms (term-length=).',
  },
  MESSAGE_TOO_LONG: {
    means: 'A message of the command line is longer than the channel carries.',
    fix: 'Send it as a file, or use a channel with a larger term-length.',
  },
  NATIVE_NOT_BUILT: {
    means: 'There is no native addon for this Node.',
    fix: 'Run "npm run setup", or "node tools/setup.mjs" in the folder of the package.',
  },
  NATIVE_NOT_LOADED: {
    means: 'The native addon is there and cannot be loaded; the cause is in the message.',
    fix: 'Build it again: "npm run setup".',
  },
  NETWORK_THREAD_FAILED: {
    means: 'A network thread of the driver ended, or did not start in time.',
    fix: 'The message has its error; a machine that needs longer has aeron.network.start.timeout.',
  },
  NIC_BIND: {
    means: 'A step of binding a card failed.',
    fix: 'The message says which, and whether everything is as it was; otherwise "aeron-bypass nic restore".',
  },
  NIC_BOUND: {
    means: 'The card has another DPDK driver already.',
    fix: 'Give it back first, or take that one.',
  },
  NIC_BUSY: { means: 'Another process is binding cards.', fix: 'Wait for it to end.' },
  NIC_GROUP: {
    means: 'The card shares its IOMMU group, and vfio-pci takes all of a group or none.',
    fix: '--group takes them all; a slot of its own, or ACS in the firmware, makes a group of its own.',
  },
  NIC_IN_USE: { means: 'A process uses the card.', fix: 'Stop it first.' },
  NIC_IOMMU: {
    means: 'The driver that is asked for sets up no IOMMU, and the one of the card would stop its accesses.',
    fix: 'Use vfio-pci, or boot with iommu=pt.',
  },
  NIC_NOT_FOUND: { means: 'There is no such network card.', fix: SAY_WHICH },
  NIC_NO_DPDK_DRIVER: { means: 'DPDK has no driver for the card.', fix: '--force takes it.' },
  NIC_NO_IOMMU: {
    means: 'vfio-pci needs an IOMMU, and the card is behind none.',
    fix: 'Switch it on, or give --no-iommu, which lets the card write anywhere in memory.',
  },
  NIC_NO_MODULE: {
    means: 'The kernel has no such module.',
    fix: 'Install it (the message says which package), or use another --driver.',
  },
  NIC_PERMISSION: { means: 'Binding cards takes root.', fix: 'Run it by sudo; --dry-run shows the steps.' },
  NIC_RESTORE: {
    means: 'A card could not be given back as it was.',
    fix: 'The message says what is left to do; the record stays, so the same command goes on.',
  },
  NIC_STATE: {
    means: 'The record of bindings cannot be read.',
    fix: 'Correct it, or move it away and give cards back with "aeron-bypass nic unbind".',
  },
  NIC_UNSAFE: {
    means: 'Taking the card would cut this machine off: it carries the default route, or who is logged in.',
    fix: '--force takes it nevertheless.',
  },
  NOT_A_FILE: { means: 'Only regular files have a length and an end.', fix: 'Name one.' },
  NO_DPDK_PORT: {
    means: 'The driver, or the settings, have no DPDK port.',
    fix: 'Set aeron.dpdk.local.ipv4.address, or ask the kernel ("ss -u", "nstat").',
  },
  NO_PONG: { means: 'Nobody answers a ping.', fix: 'Start "aeron-bypass pong".' },
  NO_TRANSPORT: { means: 'The driver was started without a network.', fix: 'Only aeron:ipc works there.' },
  PUBLICATION_CLOSED: {
    means: 'The publication was closed, by the application.',
    fix: 'Ask before it is closed, or add another.',
  },
  PUBLICATION_ENDED: {
    means: 'A publication of the command line takes no more messages.',
    fix: 'The message says why: publish again.',
  },
  SIDE_CONFUSED: { means: 'A process of the demo answered something else.', fix: 'Report it.' },
  SIDE_EXITED: { means: 'A process of the demo ended early.', fix: 'What it wrote is in the message.' },
  SIDE_FAILED: { means: 'A process of the demo failed.', fix: 'Its error is in the message.' },
  SIDE_SILENT: {
    means: 'A process of the demo did not answer in time.',
    fix: 'Run it again on a machine that has less to do.',
  },
  TRANSFER_BROKEN: {
    means: 'A file did not arrive whole.',
    fix: 'Subscribe and publish again.',
  },
};

/** A code that an error may be made with; whoever passes on one of the operating system or of a driver says so by a cast. */
export type ErrorName = ProgramErrorName;
