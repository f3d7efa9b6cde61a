import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NIC_COMMAND_NAMES } from '../../src/cli/commands/nic.ts';
import { COMMAND_NAMES } from '../../src/cli/main.ts';

const FOLDER = new URL('../../../packaging/systemd/', import.meta.url);
const UNITS: readonly string[] = readdirSync(FOLDER).filter((name) => name.endsWith('.service'));

function linesOf(unit: string): string[] {
  return readFileSync(new URL(unit, FOLDER), 'utf8').split('\n');
}

test('should start only commands that there are', () => {
  for (const unit of UNITS) {
    const commands = linesOf(unit).flatMap((line) => /^Exec\w+=aeron-bypass (.*)$/.exec(line)?.[1] ?? []);
    assert.notEqual(commands.length, 0, unit);
    for (const command of commands) {
      const [name = '', sub = ''] = command.split(' ');
      assert.ok(COMMAND_NAMES.includes(name), `${unit}: ${command}`);
      if (name === 'nic') assert.ok(NIC_COMMAND_NAMES.includes(sub), `${unit}: ${command}`);
    }
  }
});

test('should bind cards before the driver starts, and restrict no devices', () => {
  const card = linesOf('aeron-bypass-nic@.service');
  assert.ok(card.includes('Before=aeron-bypass.service'));
  assert.ok(card.includes('RequiredBy=aeron-bypass.service'));
  const driver = linesOf('aeron-bypass.service');
  assert.ok(driver.includes('LimitMEMLOCK=infinity'));
  assert.ok(!driver.some((line) => /^(?:DeviceAllow|DevicePolicy|PrivateDevices|ProtectClock)=/.test(line)));
});
