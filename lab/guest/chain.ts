/** A card's way from the kernel to a driver and back, by the commands that people use. */
import assert from 'node:assert/strict';
import { CAPTURE, CAPTURED_FRAMES } from '../capture-check.ts';
import { CARD_A, CARD_B, driverOf, interfaceOf, MANAGEMENT, OUT, ping, run, step } from './lab.ts';
import { aeronBypass, configurationOf, configure, nic, nicRefused } from './nic.ts';
import { directoryOf, type End, exchange, kill9, startEndlessExchange } from './sides.ts';

const CARDS = [CARD_A, CARD_B, MANAGEMENT];
const MESSAGES = 50_000;
const MESSAGES_AFTER_KILL = 5_000;
const a: End = { wire: CARD_A, address: '10.7.0.1' };
const b: End = { wire: CARD_B, address: '10.7.0.2' };

interface ListedCard {
  readonly address: string;
  readonly isSafe: boolean;
  readonly carriesDefaultRoute: boolean;
  readonly dpdkDriver: object | null;
}

configure();
const before = CARDS.map(configurationOf);

await step('nic list shows every card, and that one carries the default route', () => {
  const { cards } = JSON.parse(nic('list', '--json')) as { cards: ListedCard[] };
  assert.deepEqual(
    CARDS.map((pci) => cards.find(({ address }) => address === pci)).map((card) => [
      card?.isSafe,
      card?.carriesDefaultRoute,
      card?.dpdkDriver !== null,
    ]),
    [
      [true, false, true],
      [true, false, true],
      [false, true, true],
    ],
  );
});

await step('nic bind refuses the card with the default route, and changes nothing', () => {
  nicRefused(/default route/, 'bind', MANAGEMENT);
  assert.deepEqual(CARDS.map(configurationOf), before);
});

await step('nic bind takes a card by its interface and one by its PCI address', () => {
  const names = [interfaceOf(CARD_A), interfaceOf(CARD_B)];
  nic('bind', names[0]!);
  nic('bind', CARD_B);
  assert.deepEqual([CARD_A, CARD_B].map(driverOf), ['vfio-pci', 'vfio-pci']);
  const left = run('ip', '-o', 'link');
  for (const name of names) assert.doesNotMatch(left, new RegExp(`\\b${name}\\b`));
});

await step(`drivers on both cards exchange ${2 * MESSAGES} messages`, () => exchange(a, b, MESSAGES));

const sides = await step('drivers at work', () => startEndlessExchange(a, b));

await step(`capture writes ${CAPTURED_FRAMES} of their frames`, () => {
  const args = ['--dir', directoryOf(a), '-w', `${OUT}/${CAPTURE}`, '-c', String(CAPTURED_FRAMES)];
  const { status, stderr } = aeronBypass('capture', ...args);
  assert.equal(status, 0, stderr);
});

await step('kill -9', () => kill9(sides));

await step('drivers started again exchange as before', () => exchange(a, b, MESSAGES_AFTER_KILL));

await step('nic restore gives every card back as it was', () => {
  nic('restore');
  assert.deepEqual(CARDS.map(configurationOf), before);
});

await step('the kernel reaches one card from the other', () => {
  const name = interfaceOf(CARD_B);
  run('ip', 'netns', 'add', 'b');
  run('ip', 'link', 'set', name, 'netns', 'b');
  run('ip', '-n', 'b', 'address', 'add', '10.7.0.2/24', 'dev', name);
  run('ip', '-n', 'b', 'link', 'set', name, 'up');
  ping('10.7.0.2');
});
