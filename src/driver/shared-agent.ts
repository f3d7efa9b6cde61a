// hot
import { ErrorCode } from '../cnc/error-codes.ts';
import type { Agent } from '../concurrent/agent.ts';
import { messageOf } from '../util/errors.ts';
import type { Conductor } from './conductor/conductor.ts';
import type { ErrorReporter } from './conductor/error-reporter.ts';
import type { RunningNetwork } from './network-link.ts';

/** The conductor and the network agent of one isolate, in turns: SHARED and INVOKER. */
export class SharedAgent implements Agent {
  readonly roleName = '[sender, receiver, conductor]';
  private readonly network: RunningNetwork;
  private readonly conductor: Conductor;
  private readonly errors: ErrorReporter;

  constructor(network: RunningNetwork, conductor: Conductor, errors: ErrorReporter) {
    this.network = network;
    this.conductor = conductor;
    this.errors = errors;
  }

  /** Cold: one call for both, so that a defect of the data path does not silence the control plane. */
  doWork(): number {
    let workCount = 0;
    try {
      workCount = this.network.doWork();
    } catch (error) {
      this.errors.record(ErrorCode.GENERIC_ERROR, messageOf(error));
    }
    return workCount + this.conductor.doWork();
  }
}
