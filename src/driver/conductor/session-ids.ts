/** Chooses session ids: one after the other from a random start, with a range left out that users may choose from. */
export class SessionIds {
  private readonly reservedLow: number;
  private readonly reservedHigh: number;
  private nextId: number;

  constructor(start: number, reservedLow: number, reservedHigh: number) {
    this.nextId = start;
    this.reservedLow = reservedLow;
    this.reservedHigh = reservedHigh;
  }

  /** The next id that `isTaken` does not refuse; it refuses finitely many. */
  next(isTaken: (sessionId: number) => boolean): number {
    for (;;) {
      const id = this.isReserved(this.nextId) ? (this.reservedHigh + 1) | 0 : this.nextId;
      this.nextId = (id + 1) | 0;
      if (!isTaken(id)) return id;
    }
  }

  private isReserved(id: number): boolean {
    return id >= this.reservedLow && id <= this.reservedHigh;
  }
}
