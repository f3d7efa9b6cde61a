/**
 * `npm run fuzz -- [target…] [--seed N] [--count N | --seconds N]`: malformed frames, packets, commands and files for
 * everything that reads what strangers write. Without arguments: more than ten million malformed frames and a million
 * malformed commands.
 * A seed that is printed repeats its run.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzz } from './run.ts';
import { TARGETS } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, count: { type: 'string' }, seconds: { type: 'string' } },
});
const unknown = positionals.find((name) => TARGETS.every((target) => target.name !== name));
if (unknown !== undefined) {
  console.error(`no target is called ${unknown}: ${TARGETS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const milliseconds = values.seconds === undefined ? Number.POSITIVE_INFINITY : 1000 * Number(values.seconds);
console.log(`seed ${seed}`);
let frames = 0;
let commands = 0;
let others = 0;
for (const target of TARGETS) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  const count =
    values.count !== undefined
      ? Number(values.count)
      : values.seconds !== undefined
        ? Number.POSITIVE_INFINITY
        : target.count;
  const result = await fuzz(target, { seed, count, milliseconds });
  if (target.makes === 'frames') frames += result.malformed;
  else if (target.makes === 'commands') commands += result.malformed;
  else others += result.malformed;
  console.log(
    `${target.name.padEnd(8)} ${result.inputs} inputs, ${result.malformed} of them malformed, ` +
      `in ${(result.milliseconds / 1000).toFixed(1)} s, ` +
      `heap ${Math.round(result.heapGrowth / 1024)} KiB, other memory ${Math.round(result.externalGrowth / 1024)} KiB`,
  );
}
console.log(
  `malformed: ${frames} frames, ${commands} commands, ${others} events, files and messages: ` +
    'nothing crashed, hung or was kept',
);
