// hot
import { ErrorCode } from '../cnc/error-codes.ts';
import type { Agent } from '../concurrent/agent.ts';
import { messageOf } from '../util/errors.ts';
import type { Conductor } from './conductor/conductor.ts';
import type { ErrorReporter } from './conductor/error-reporter.ts';
import type { RunningNetwork } from './network-link.ts';

/** What a driver runs in the isolate it was launched in: the conductor and, in SHARED and INVOKER, the network agent. */
export class DriverAgent implements Agent {
  readonly roleName: string;
  private readonly network: RunningNetwork;
  private readonly conductor: Conductor;
  private readonly errors: ErrorReporter;

  constructor(roleName: string, network: RunningNetwork, conductor: Conductor, errors: ErrorReporter) {
    this.roleName = roleName;
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
