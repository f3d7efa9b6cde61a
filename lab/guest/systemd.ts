/** The units that the package brings, under systemd: they take the card, run the driver, and give the card back. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../root.ts';
import { CARD_A, CARD_B, driverOf, interfaceOf, ping, run, say, step } from './lab.ts';
import { configurationOf, configure, PROGRAM } from './nic.ts';
import { kernelEnd } from './sides.ts';

const UNITS = join(ROOT, 'packaging/systemd');
const CARD = `aeron-bypass-nic@${CARD_A}.service`;
const DRIVER = 'aeron-bypass.service';
const ADDRESS = '10.7.0.1';
const USER = 'nobody';
const ENVIRONMENT = `EAL_ARGUMENTS=-a ${CARD_A} --
AERON_DPDK_LOCAL_IPV4_ADDRESS=${ADDRESS}/24
AERON_DPDK_USER=${USER}
AERON_DIR=/dev/shm/aeron-service
AERON_NETWORK_START_TIMEOUT=600s
`;

/** A property of a unit, as `systemctl show` has it. */
function property(unit: string, name: string): string {
  return run('systemctl', 'show', '--value', '--property', name, unit).trim();
}

/** Runs systemctl; when it fails, says what the units have to say. */
function systemctl(...args: string[]): void {
  try {
    run('systemctl', ...args);
  } catch (error) {
    for (const unit of [CARD, DRIVER]) say(run('sh', '-c', `systemctl status --full ${unit}; true`));
    throw error;
  }
}

/** The service's process, once it answers pings at the card. */
function answering(): string {
  ping(ADDRESS, 'b');
  return property(DRIVER, 'MainPID');
}

await step('the units are installed as the guide says', () => {
  for (const name of fs.readdirSync(UNITS)) {
    fs.copyFileSync(join(UNITS, name), join('/etc/systemd/system', name));
  }
  fs.mkdirSync('/etc/aeron-bypass', { recursive: true });
  fs.writeFileSync('/etc/aeron-bypass/driver.env', ENVIRONMENT);
  fs.symlinkSync(PROGRAM, '/usr/local/bin/aeron-bypass');
  systemctl('daemon-reload');
});

configure();
const before = configurationOf(CARD_A);
kernelEnd({ wire: 'kernel', namespace: 'b', address: '10.7.0.2' }, interfaceOf(CARD_B));

const pid = await step('systemctl enable --now takes the card and starts the driver, which answers', () => {
  systemctl('enable', '--now', CARD, DRIVER);
  assert.equal(driverOf(CARD_A), 'vfio-pci');
  return answering();
});

await step('the driver is no longer root', () => {
  const uid = run('id', '-u', USER).trim();
  for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
    const status = fs.readFileSync(`/proc/${pid}/task/${task}/status`, 'latin1');
    assert.match(status, new RegExp(`^Uid:\\s${uid}\\s${uid}\\s${uid}\\s${uid}$`, 'm'));
    assert.match(status, /^CapEff:\s0+$/m);
  }
});

await step('kill -9: systemd starts it again', () => {
  process.kill(Number(pid), 'SIGKILL');
  while (property(DRIVER, 'NRestarts') !== '1') run('sleep', '0.5');
  assert.notEqual(answering(), pid);
});

await step('systemctl stop ends it in order', () => {
  systemctl('stop', DRIVER);
  assert.deepEqual(
    ['ActiveState', 'Result', 'ExecMainStatus', 'NRestarts'].map((name) => property(DRIVER, name)),
    ['inactive', 'success', '0', '1'],
  );
});

await step('stopping the card gives it back as it was', () => {
  systemctl('stop', CARD);
  assert.deepEqual(configurationOf(CARD_A), before);
});
