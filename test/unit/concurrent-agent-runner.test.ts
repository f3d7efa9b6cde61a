import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Agent } from '../../src/concurrent/agent.ts';
import { AgentRunner } from '../../src/concurrent/agent-runner.ts';
import {
  BackoffIdleStrategy,
  createIdleStrategy,
  type IdleStrategy,
} from '../../src/concurrent/idle-strategy.ts';
import { ConfigurationError } from '../../src/util/errors.ts';

const failOnError = (error: unknown): void => {
  throw error;
};

class CountingAgent implements Agent {
  readonly roleName = 'counting';
  readonly calls: string[] = [];
  cycles = 0;
  onCycle: () => number = () => 0;

  onStart(): void {
    this.calls.push('onStart');
  }

  doWork(): number {
    this.cycles++;
    return this.onCycle();
  }

  async onClose(): Promise<void> {
    this.calls.push('onClose');
  }
}

const strategies: [string, IdleStrategy | 'event-loop'][] = [
  ['spin', createIdleStrategy('spin')],
  ['backoff', new BackoffIdleStrategy(1, 1, 1_000, 100_000)],
  ['event-loop', 'event-loop'],
];

describe('AgentRunner', () => {
  for (const [name, idleStrategy] of strategies) {
    test(`runs duty cycles and leaves the event loop its turns, with ${name}`, async () => {
      const agent = new CountingAgent();
      const runner = new AgentRunner(agent, { idleStrategy, errorHandler: failOnError });
      await runner.start();
      for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setTimeout(resolve, 1));
      assert.ok(agent.cycles > 0);
      await runner.close();
      const cycles = agent.cycles;
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(agent.cycles, cycles);
      assert.deepEqual(agent.calls, ['onStart', 'onClose']);
      assert.equal(runner.isClosed, true);
    });
  }

  test('hands what the agent throws to the error handler and goes on', async () => {
    const agent = new CountingAgent();
    const errors: unknown[] = [];
    const reached = new Promise<void>((resolve) => {
      agent.onCycle = () => {
        if (agent.cycles === 2) throw new Error('second cycle');
        if (agent.cycles === 5) resolve();
        return 1;
      };
    });
    const runner = new AgentRunner(agent, {
      idleStrategy: 'event-loop',
      errorHandler: (error) => errors.push(error),
    });
    await runner.start();
    await reached;
    await runner.close();
    assert.deepEqual(
      errors.map((error) => (error as Error).message),
      ['second cycle'],
    );
  });

  test('can be closed from inside a duty cycle, and twice', async () => {
    const agent = new CountingAgent();
    const runner = new AgentRunner(agent, { idleStrategy: 'event-loop', errorHandler: failOnError });
    let closed: Promise<void> | null = null;
    const asked = new Promise<void>((resolve) => {
      agent.onCycle = () => {
        closed ??= runner.close();
        resolve();
        return 1;
      };
    });
    await runner.start();
    await asked;
    await closed;
    await runner.close();
    assert.equal(agent.cycles, 1);
    assert.deepEqual(agent.calls, ['onStart', 'onClose']);
  });

  test('rejects start with the reason when the agent cannot start', async () => {
    const agent: Agent = {
      roleName: 'broken',
      onStart: () => Promise.reject(new Error('no port')),
      doWork: () => 0,
    };
    const runner = new AgentRunner(agent, { idleStrategy: 'event-loop', errorHandler: failOnError });
    await assert.rejects(runner.start(), /no port/);
    assert.equal(runner.isClosed, true);
    await runner.close();
  });
});

describe('createIdleStrategy', () => {
  test('knows every alias', () => {
    for (const alias of ['noop', 'spin', 'yield', 'sleep-ns', 'sleeping', 'sleep-ms', 'backoff']) {
      const strategy = createIdleStrategy(alias);
      assert.equal(strategy.alias, alias);
      strategy.idle(0);
      strategy.idle(1);
      strategy.reset();
    }
  });

  test('obeys its counter when controllable', () => {
    let status = 1;
    const strategy = createIdleStrategy('controllable', '', { getVolatile: () => status });
    for (; status < 5; status++) strategy.idle(0);
    assert.throws(() => createIdleStrategy('controllable'), ConfigurationError);
  });

  test('refuses unknown names and arguments with the allowed ones', () => {
    assert.throws(() => createIdleStrategy('nap'), /"nap" is not known.*backoff/);
    assert.throws(() => createIdleStrategy('backoff', '1-2-x'), /"1-2-x".*at most 4 integers/);
    assert.throws(() => createIdleStrategy('sleep-ns', '5-5'), /at most 1/);
    assert.equal(createIdleStrategy('backoff', '1-2-3-4').alias, 'backoff');
  });
});
