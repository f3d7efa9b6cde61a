/** What a checker found: the run ends with it. */
export class SimulationFailure extends Error {
  override name = 'SimulationFailure';
}

export function fail(message: string): never {
  throw new SimulationFailure(message);
}

export function check(isTrue: boolean, message: () => string): void {
  if (!isTrue) fail(message());
}
