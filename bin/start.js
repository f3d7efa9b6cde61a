import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

/** Runs the command line program from the compiled sources, or says how to compile them. */
export async function start(program, args) {
  const main = new URL('../dist/src/cli/main.js', import.meta.url);
  if (!existsSync(main)) {
    process.stderr.write(`${program}: not built yet. Run: npm run setup\n`);
    process.exit(1);
  }
  const { V8_FLAGS } = await import('../dist/src/util/v8-flags.js');
  for (const flag of V8_FLAGS) setFlagsFromString(flag);
  const { runCli } = await import(main.href);
  process.exitCode = await runCli(program, args);
}
