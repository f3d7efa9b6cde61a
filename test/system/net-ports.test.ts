/** The stack over ports that need no other host. `bypass-veth` has those with a kernel at the other end, `net-golden` files. */
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';

const STACK = new URL('../support/stack-on-port.js', import.meta.url).pathname;

describe('the stack', { skip: SKIP_WITHOUT_DPDK }, () => {
  for (const [driver, what] of [
    ['net_ring', 'answers, delivers, puts together, sends and drops what comes back to it'],
    ['net_null', 'drops zeros for one reason each and goes on asking'],
  ] as const) {
    test(`${what}, over ${driver}`, (t) => {
      t.diagnostic(
        execFileSync(process.execPath, [STACK, driver], { encoding: 'utf8', timeout: 60_000 }).trim(),
      );
    });
  }
});
