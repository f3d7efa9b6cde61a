/**
 * A unit of work that runs in duty cycles: a conductor, a sender, a receiver, or several of them together.
 * Whoever runs it (an {@link AgentRunner}, or the caller in invoker mode) calls {@link Agent.doWork} from
 * one thread only.
 */
export interface Agent {
  /** Names the agent in thread names and error messages. */
  readonly roleName: string;
  /** Called once before the first duty cycle. */
  onStart?(): void | Promise<void>;
  /** One duty cycle. Returns how much was done; 0 lets the runner idle. */
  doWork(): number;
  /** Called once after the last duty cycle. */
  onClose?(): void | Promise<void>;
}
