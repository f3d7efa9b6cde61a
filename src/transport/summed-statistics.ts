import type { TransportStatistics } from './transport-statistics.ts';

type Count = {
  [Name in keyof TransportStatistics]-?: TransportStatistics[Name] extends number ? Name : never;
}[keyof TransportStatistics];

/** What several transports did together. */
export class SummedStatistics implements TransportStatistics {
  private readonly parts: readonly TransportStatistics[];

  constructor(parts: readonly TransportStatistics[]) {
    this.parts = parts;
  }

  get datagramsSent(): number {
    return this.sum('datagramsSent');
  }

  get bytesSent(): number {
    return this.sum('bytesSent');
  }

  get datagramsReceived(): number {
    return this.sum('datagramsReceived');
  }

  get bytesReceived(): number {
    return this.sum('bytesReceived');
  }

  get shortSends(): number {
    return this.sum('shortSends');
  }

  get sendErrors(): number {
    return this.sum('sendErrors');
  }

  get receiveErrors(): number {
    return this.sum('receiveErrors');
  }

  get invalidSends(): number {
    return this.sum('invalidSends');
  }

  get datagramsHandedOver(): number {
    return this.sum('datagramsHandedOver');
  }

  get handOversDropped(): number {
    return this.sum('handOversDropped');
  }

  get lastError(): string {
    return this.parts.find(({ lastError }) => lastError !== '')?.lastError ?? '';
  }

  /** Cold. */
  takeReport(): string {
    for (const part of this.parts) {
      const report = part.takeReport?.() ?? '';
      if (report !== '') return report;
    }
    return '';
  }

  private sum(count: Count): number {
    return this.parts.reduce((total, part) => total + part[count], 0);
  }
}
