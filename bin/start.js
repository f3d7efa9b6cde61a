import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

/** Runs the command line program from the compiled sources, or says how to compile them. */
export async function start(program, args) {
  const main = new URL('../dist/src/cli/main.js', import.meta.url);
  if (!existsSync(main)) {
    process.stderr.write(`${program}: not built yet. Run: npm run setup\n`);
    process.exit(1);
  }
  // Whether a duty cycle makes garbage must not depend on what V8 finds room to inline: a double that crosses a call
  // that is not inlined is boxed. Set before any of the code is compiled.
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=5000');
  const { runCli } = await import(main.href);
  process.exitCode = await runCli(program, args);
}
